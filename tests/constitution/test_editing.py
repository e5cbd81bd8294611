"""The editor of the law: what a text would change, and that nothing typed is lost."""

import html
import re
from typing import Any

import pytest

from governance.audit.models import AuditEvent
from governance.constitution.models import ConstitutionVersion
from governance.constitution.services import MAX_BYTES
from tests.constitution import acts

pytestmark = pytest.mark.django_db(transaction=True)
EDIT = "/constitution/edit/"


def text_of(answer: Any) -> str:
    return " ".join(html.unescape(answer.content.decode()).split())


def field(answer: Any) -> str:
    """What stands in the text field, as a browser would send it."""
    shown = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", answer.content.decode(), re.DOTALL)
    assert shown
    return html.unescape(shown[1]).replace("\n", "\r\n")


def send(client: Any, text: str, act: str = "save", newest: int = 1, url: str = EDIT) -> Any:
    return client.post(url, {"text": text, "act": act, "newest": newest})


@pytest.fixture
def law(client):
    version = acts.ratified()
    client.force_login(acts.owner())
    return version


def test_a_first_law_begins_with_a_form_whose_gaps_block_it(client):
    client.force_login(acts.owner())
    page = client.get(EDIT)
    preview = send(client, field(page), "preview", newest=0)
    assert "This text cannot be ratified yet" in text_of(preview)
    assert "[PRINCIPLE_1_NAME] is not filled in." in text_of(preview)
    send(client, field(page), newest=0)
    assert {"PLACEHOLDER"} <= {one["code"] for one in ConstitutionVersion.objects.get().findings}


def test_a_preview_names_the_level_the_changes_and_what_the_law_asks_for(client, law):
    before = AuditEvent.objects.count()
    text = acts.raw().decode().replace("MUST be written before", "SHOULD be written after")
    answer = send(client, text + "\nAnswers are fast.\n", "preview")
    page = text_of(answer).split('id="result"')[1]
    places = [
        page.index(words)
        for words in (
            "MAJOR",
            "the law in force; ratifying it takes 1 vote",
            "Once ratified it touches every approval.",
            "“fast” has no measure here",
            "The principles as the portal reads them",
            "The text by lines",
        )
    ]
    assert places == sorted(places)
    assert ConstitutionVersion.objects.count() == 1
    assert AuditEvent.objects.count() == before


def test_the_same_text_is_the_version_that_it_is(client, law):
    answer = send(client, field(client.get(EDIT)))
    assert answer["Location"] == law.get_absolute_url()
    assert ConstitutionVersion.objects.count() == 1


def test_what_is_saved_is_a_draft(client, law):
    answer = client.post(
        EDIT, {"text": acts.raw("More.").decode(), "act": "save", "newest": 1}, follow=True
    )
    assert answer.redirect_chain == [("/constitution/versions/2/", 302)]
    assert "Draft" in text_of(answer)


def test_who_wrote_the_draft_it_began_with_may_not_vote_on_it(client, law):
    first = acts.owner()
    client.force_login(first)
    text = acts.raw().decode()
    send(client, text + "\nOne more line.\n")
    draft = ConstitutionVersion.objects.latest("id")
    client.force_login(acts.owner())
    send(client, text + "\nOne more line of mine.\n", newest=2, url=f"{EDIT}?from=2")
    mine = ConstitutionVersion.objects.latest("id")
    assert mine.writers == {mine.author_id, draft.author_id}
    assert draft.writers == {first.pk}


def test_line_ends_of_the_file_stay(client):
    acts.services.import_constitution(
        raw=acts.raw().replace(b"\n", b"\r\n"), by=acts.owner(), at=acts.NOW
    )
    client.force_login(acts.owner())
    send(client, field(client.get(EDIT)).replace("plainer", "simpler"))
    newest = ConstitutionVersion.objects.order_by("-sequence").first()
    assert bytes(newest.raw) == acts.raw().replace(b"\n", b"\r\n").replace(b"plainer", b"simpler")


def test_who_saves_over_a_newer_version_is_told_first(client, law):
    acts.imported("Theirs.")
    mine = acts.raw("Mine.").decode()
    answer = send(client, mine)
    assert answer.status_code == 409
    assert 'href="/constitution/versions/2/"' in answer.content.decode()
    assert field(answer) == mine.replace("\n", "\r\n")
    assert send(client, mine, newest=2).status_code == 302


def test_a_refused_text_comes_back_with_the_sentence(client, law):
    for text, status, sentence in (
        ("", 400, "The file is empty."),
        ("x" * (MAX_BYTES + 1), 413, "A constitution may be at most 1 MB."),
    ):
        answer = send(client, text)
        assert answer.status_code == status
        assert sentence in text_of(answer)
        assert field(answer) == text


def test_who_may_not_propose_reads_why_and_keeps_the_text(client, law):
    client.force_login(acts.approver())
    assert "you need the role owner" in text_of(client.get(EDIT))
    answer = send(client, "Mine.")
    assert (answer.status_code, field(answer)) == (403, "Mine.")


def test_one_click_puts_a_safe_fix_into_the_text(client, law):
    text = acts.raw("hid\u200bden").decode()
    preview = send(client, text, "preview")
    (fix,) = re.findall(r'value="(fix:[0-9a-f]+)"', preview.content.decode())
    assert field(send(client, text, fix)) == acts.raw("hidden").decode().replace("\n", "\r\n")


@pytest.mark.parametrize("query", ["?from=9", "?from=x"])
def test_a_version_that_is_not_there_is_no_beginning(client, law, query):
    assert client.get(EDIT + query).status_code == 404
