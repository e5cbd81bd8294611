"""The pages of the law: what they show, to whom, and the acts behind their buttons."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.asking.links import link_for, token_of
from governance.asking.models import Ask
from governance.audit.models import AuditEvent
from governance.constitution import services
from governance.constitution.models import ConstitutionVersion
from governance.people.models import Role, User
from governance.review.models import Review, Vote
from tests.constitution import acts
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PAGE = "/constitution/"


def reader() -> User:
    return UserFactory(roles=[Role.AUDITOR])


def page(client: Client, user: User, address: str) -> str:
    client.force_login(user)
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def address_of(version: ConstitutionVersion, name: str, *args: Any) -> str:
    return reverse(f"constitution-{name}", args=[version.sequence, *args])


def post_vote(client: Client, version: ConstitutionVersion, **changes: Any) -> Any:
    said = {"verdict": "approve", "comment": "", "seen_sha256": version.sha256}
    return client.post(address_of(version, "vote"), said | changes)


def test_a_new_portal_says_that_there_is_no_constitution_yet(client):
    said = page(client, acts.owner(), PAGE)
    assert "No constitution yet" in said
    assert 'enctype="multipart/form-data"' in said


def test_who_may_not_bring_in_law_reads_why(client):
    said = page(client, reader(), PAGE)
    assert 'aria-disabled="true"' in said
    assert "you need the role owner" in said
    assert "multipart" not in said


def test_before_the_first_ratification_the_page_says_what_is_missing(client):
    acts.imported()
    assert "Nothing is ratified yet" in page(client, reader(), PAGE)


def test_the_law_in_force_shows_its_articles_who_ratified_it_and_its_fingerprint(client):
    version = acts.submitted()
    acts.vote(version, acts.approver(name="Ada Approver"))
    said = page(client, reader(), PAGE)
    for part in (
        "Sample Constitution",
        "Test-First Development",
        "NON-NEGOTIABLE",
        ">MUST<",
        ">SHOULD<",
        "Ada Approver",
        version.sha256,
        "In force",
    ):
        assert part in said


def test_the_text_is_shown_without_doing_what_it_says(client):
    version = acts.imported("<script>alert(1)</script> ![x](https://example.org/x.png)")
    said = page(client, reader(), address_of(version, "version"))
    assert "<script>alert" not in said
    assert "<img" not in said


def test_pages_cost_the_same_for_one_version_and_for_many(client):
    acts.ratified()
    user = reader()
    client.force_login(user)
    few = queries(client)
    for number in range(5):
        acts.imported(f"Text {number}.", by=acts.owner())
    acts.submitted("In review.")
    assert queries(client) == few
    assert few <= 12


def queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as context:
        assert client.get(PAGE).status_code == 200
    return len(context)


def test_a_version_with_many_findings_costs_no_more(client):
    few, many = acts.imported(acts.VAGUE), acts.imported(acts.VAGUE * 8)
    client.force_login(reader())
    counts = []
    for version in (few, many):
        with CaptureQueriesContext(connection) as context:
            client.get(address_of(version, "version"))
        counts.append(len(context))
    assert counts[0] == counts[1]


def test_a_button_belongs_to_no_other_form(client):
    version = acts.submitted()
    for address in (PAGE, address_of(version, "version")):
        said = page(client, acts.approver(), address)
        assert not re.search(r"<button[^>]* form=", said)


@pytest.mark.parametrize("way", ["file", "text"])
def test_a_file_or_its_text_comes_in_as_the_same_draft(client, way):
    user = acts.owner()
    client.force_login(user)
    data: dict[str, Any] = {
        "file": {"file": SimpleUploadedFile("law.md", acts.raw())},
        "text": {"text": acts.raw().decode().replace("\n", "\r\n")},
    }[way]
    answer = client.post(reverse("constitution-import"), data)
    version = ConstitutionVersion.objects.get()
    assert answer["Location"] == address_of(version, "version")
    assert (bytes(version.raw), version.author) == (acts.raw(), user)
    assert "It is a draft" in client.get(answer["Location"]).content.decode()


def test_bringing_in_the_same_again_says_which_version_it_is(client):
    acts.imported()
    client.force_login(acts.owner())
    answer = client.post(reverse("constitution-import"), {"text": acts.raw().decode()}, follow=True)
    assert "it is version 1" in answer.content.decode()
    assert ConstitutionVersion.objects.count() == 1


@pytest.mark.parametrize("data", [{}, {"text": "  "}, {"file": "both", "text": "both"}])
def test_neither_nor_both_is_a_mistake_in_the_form(client, data):
    client.force_login(acts.owner())
    sent = dict(data)
    if "file" in sent:
        sent["file"] = SimpleUploadedFile("law.md", acts.raw())
    answer = client.post(reverse("constitution-import"), sent)
    assert answer.status_code == 400
    assert "one of the two" in answer.content.decode()
    assert not ConstitutionVersion.objects.exists()


def test_an_auditor_who_posts_a_text_anyway_is_refused_and_recorded(client):
    user = reader()
    client.force_login(user)
    answer = client.post(reverse("constitution-import"), {"text": acts.raw().decode()})
    assert answer.status_code == 403
    assert not ConstitutionVersion.objects.exists()
    assert AuditEvent.objects.get().stream_id == "refusals"


def test_the_whole_way_from_draft_to_law_by_its_buttons(client):
    author, voter = acts.owner(), acts.approver()
    version = acts.imported(acts.VAGUE, by=author)
    client.force_login(author)
    assert client.post(address_of(version, "submit")).status_code == 302
    assert "0 of 1 vote" in client.get(address_of(version, "version")).content.decode()
    client.force_login(voter)
    assert post_vote(client, version).status_code == 409
    for finding in version.findings:
        if finding["code"] == "VAGUE_WORD":
            client.post(address_of(version, "acknowledge", finding["key"]))
    answer = post_vote(client, version)
    assert answer.status_code == 302
    assert "is now the law" in client.get(answer["Location"]).content.decode()
    assert services.current() == version
    assert Vote.objects.get().method == "session"


def test_a_vote_through_the_mailed_link_is_recorded_as_such(client):
    version, voter = acts.submitted(), acts.approver()
    client.force_login(voter)
    link = link_for(Ask.objects.get(), voter, at=version.created_at)
    link.expires_at = link.expires_at.replace(year=2099)
    link.save()
    client.get(f"/r/{token_of(link)}/")
    assert not Vote.objects.exists()
    assert post_vote(client, version).status_code == 302
    assert Vote.objects.get().method == "mail_link"


def test_placeholders_stand_in_red_with_their_line_and_the_button_says_why(client):
    version = acts.imported(acts.UNFILLED)
    said = page(client, acts.owner(), address_of(version, "version"))
    assert "This text cannot be ratified" in said
    assert 'data-tone="bad"' in said
    assert "line 6" in said
    assert "Line 6: [PRINCIPLE_2_DESCRIPTION] is not filled in." in said
    assert 'aria-disabled="true"' in said


def test_the_author_sees_the_vote_disabled_with_the_sentence_and_is_refused(client):
    author = UserFactory(roles=[Role.OWNER, Role.APPROVER], is_superuser=True)
    version = acts.submitted(by=author)
    said = page(client, author, address_of(version, "version"))
    assert "somebody else has to vote" in said
    assert address_of(version, "vote") not in said
    assert "Withdraw from review" in said
    answer = post_vote(client, version)
    assert answer.status_code == 403
    assert "somebody else has to vote" in answer.content.decode()
    assert services.current() is None
    assert AuditEvent.objects.get(stream="refusals").actor == author.subject


def test_a_rejection_without_a_comment_is_a_mistake_in_the_form(client):
    version = acts.submitted()
    client.force_login(acts.approver())
    answer = post_vote(client, version, verdict="reject")
    assert answer.status_code == 400
    assert "Say what is wrong" in answer.content.decode()
    assert not Vote.objects.exists()


def test_votes_stand_there_with_names_and_comments(client):
    version = acts.submitted()
    acts.vote(version, acts.approver(name="Bo Approver"), "reject", comment="Too <b>short</b>.")
    said = page(client, reader(), address_of(version, "version"))
    assert "Bo Approver" in said
    assert "Too &lt;b&gt;short&lt;/b&gt;." in said


def test_an_outdated_review_offers_to_submit_again(client):
    author = acts.owner()
    waiting = acts.submitted("It waits.", by=author)
    acts.ratified()
    assert "The law changed meanwhile" in page(client, author, address_of(waiting, "version"))
    client.post(address_of(waiting, "submit"))
    assert Review.objects.filter(subject=waiting.subject, status="in_review").count() == 1


def test_the_download_is_the_bytes_as_they_came(client):
    raw = b"\xef\xbb\xbf" + acts.raw()
    version = services.import_constitution(raw=raw, by=acts.owner(), at=acts.NOW)
    client.force_login(reader())
    answer = client.get(address_of(version, "raw"))
    assert answer.content == raw
    assert answer["Content-Disposition"] == 'attachment; filename="constitution-1.md"'
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_opening_pages_changes_no_row(client):
    law, waiting = acts.ratified(), acts.submitted("It waits.")
    client.force_login(acts.approver())
    client.get(PAGE)
    before = everything()
    for version in (law, waiting):
        client.get(address_of(version, "version"))
        client.head(address_of(version, "version"))
        client.get(address_of(version, "raw"))
    client.get(PAGE)
    assert everything() == before


def everything() -> dict[str, Any]:
    """The rows of all domain tables; of sessions alone a reader leaves a trace."""
    rows = {}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label not in {"sessions", "usersessions"}:
            rows[model._meta.label] = list(model._default_manager.order_by("pk").values_list())
    return {
        label: repr([[plain(v) for v in row] for row in found]) for label, found in rows.items()
    }


def plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


ACTS = ["submit", "vote"]


@pytest.mark.parametrize("name", ACTS)
def test_acts_are_posts_only(client, name):
    version = acts.imported()
    client.force_login(acts.owner())
    assert client.get(address_of(version, name)).status_code == 405


@pytest.mark.parametrize("name", ACTS)
def test_acts_need_the_token_of_the_page(name):
    version = acts.imported()
    client = Client(enforce_csrf_checks=True)
    client.force_login(acts.owner())
    assert client.post(address_of(version, name)).status_code == 403
    assert not Review.objects.exists()


@pytest.mark.parametrize("name", ["version", "raw", *ACTS])
def test_strangers_and_visitors_learn_nothing(client, name):
    version = acts.ratified()
    address = address_of(version, name)
    call = client.post if name in ACTS else client.get
    assert call(address)["Location"].startswith(reverse("account_login"))
    client.force_login(UserFactory())
    said = {"verdict": "approve", "seen_sha256": version.sha256}
    assert call(address, said if name == "vote" else None).status_code == 404
    assert client.get(PAGE).status_code == 404
    assert client.get(f"{PAGE}versions/99/").status_code == 404
