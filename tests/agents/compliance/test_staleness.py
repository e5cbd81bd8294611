"""An approval goes stale by what an amendment touches, and is served until its grace ends."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.compliance.staleness import staleness_of
from agents.models import Agent, AgentVersion, Family, Release, Suspension
from agents.overview import for_overview, overviews
from agents.releasing.services import lift, release, roll_back, suspend
from agents.resolving import Standing, receipt_of, resolve, stand
from agents.reviewing.services import submit_version
from agents.standing import label_of, standing_of, with_status
from governance.base.errors import Conflict
from governance.people.models import Runner
from tests.agents import acts
from tests.agents.compliance.amendments import GRACE, LATER, amend, law_number, ratify_as_it_is
from tests.factories import NOW, RunnerFactory

pytestmark = pytest.mark.django_db(transaction=True)
CLAIMED, OTHER = "test-first", "simplicity"
ALIAS = acts.definition().replace(b"Test-First Development", b"TDD")
SILENT = acts.definition().replace(
    b"- **Test-First Development**: Write failing tests first\n", b""
)


@pytest.fixture
def runner():
    return RunnerFactory(slug="ci")


def standing(runner: Runner, at: Any, environment: str = "production") -> Standing:
    return stand(slug="worker", environment=environment, principal=runner, at=at)


def code_of(runner: Runner, at: Any) -> str:
    with pytest.raises(Conflict) as refused:
        standing(runner, at)
    return str(refused.value.code)


def test_an_approval_is_good_while_nothing_is_amended(runner):
    acts.put_into_production()
    found = standing(runner, LATER)
    assert (found.approval, found.stale_since, found.grace_until) == ("review", None, None)


@pytest.mark.parametrize("raw", [acts.definition(), ALIAS, SILENT], ids=["named", "alias", "none"])
@pytest.mark.parametrize("level", ["major", "minor", "patch", ""])
@pytest.mark.parametrize(
    ("touched", "touches_all"),
    [((), False), ((OTHER,), False), ((OTHER, CLAIMED), False), ((), True)],
    ids=["nothing", "another principle", "the claimed one", "everybody"],
)
def test_what_an_amendment_touches(runner, raw, level, touched, touches_all):
    acts.put_into_production(acts.bring_in(raw=raw))
    made = amend(level=level, touched=touched, touches_all=touches_all)
    is_claimed = CLAIMED in touched and raw != SILENT
    is_touched = level == "" or (level != "patch" and (touches_all or is_claimed))
    served = standing(runner, LATER + GRACE - timedelta(seconds=1))
    assert served.stale_since == (LATER if is_touched else None)
    assert served.grace_until == (made.grace_until if is_touched else None)
    if is_touched:
        assert code_of(runner, LATER + GRACE) == "stale"
    else:
        assert standing(runner, LATER + 100 * GRACE).stale_since is None


@pytest.mark.parametrize("grace", [None, timedelta(0)])
def test_without_grace_it_stops_at_once(runner, grace):
    acts.put_into_production()
    amend(touches_all=True, grace=grace)
    assert code_of(runner, LATER) == "stale"


def test_the_shortest_grace_of_several_amendments_counts(runner):
    acts.put_into_production()
    amend(1, touched=(CLAIMED,))
    amend(2, touched=(OTHER,), grace=timedelta(0))
    amend(3, touches_all=True, grace=timedelta(days=2))
    found = standing(runner, LATER)
    assert found.stale_since == LATER
    assert found.grace_until == LATER + timedelta(days=2)


def test_an_approval_from_before_any_constitution_is_touched_by_the_first(runner):
    raw = acts.definition().replace(b"constitutional_compliance: required\n", b"")
    version = acts.bring_in(raw=raw)
    acts.approve(version)
    release(version_id=version.pk, environment="production", by=acts.owner(), at=NOW)
    assert standing(runner, NOW).approved_under == ""
    amend(touches_all=True, level="major")
    assert standing(runner, LATER).stale_since == LATER


def test_an_amendment_before_the_approval_touches_nothing(runner):
    acts.ratify()
    amend(touches_all=True)
    acts.put_into_production(acts.bring_in(), at=LATER)
    assert standing(runner, LATER).stale_since is None


def test_the_same_law_ratified_again_brings_its_approvals_back(runner):
    law = acts.ratify()
    acts.put_into_production()
    amend(1, touches_all=True, grace=None)
    assert code_of(runner, LATER) == "stale"
    ratify_as_it_is(law_number(0), at=LATER)
    found = standing(runner, LATER)
    assert (found.stale_since, found.constitution_sha256) == (None, law.sha256)


def test_a_renewed_approval_lifts_it_without_another_release(runner):
    made = acts.put_into_production()
    amended = amend(touches_all=True)
    acts.approve(made.version, at=LATER)
    found = standing(runner, LATER + GRACE)
    assert found.stale_since is None
    assert found.approved_under == amended.version.sha256
    assert Release.objects.count() == 1


def test_asking_for_the_renewal_takes_nothing_away(runner):
    made = acts.put_into_production()
    amend(touches_all=True)
    submit_version(version_id=made.version_id, by=made.version.author, at=LATER)
    assert standing(runner, LATER).stale_since == LATER


def test_a_version_stale_or_in_its_grace_may_be_submitted_anew_and_a_good_one_not():
    version = acts.put_into_production().version
    amend(1, level="patch")
    with pytest.raises(Conflict, match="approved already"):
        submit_version(version_id=version.pk, by=version.author, at=LATER)
    amend(2, touches_all=True)
    assert submit_version(version_id=version.pk, by=version.author, at=LATER).status == "in_review"


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_nothing_is_released_on_a_touched_approval_even_in_its_grace(environment):
    version = acts.put_into_production().version
    amend(touched=(CLAIMED,))
    with pytest.raises(Conflict) as refused:
        release(version_id=version.pk, environment=environment, by=acts.owner(), at=LATER)
    assert refused.value.code == "stale"


def test_a_rollback_asks_what_todays_constitution_says():
    first = acts.put_into_production().version
    amend(touches_all=True)
    second = acts.bring_in(raw=acts.definition(more="x"))
    acts.put_into_production(second, at=LATER)
    before = Release.objects.count()
    with pytest.raises(Conflict) as refused:
        roll_back(
            slug="worker",
            environment="production",
            sequence=first.sequence,
            reason="It was better.",
            by=acts.owner(),
            at=LATER,
        )
    assert refused.value.code == "stale"
    assert Release.objects.count() == before


@pytest.mark.parametrize(
    ("at", "standing", "label"),
    [
        (LATER, "grace", "Approved, stale on 17 March"),
        (LATER + GRACE, "stale", "Approval is stale"),
        (LATER - timedelta(days=100), "grace", "Approved, stale on 17 March 2026"),
    ],
)
def test_the_words_for_it(at, standing, label):
    version = acts.put_into_production().version
    amend(touches_all=True)
    found: Any = with_status(AgentVersion.objects.filter(pk=version.pk)).get()
    assert (standing_of(found, at=at), label_of(found, at=at)) == (standing, label)
    agent = for_overview(Agent.objects.all()).get()
    overview = overviews([agent], at=at)[0]
    assert (overview.standing, overview.label) == (standing, label)


def test_one_approval_and_a_list_of_them_say_the_same():
    version = acts.put_into_production().version
    amend(1, touched=(CLAIMED,))
    amend(2, touches_all=True, grace=timedelta(days=3))
    listed: Any = with_status(AgentVersion.objects.filter(pk=version.pk)).get()
    alone = staleness_of(version.pk, judged_under=listed.judged_under)
    assert (alone.since, alone.grace_until) == (listed.stale_since, listed.grace_until)
    assert alone.grace_until == LATER + timedelta(days=3)


def test_the_receipt_says_that_it_is_in_its_grace(runner):
    acts.put_into_production()
    amend(touches_all=True)
    found = standing(runner, LATER)
    receipt = receipt_of(found, principal=runner, at=LATER)
    claims = jwt.decode(receipt, options={"verify_signature": False})
    assert claims["approval"] == "review"
    assert claims["stale_since"] == "2026-03-03T09:00:00+00:00"
    assert claims["grace_until"] == "2026-03-17T09:00:00+00:00"
    assert claims["approved_under"] != claims["constitution_sha256"]


@pytest.mark.parametrize("level", ["patch", "minor"])
def test_an_amendment_changes_the_tag(runner, level):
    acts.put_into_production()
    tag = standing(runner, NOW).etag
    amend(level=level)
    assert standing(runner, LATER).etag != tag


def test_a_renewed_approval_changes_the_tag(runner):
    made = acts.put_into_production()
    amend(touches_all=True)
    tag = standing(runner, LATER).etag
    acts.approve(made.version, at=LATER)
    assert standing(runner, LATER).etag != tag


def test_two_queries_whatever_was_amended(runner):
    acts.put_into_production()
    for number in range(1, 4):
        amend(number, touched=(CLAIMED,))
    with CaptureQueriesContext(connection) as queries:
        resolve(slug="worker", environment="production", principal=runner, at=LATER)
    assert len(queries) == 2


# --- families and broken glass --------------------------------------------------------------


def suspend_family() -> Suspension:
    family = Family.objects.get()
    return suspend(family=family.slug, reason="All of them, for now.", by=acts.owner(), at=NOW)


def test_a_suspended_family_is_served_nowhere(runner):
    acts.put_into_production()
    suspension = suspend_family()
    assert code_of(runner, NOW) == "suspended"
    lift(suspension_id=suspension.pk, by=acts.owner(), at=NOW)
    assert standing(runner, NOW).sequence == 1


def test_the_suspension_of_another_family_stops_nobody(runner):
    acts.put_into_production()
    acts.bring_in(raw=acts.definition("other"), family="another")
    suspend(family="another", reason="odd", by=acts.owner(), at=NOW)
    assert standing(runner, NOW).sequence == 1


def test_a_suspended_family_says_so_where_nothing_is_released(runner):
    acts.ratify()
    acts.bring_in()
    suspend_family()
    assert code_of(runner, NOW) == "suspended"


def test_a_release_on_a_version_suspended_before_it_is_refused_and_never_served(runner):
    version = acts.bring_in()
    acts.ratify()
    acts.approve(version)
    suspend(slug="worker", sequence=1, reason="odd", by=acts.owner(), at=NOW)
    with pytest.raises(Conflict) as refused:
        release(version_id=version.pk, environment="production", by=acts.owner(), at=NOW)
    assert refused.value.code == "suspended"
    review = version.review_bases.get().review
    Release.objects.create(
        agent=version.agent,
        environment_id=environment_id("production"),
        version=version,
        review=review,
        released_by=acts.owner(),
        at=NOW,
    )
    assert code_of(runner, NOW) == "suspended"


def environment_id(slug: str) -> int:
    return int(Release.environment.field.related_model.objects.get(slug=slug).pk)


def broken_glass(version: AgentVersion) -> Release:
    return Release.objects.create(
        agent=version.agent,
        environment_id=environment_id("production"),
        version=version,
        kind="break_glass",
        reason="The payment agent is down.",
        expires_at=NOW + timedelta(hours=4),
        released_by=acts.owner(),
        at=NOW,
    )


def test_broken_glass_serves_without_an_approval_until_it_expires(runner):
    acts.ratify()
    version = acts.bring_in()
    made = broken_glass(version)
    found = standing(runner, made.expires_at - timedelta(seconds=1))
    assert (found.approval, found.sha256) == ("break_glass", version.sha256)
    assert (found.approved_under, found.stale_since, found.grace_until) == (None, None, None)
    assert code_of(runner, made.expires_at) == "glass_expired"


def test_an_older_release_does_not_come_back_when_the_glass_expires(runner):
    acts.put_into_production()
    made = broken_glass(acts.bring_in(raw=acts.definition(more="x")))
    assert code_of(runner, made.expires_at) == "glass_expired"


def test_suspended_broken_glass_serves_nothing(runner):
    acts.ratify()
    broken_glass(acts.bring_in())
    suspend(slug="worker", reason="odd", by=acts.owner(), at=NOW)
    assert code_of(runner, NOW) == "suspended"


def test_no_amendment_ends_an_emergency_early(runner):
    acts.ratify()
    made = broken_glass(acts.bring_in())
    amend(touches_all=True, grace=None, at=NOW + timedelta(hours=1))
    assert standing(runner, made.expires_at - timedelta(hours=1)).approval == "break_glass"
