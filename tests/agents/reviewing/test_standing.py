"""Where versions stand, as a filter of the API and as a badge of the board."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import AgentVersion
from agents.reviewing.services import submit_version
from agents.standing import DRAFT, GRACE, LABELS, STALE, standing_of, that_stand, with_status
from governance.people.models import Role
from governance.review.models import Review
from governance.review.services import take_back
from tests.agents import acts
from tests.agents.compliance.amendments import GRACE as GRACE_PERIOD
from tests.agents.compliance.amendments import LATER, amend
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
VERDICTS = {
    "changes_requested": "request_changes",
    "rejected": "reject",
    "approved": "approve",
}
VERSIONS = "/api/v1/agents/worker/versions/"


@pytest.fixture
def reader(client):
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    return client


def brought_in(count):
    return [acts.bring_in(raw=acts.definition("worker", f"More {n}.\n")) for n in range(count)]


def put(version, status, **more):
    """Bring a version to where it stands by what people do."""
    submit_version(version_id=version.pk, by=version.author, at=NOW, **more)
    if status == "withdrawn":
        review = Review.objects.get(subject=version.subject)
        take_back(review_id=review.pk, by=version.author, at=NOW)
    elif status != "in_review":
        acts.say(version, acts.approver(), VERDICTS[status], "As it is.")


def test_versions_are_filtered_by_where_they_stand(reader):
    acts.ratify()
    statuses = [*VERDICTS, "withdrawn", "in_review"]
    draft, *others = brought_in(6)
    for version, status in zip(others, statuses, strict=True):
        put(version, status)
    found = {}
    for status in LABELS:
        rows = reader.get(VERSIONS, {"status": status}).json()["results"]
        found[status] = [row["version"] for row in rows]
        assert {row["status"] for row in rows} <= {status}
    wanted = {status: [v.sequence] for v, status in zip(others, statuses, strict=True)}
    assert found == wanted | {DRAFT: [draft.sequence], GRACE: [], STALE: []}


def test_a_word_that_is_no_status_is_refused_with_those_that_are(reader):
    brought_in(1)
    answer = reader.get(VERSIONS, {"status": "good"})
    assert answer.status_code == 400
    assert "draft" in answer.json()["detail"]


def test_the_filter_costs_the_same_for_few_and_for_many(reader):
    def cost():
        with CaptureQueriesContext(connection) as caught:
            assert reader.get(VERSIONS, {"status": "draft"}).status_code == 200
        return len(caught)

    brought_in(1)
    cost()
    few = cost()
    brought_in(8)
    assert cost() == few


def test_what_is_past_its_day_says_so_on_the_board_and_on_the_agent(reader):
    acts.ratify()
    (version,) = brought_in(1)
    put(version, "in_review", due_at=NOW + timedelta(days=1))
    due = Review.objects.filter(subject=version.subject)
    pages = ("/agents/", version.agent.get_absolute_url())
    for days, shown in ((1, False), (-1, True)):
        due.update(due_at=timezone.now() + timedelta(days=days))
        for page in pages:
            assert ("Overdue" in reader.get(page).content.decode()) is shown
    acts.say(version, acts.approver())
    assert "Overdue" not in reader.get(pages[0]).content.decode()


def test_what_is_going_stale_and_what_is_are_told_apart_from_what_is_approved():
    acts.put_into_production()
    amend(touches_all=True)
    versions = with_status(AgentVersion.objects.all())
    for at, standing in (
        (LATER, GRACE),
        (LATER + GRACE_PERIOD - timedelta(seconds=1), GRACE),
        (LATER + GRACE_PERIOD, STALE),
    ):
        assert standing_of(versions.get(), at=at) == standing
        found = [one for one in LABELS if that_stand(versions, one, at=at).exists()]
        assert found == [standing]


def test_without_grace_it_is_stale_at_once():
    acts.put_into_production()
    amend(touches_all=True, grace=None)
    versions = with_status(AgentVersion.objects.all())
    assert [one for one in LABELS if that_stand(versions, one, at=LATER).exists()] == [STALE]
