"""What a reviewer opened is noted for all to see, and bars nobody from voting."""

from typing import Any

import pytest

from agents.editor.opened import open_part, told
from agents.models import Opened
from agents.reviewing import services as reviewing
from governance.base.errors import InvalidInput
from governance.people.models import Role
from tests.agents import acts
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
VERSION = "/agents/worker/versions/1/"
OPENED = f"{VERSION}opened/"


def page(client: Any, url: str = VERSION) -> str:
    return " ".join(client.get(url).content.decode().split())


@pytest.fixture
def in_review(client):
    version = acts.bring_in(raw=acts.definition())
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    return version


def reader(client: Any, *roles: str, name: str = "Eva") -> Any:
    user = UserFactory(roles=list(roles) or [Role.APPROVER], name=name)
    client.force_login(user)
    return user


def test_looking_at_a_page_opens_nothing(client, in_review):
    reader(client)
    page(client)
    page(client, f"{VERSION}diff/?view=side")
    assert client.get(OPENED).status_code == 405
    assert not Opened.objects.exists()


def test_the_first_time_a_part_is_opened_counts(client, in_review):
    eva = reader(client)
    for _ in range(2):
        answer = client.post(OPENED, {"part": "text", "next": VERSION})
        assert (answer.status_code, answer["Location"]) == (302, VERSION)
    row = Opened.objects.get()
    assert (row.version, row.user, row.part) == (in_review, eva, "text")


def test_a_script_is_answered_with_the_new_words(client, in_review):
    reader(client)
    answer = client.post(OPENED, {"part": "findings"}, headers={"Accept": "application/json"})
    assert answer.json() == {
        "opened": "opened the findings; not the text, the contract or the matrix",
        "text_note": "You have not opened the text yet.",
    }
    answer = client.post(OPENED, {"part": "side"}, headers={"Accept": "application/json"})
    assert answer.json()["text_note"] == ""


def test_the_vote_form_notes_that_the_text_is_unread_and_lets_the_person_vote(client, in_review):
    reader(client)
    note = '<p class="small" data-opened-text>'
    assert note in page(client)
    client.post(
        f"{VERSION}vote/",
        {"verdict": "approve", "comment": "", "seen_sha256": in_review.sha256},
    )
    assert "opened nothing yet" in page(client)
    assert note not in page(client)


def test_the_note_goes_once_the_text_was_opened(client, in_review):
    reader(client)
    client.post(OPENED, {"part": "inline"})
    assert '<p class="small" data-opened-text hidden>' in page(client)


def test_others_read_what_each_voter_opened(client, in_review):
    eva = reader(client, name="Eva")
    for part in ("text", "findings"):
        client.post(OPENED, {"part": part})
    acts.say(in_review, eva)
    reader(client, name="Otto")
    assert page(client).count("Eva opened the text and the findings; not the contract") == 2
    assert "Eva opened the text" in page(client, f"{VERSION}diff/")


def test_a_part_that_was_opened_has_no_button_any_more(client, in_review):
    reader(client)
    button = 'name="part" value="text"'
    assert button in page(client)
    client.post(OPENED, {"part": "text"})
    assert button not in page(client)


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_nobody_is_sent_elsewhere(client, in_review, address):
    reader(client)
    answer = client.post(OPENED, {"part": "text", "next": address})
    assert answer["Location"] == VERSION


def test_there_are_no_other_parts(client, in_review):
    with pytest.raises(InvalidInput):
        open_part(version_id=in_review.pk, part="soul", by=in_review.author, at=NOW)
    reader(client)
    assert client.post(OPENED, {"part": "soul"}).status_code == 400
    assert not Opened.objects.exists()


def test_what_was_opened_is_told_in_words():
    assert told(()) == "opened nothing yet"
    assert told(["side", "inline"]) == (
        "opened the text; not the findings, the contract or the matrix"
    )
    assert told(["text", "findings", "contract", "matrix"]) == (
        "opened the text, the findings, the contract and the matrix"
    )
