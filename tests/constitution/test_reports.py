"""The report on an amendment where people and machines read it; what became law, and how."""

from typing import Any

import pytest
from django.urls import reverse

from governance.constitution import services
from governance.constitution.models import Amendment
from governance.constitution.pages import history_of
from governance.people.models import Role
from governance.review.models import Review
from governance.review.services import latest_review
from tests.constitution import acts
from tests.constitution.test_amendments import MORE, TWO, WEAKER, WORDING
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db
API = "/api/v1/constitution/versions/"


def reader() -> Any:
    return UserFactory(roles=[Role.AUDITOR])


def page(client: Any, user: Any, name: str, version: Any, query: str = "") -> str:
    client.force_login(user)
    answer = client.get(reverse(name, args=[version.sequence]) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def post(client: Any, version: Any, **said: str) -> Any:
    client.force_login(acts.owner())
    return client.post(reverse("constitution-submit", args=[version.sequence]), said)


def test_the_page_says_the_level_what_differs_and_which_agents_it_touches(client):
    acts.enacted(acts.law("1.0.0", TWO))
    version = acts.brought_in(acts.law("2.0.0", TWO, WEAKER))
    services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    said = page(client, acts.approver(), "constitution-version", version)
    assert "Sync Impact Report" in said
    assert "MAJOR" in said
    assert "“Test-First Development” (NON-NEGOTIABLE)" in said
    assert "Tests SHOULD be written" in said
    assert "All of them" in said
    assert reverse("amendment-impact", args=[version.sequence]) in said
    assert "It takes 2 approvals" in said
    assert "The law in force says in line 12" in said


def test_a_draft_shows_what_it_would_be(client):
    acts.enacted(acts.law())
    version = acts.brought_in(acts.law("1.1.0", MORE))
    said = page(client, acts.owner(), "constitution-version", version)
    assert "Beside the law in force, version 1" in said
    assert "MINOR" in said


def test_who_votes_reads_first_that_the_level_was_set_lower(client):
    acts.enacted(acts.law())
    version = acts.brought_in(acts.law("1.0.1", WEAKER))
    answer = post(client, version, level="patch", override_reason="Nobody <b>kept</b> it.")
    assert answer.status_code == 302
    said = page(client, acts.approver(), "constitution-version", version)
    assert "The level was set lower than what changes" in said
    assert "Nobody &lt;b&gt;kept&lt;/b&gt; it." in said
    assert "The portal finds a MAJOR change; its submitter calls it PATCH." in said
    assert said.index("submitter calls it PATCH") < said.index('id="vote"')


def test_a_number_that_does_not_follow_is_a_mistake_in_the_form(client):
    acts.enacted(acts.law())
    version = acts.brought_in(acts.law("1.0.1", WEAKER))
    answer = post(client, version)
    assert answer.status_code == 409
    assert "call it 2.0.0" in answer.content.decode()
    assert latest_review(version.subject) is None
    assert post(client, version, override_reason="By quarter.").status_code == 302


def test_a_quorum_out_of_reach_is_said_at_once(client):
    rule = ("Amendments are approved", "Amendments need five approvals, each given")
    acts.enacted(acts.law("1.0.0", rule))
    Review.objects.get()
    for voter in services.ratifiers(acts_law()):
        voter.voter.is_active = False
        voter.voter.save()
    version = acts.brought_in(acts.law("1.0.1", rule, WORDING))
    assert "It could never pass" in page(client, acts.owner(), "constitution-version", version)
    answer = post(client, version)
    assert "can never pass" in client.get(answer["Location"]).content.decode()


def acts_law() -> Any:
    law = services.in_force(services.MAIN)
    assert law is not None
    return law


def test_a_text_that_was_law_can_be_proposed_again_from_its_page(client):
    first = acts.enacted(acts.law())
    acts.enacted(acts.law("2.0.0", WEAKER))
    said = page(client, acts.owner(), "constitution-version", first)
    assert "Propose this version again" in said
    assert "This text was law before" in said
    assert post(client, first).status_code == 302
    acts.vote(first, acts.approver())
    assert services.current() == first


def test_the_page_of_changes_compares_with_the_version_chosen(client):
    first = acts.enacted(acts.law())
    second = acts.enacted(acts.law("2.0.0", WEAKER))
    third = acts.brought_in(acts.law("2.1.0", WEAKER, MORE))
    said = page(client, reader(), "constitution-diff", third, f"?from={first.sequence}")
    assert "From version 1 to version 3" in said
    assert "binds less" in said
    said = page(client, reader(), "constitution-diff", third)
    assert f"From version {second.sequence} to version 3" in said
    assert "binds less" not in said
    assert "diff-add" in page(client, reader(), "constitution-diff", third, "?view=inline")


@pytest.mark.parametrize(("query", "status"), [("?from=99", 404), ("?from=x", 400)])
def test_the_page_of_changes_refuses_what_is_not_there(client, query, status):
    version = acts.enacted(acts.law())
    client.force_login(reader())
    address = reverse("constitution-diff", args=[version.sequence]) + query
    assert client.get(address).status_code == status


def test_the_report_for_the_file_is_one_comment_that_its_text_cannot_end(client):
    acts.enacted(acts.law())
    version = acts.brought_in(
        acts.law("1.1.0", ("## Governance", "### III. Arrows --> out\nA MUST.\n\n## Governance"))
    )
    client.force_login(reader())
    answer = client.get(reverse("constitution-report", args=[version.sequence]))
    text = answer.content.decode()
    assert answer["Content-Type"].startswith("text/markdown")
    assert text.startswith("<!--\nSync Impact Report\n")
    assert "Version change: 1.0.0 → 1.1.0 (MINOR)" in text
    assert "Added principles:\n  - Arrows" in text
    assert "Removed principles: none" in text
    assert text.count("-->") == 1
    assert text.endswith("-->\n")
    again = acts.brought_in(text.encode() + bytes(version.raw))
    assert [p.key for p in again.principles.all()] == [p.key for p in version.principles.all()]


def test_the_amendments_are_listed_with_level_voters_and_comparison(client):
    acts.enacted(acts.law())
    version = acts.brought_in(acts.law("1.0.1", WEAKER))
    services.submit_version(
        version_id=version.pk, by=acts.owner(), at=NOW, level="patch", override_reason="Small."
    )
    acts.vote(version, acts.approver(name="Ada Approver"))
    client.force_login(reader())
    said = client.get("/constitution/").content.decode()
    assert "Ada Approver" in said
    assert "Set lower" in said
    assert f"{reverse('constitution-diff', args=[2])}?from=1" in said


def test_the_list_of_amendments_costs_the_same_for_one_and_for_many(django_assert_num_queries):
    acts.enacted(acts.law())
    with django_assert_num_queries(2):
        assert len(history_of(services.MAIN)) == 1
    for number, change in (("2.0.0", WEAKER), ("3.0.0", TWO)):
        acts.enacted(acts.law(number, change))
    with django_assert_num_queries(2):
        rows = history_of(services.MAIN)
        assert [(row.ratification.version.sequence, row.label) for row in rows] == [
            (3, "MAJOR"),
            (2, "MAJOR"),
            (1, "MAJOR"),
        ]


def test_what_goes_first_in_a_conflict_stands_on_the_page_with_its_line(client):
    said = "This constitution supersedes all other practices.\nAmendments"
    version = acts.brought_in(acts.law("1.0.0", ("Amendments", said)))
    shown = page(client, reader(), "constitution-version", version)
    assert "What goes first in a conflict" in shown
    assert 'supersedes all other practices. <span class="muted num">line 12</span>' in shown


def test_other_names_are_read_from_title_and_text():
    version = acts.brought_in(
        acts.law(
            "1.0.0", ("### II. Simplicity\n", "### II. Simplicity (also: KISS)\nAlias: Less.\n")
        )
    )
    assert version.principles.last().aliases == ["KISS", "Less"]
    assert version.principles.last().title == "Simplicity"


# --- over the API --------------------------------------------------------------------------------


def test_the_api_tells_level_changes_and_votes_of_a_version(client):
    acts.enacted(acts.law("1.0.0", TWO))
    version = acts.brought_in(acts.law("2.0.0", TWO, WEAKER))
    client.force_login(reader())
    body = client.get(f"{API}{version.sequence}/").json()["amendment"]
    assert (body["base"], body["level"], body["computed_level"]) == (1, "major", "major")
    [change] = body["principles"]
    assert (change["kind"], change["key"]) == ("weakened", "test-first")
    assert "MUST" in change["before"]
    assert "SHOULD" in change["after"]
    assert body["touches_all"] is True
    assert (body["needed"]["votes"], body["needed"]["law_votes"], body["needed"]["line"]) == (
        2,
        2,
        12,
    )


def test_what_is_held_of_a_version_is_sent_again_once_its_report_differs(client):
    acts.enacted(acts.law())
    version = acts.brought_in(acts.law("2.0.0", WEAKER))
    client.force_login(reader())
    address = f"{API}{version.sequence}/"
    etag = client.get(address)["ETag"]
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 304
    acts.enacted(acts.law("1.1.0", MORE))
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 200


def test_a_person_submits_over_the_api_with_a_level_and_its_reason(client):
    acts.enacted(acts.law())
    version = acts.brought_in(acts.law("1.0.1", WEAKER))
    client.force_login(acts.owner())
    address = f"{API}{version.sequence}/submit/"
    refused = client.post(address, {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "version_number")
    refused = client.post(address, {"level": "patch"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (400, "override_without_reason")
    said = {"level": "patch", "override_reason": "Nobody kept it."}
    body = client.post(address, said, content_type="application/json").json()
    assert (body["level"], body["computed_level"], body["status"]) == (
        "patch",
        "major",
        "in_review",
    )
    assert "calls it PATCH" in body["warnings"][0]
    assert Amendment.objects.latest("id").override_reason == "Nobody kept it."
