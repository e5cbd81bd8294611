"""Lists in the browser and in the API."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents.models import Batch, Release
from agents.releasing.services import suspend
from governance.audit.models import AuditEvent
from governance.people.models import Role
from governance.review.models import Review, Vote
from governance.review.services import latest_review
from tests.agents import acts
from tests.agents.batches.test_services import SECOND_LAW, drafts, listed, say
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def shown(client, address, **query) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_newest_drafts_of_a_family_are_ticked_and_come_before_people_as_one():
    owner = acts.owner()
    versions = drafts("a", "b", by=owner)
    acts.bring_in(owner, raw=acts.definition("c"), family="other")
    client = signed_in(owner)
    page = shown(client, reverse("batch-new"), family="sample", kind="baseline")
    assert page.count("checked") == 2
    assert "other" not in [one.agent.slug for one in versions]
    sent = {
        "kind": "baseline",
        "family": "sample",
        "title": "The family",
        "version": [version.pk for version in versions],
    }
    answer = client.post(reverse("batch-new"), sent)
    batch = Batch.objects.get()
    assert answer.headers["Location"] == batch.get_absolute_url()
    assert (batch.title, batch.family.slug) == ("The family", "sample")


def test_a_due_day_that_is_no_day_is_said_beside_the_field():
    owner = acts.owner()
    version = drafts("a", by=owner)[0]
    sent = {"kind": "baseline", "version": [version.pk], "due_at": "soon"}
    answer = signed_in(owner).post(reverse("batch-new"), sent)
    assert answer.status_code == 400
    assert not Batch.objects.exists()


def test_touched_approvals_are_ticked_to_be_affirmed_again():
    acts.ratify()
    version, fresh = drafts("a", "b")
    acts.approve(version)
    acts.ratify(SECOND_LAW)
    acts.approve(fresh)
    page = shown(signed_in(acts.owner()), reverse("batch-new"), kind="reaffirmation")
    assert page.count("checked") == 1
    assert f'value="{version.pk}" checked' in page


def test_the_page_shows_the_grave_versions_first_and_alone_where_asked():
    plain = acts.bring_in(raw=acts.definition("aaa"))
    first = acts.bring_in(raw=acts.definition("zzz"))
    acts.approve(first)
    rule = b"- NEVER add external dependencies without approval\n"
    wider = acts.bring_in(raw=acts.definition("zzz").replace(rule, b""))
    batch = listed([plain, wider])
    client = signed_in(acts.approver())
    page = shown(client, batch.get_absolute_url())
    assert page.index("zzz/versions/2") < page.index("aaa/versions/1")
    assert "add external dependencies without approval" in page
    assert batch.sha256 in page
    alone = shown(client, batch.get_absolute_url(), only="grave")
    assert "zzz/versions/2" in alone
    assert "aaa/versions/1" not in alone


def test_a_list_costs_as_many_queries_for_forty_versions_as_for_two():
    client = signed_in(acts.approver())
    small = listed(drafts("a", "b"))
    large = listed(drafts(*(f"worker-{number:02}" for number in range(40))))
    client.get(small.get_absolute_url())
    counted = []
    for batch in (small, large):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(batch.get_absolute_url()).status_code == 200
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_the_vote_is_cast_on_the_page_and_a_dead_list_says_so():
    versions = drafts("a", "b")
    batch = listed(versions)
    client = signed_in(acts.approver())
    sent = {"verdict": "approve", "seen_sha256": batch.sha256}
    assert client.post(reverse("batch-vote", args=[batch.pk]), sent).status_code == 302
    assert latest_review(versions[1].subject).status == "approved"
    dead = listed(drafts("c"))
    acts.ratify()
    page = shown(client, dead.get_absolute_url())
    assert "Votes on this list count no more" in page
    answer = client.post(reverse("batch-vote", args=[dead.pk]), sent | {"seen_sha256": dead.sha256})
    assert answer.status_code == 409


def test_the_page_of_a_version_leads_to_the_list_it_is_part_of():
    version = drafts("a")[0]
    batch = listed([version], title="The family")
    page = shown(signed_in(acts.approver()), version.get_absolute_url())
    assert f"{batch.get_absolute_url()}#review" in page
    assert "reviewed as part of a list" in page


def test_all_that_was_approved_is_released_and_what_is_refused_is_said():
    acts.ratify()
    versions = drafts("a", "b")
    batch = listed(versions)
    say(batch)
    acts.approve(acts.bring_in(raw=acts.definition("b", "\nMore.\n")))
    owner = acts.owner()
    suspend(slug="b", reason="Wrong.", by=owner, at=acts.NOW)
    answer = signed_in(owner).post(
        reverse("batch-release", args=[batch.pk]), {"environment": "production"}
    )
    page = answer.content.decode()
    assert [release.version for release in Release.objects.all()] == [versions[0]]
    assert "Suspended: Wrong." in page
    assert AuditEvent.objects.filter(stream="refusals").count() == 1


def test_people_use_lists_through_the_api():
    owner, voter = acts.owner(), acts.approver()
    versions = drafts("a", "b", by=owner)
    sent = {"kind": "baseline", "version_ids": [version.pk for version in versions]}
    made = signed_in(owner).post(reverse("api-batches"), sent, content_type="application/json")
    assert made.status_code == 201, made.content
    batch = made.json()["batch"]
    assert [item["agent"] for item in made.json()["items"]] == ["a", "b"]
    client = signed_in(voter)
    assert client.get(reverse("api-batches")).json()["results"][0]["sha256"] == batch["sha256"]
    answer = client.post(
        reverse("api-batch-votes", args=[batch["id"]]),
        {"verdict": "approve", "seen_sha256": batch["sha256"]},
        content_type="application/json",
    )
    assert answer.json()["status"] == "approved"
    assert {item["status"] for item in answer.json()["items"]} == {"approved"}


def test_the_api_refuses_a_vote_on_another_list_than_was_seen():
    batch, voter = listed(drafts("a")), acts.approver()
    answer = signed_in(voter).post(
        reverse("api-batch-votes", args=[batch.pk]),
        {"verdict": "approve", "seen_sha256": "0" * 64},
        content_type="application/json",
    )
    assert answer.status_code == 409
    assert not Vote.objects.exists()


def test_nobody_is_told_of_lists_who_may_see_nothing():
    batch = listed(drafts("a"))
    client = signed_in(UserFactory())
    assert client.get(batch.get_absolute_url()).status_code == 403
    assert Review.objects.filter(subject=batch.subject).exists()
    assert signed_in(UserFactory(roles=[Role.AUDITOR])).get(reverse("batches")).status_code == 200
