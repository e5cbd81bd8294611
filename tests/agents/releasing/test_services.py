"""Protected places, going back, stopping a family, breaking the glass: effects and refusals."""

from datetime import timedelta
from typing import Any

import pytest

from agents.models import AgentVersion, Environment, Family, Release, Suspension
from agents.releasing import services
from agents.resolving import resolve
from agents.reviewing.services import submit_version
from governance.asking.models import Ask, Notification
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import Role, Team, User
from governance.review.models import Review
from governance.review.services import latest_review, take_back
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "Production is down and this version mends it."
HOUR = timedelta(hours=1)
AMENDED = acts.LAW.replace(b"Tests MUST", b"All tests MUST").replace(b"1.0.0", b"2.0.0")


def production(**changes: object) -> Environment:
    Environment.objects.filter(slug="production").update(**changes)
    return Environment.objects.get(slug="production")


def approved(more: str = "", by: Any = None) -> AgentVersion:
    version = acts.bring_in(by, raw=acts.definition(more=more))
    acts.approve(version)
    return version


def released(more: str = "") -> Release:
    return services.release(
        version_id=approved(more).pk, environment="production", by=acts.owner(), at=NOW
    )


def served(at=NOW) -> int:
    found = resolve(
        slug="worker", environment="production", principal=RunnerFactory(agents=["*"]), at=at
    )
    return found.standing.sequence


def refused(code: str, at=NOW) -> None:
    with pytest.raises(Conflict) as refusal:
        served(at)
    assert refusal.value.code == code


def go_back(sequence: int = 1, by: User | None = None, at=NOW) -> Release:
    return services.roll_back(
        slug="worker",
        environment="production",
        sequence=sequence,
        reason="It loops.",
        by=by or acts.owner(),
        at=at,
    )


def break_glass(version: AgentVersion, by: User | None = None, **changes: object) -> Release:
    said = {"environment": "production", "reason": WHY, "hours": 4, "at": NOW}
    return services.break_glass(version_id=version.pk, by=by or acts.approver(), **said | changes)


def test_into_a_protected_environment_nobody_releases_what_he_wrote():
    acts.ratify()
    production(protected=True)
    version = approved()
    with pytest.raises(NotPermitted) as refusal:
        services.release(version_id=version.pk, environment="production", by=version.author, at=NOW)
    assert refusal.value.code == "four_eyes"
    services.release(version_id=version.pk, environment="staging", by=version.author, at=NOW)
    services.release(version_id=version.pk, environment="production", by=acts.owner(), at=NOW)


def test_nor_does_the_owner_of_the_runner_that_proposed_it():
    acts.ratify()
    production(protected=True)
    runner = RunnerFactory(owner=acts.owner(), agents=["*"])
    version = approved(by=runner)
    with pytest.raises(NotPermitted):
        services.release(version_id=version.pk, environment="production", by=runner.owner, at=NOW)
    assert not Release.objects.exists()


def test_only_the_team_of_an_environment_releases_there():
    acts.ratify()
    team = Team.objects.create(name="Operators", slug="operators")
    production(team=team)
    version, member = approved(), acts.owner()
    with pytest.raises(NotPermitted) as refusal:
        services.release(version_id=version.pk, environment="production", by=member, at=NOW)
    assert refusal.value.code == "not_in_team"
    team.members.add(member)
    services.release(version_id=version.pk, environment="production", by=member, at=NOW)
    assert served() == 1


def test_rolling_back_points_at_the_earlier_version_and_says_so():
    acts.ratify()
    released()
    released("\nBe brief.\n")
    assert served() == 2
    made = go_back()
    assert (served(), made.kind, made.reason) == (1, "rollback", "It loops.")
    told = AuditEvent.objects.get(kind="agent.rolled_back")
    assert b"It loops" not in bytes(told.body)
    assert list(verify()) == []


def test_nobody_rolls_back_to_what_never_ran_there_or_runs_there_now():
    acts.ratify()
    released()
    approved("\nBe brief.\n")
    for sequence, code in ((1, "runs_there"), (2, "never_ran")):
        with pytest.raises(Conflict) as refusal:
            go_back(sequence)
        assert refusal.value.code == code
    with pytest.raises(NotThere):
        go_back(9)
    assert Release.objects.count() == 1


def test_rolling_back_obeys_the_protection_of_the_environment():
    acts.ratify()
    first = released()
    released("\nBe brief.\n")
    production(protected=True)
    with pytest.raises(NotPermitted):
        go_back(by=first.version.author)
    assert served() == 2


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMINISTRATOR])
def test_auditors_and_administrators_neither_roll_back_nor_break_glass(role):
    acts.ratify()
    released()
    version = acts.bring_in(raw=acts.definition(more="\nBe brief.\n"))
    somebody = UserFactory(roles=[role], is_superuser=True)
    for act in (lambda: go_back(by=somebody), lambda: break_glass(version, somebody)):
        with pytest.raises(NotPermitted):
            act()
    with pytest.raises(NotPermitted):
        break_glass(version, RunnerFactory())
    assert Release.objects.count() == 1


def test_a_suspended_family_is_refused_to_runners_until_it_is_lifted():
    acts.ratify()
    released()
    suspension = services.suspend(family="sample", reason="odd", by=acts.owner(), at=NOW)
    refused("suspended")
    with pytest.raises(Conflict):
        services.suspend(family="sample", reason="odd", by=acts.owner(), at=NOW)
    services.lift(suspension_id=suspension.pk, by=acts.approver(), at=NOW + HOUR)
    assert served() == 1
    kinds = AuditEvent.objects.filter(stream=suspension.stream).order_by("id")
    assert [one.kind for one in kinds] == ["family.suspended", "family.suspension_lifted"]


def test_a_suspension_is_of_an_agent_or_of_a_family_and_of_one_that_is_there():
    acts.bring_in()
    for named in ({}, {"slug": "worker", "family": "sample"}):
        with pytest.raises(InvalidInput):
            services.suspend(reason="odd", by=acts.owner(), at=NOW, **named)
    with pytest.raises(NotThere):
        services.suspend(family="nobody", reason="odd", by=acts.owner(), at=NOW)
    assert not Suspension.objects.exists()
    assert Family.objects.count() == 1


def test_broken_glass_serves_a_draft_for_its_hours_and_opens_its_review():
    acts.ratify()
    auditor, breaker = UserFactory(roles=[Role.AUDITOR]), acts.approver()
    version = acts.bring_in()
    made = break_glass(version, breaker)
    assert (served(), made.review, made.expires_at) == (1, None, NOW + 4 * HOUR)
    refused("glass_expired", at=NOW + 4 * HOUR)
    review = latest_review(version.subject)
    assert (review.status, review.mandatory) == ("in_review", True)
    assert {breaker.pk, version.author_id} <= set(review.excluded)
    ask = Ask.objects.get(subject=review.stream)
    assert ask.about.startswith("Break-glass: runs in Production until 20")
    assert Notification.objects.filter(ask=ask, recipient=auditor).count() == 1
    assert AuditEvent.objects.filter(kind="agent.glass_broken").count() == 1
    assert list(verify()) == []


def test_nobody_breaks_the_glass_for_what_he_wrote_and_then_approves_it():
    acts.ratify()
    both = UserFactory(roles=[Role.OWNER, Role.APPROVER])
    version = acts.bring_in(both)
    with pytest.raises(NotPermitted) as refusal:
        break_glass(version, both)
    assert refusal.value.code == "four_eyes"
    breaker = acts.approver()
    break_glass(version, breaker)
    with pytest.raises(NotPermitted):
        acts.say(version, breaker)


def test_the_review_after_broken_glass_is_taken_back_by_nobody():
    acts.ratify()
    version = acts.bring_in()
    break_glass(version)
    review = latest_review(version.subject)
    with pytest.raises(Conflict) as refusal:
        take_back(review_id=review.pk, by=version.author, at=NOW)
    assert refusal.value.code == "mandatory"
    acts.ratify(AMENDED)
    again = submit_version(version_id=version.pk, by=version.author, at=NOW)
    assert (again.pk != review.pk, again.mandatory) == (True, True)
    assert set(review.excluded) <= set(again.excluded)


def test_an_open_review_is_kept_with_its_votes_when_the_glass_is_broken():
    acts.ratify()
    version = acts.bring_in()
    review = submit_version(version_id=version.pk, by=version.author, at=NOW)
    approver = acts.approver()
    break_glass(version)
    kept = Review.objects.get(subject=version.subject)
    assert (kept.pk, kept.mandatory) == (review.pk, True)
    told = Notification.objects.filter(ask__subject=kept.stream)
    assert approver.pk in told.values_list("recipient", flat=True)


def test_glass_is_broken_once_for_a_text_and_again_only_after_an_approval():
    acts.ratify()
    version = acts.bring_in()
    break_glass(version)
    for changes in ({}, {"environment": "staging"}, {"at": NOW + 48 * HOUR}):
        with pytest.raises(Conflict) as refusal:
            break_glass(version, **changes)
        assert refusal.value.code == "glass_broken_before"
    acts.say(version, acts.approver())
    acts.ratify(AMENDED)
    assert break_glass(version, at=NOW + HOUR).pk


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"reason": "It is urgent."}, InvalidInput),
        ({"hours": 0}, InvalidInput),
        ({"hours": 25}, InvalidInput),
        ({"environment": "moon"}, NotThere),
    ],
)
def test_refused_broken_glass_leaves_nothing_behind(changes, error):
    acts.ratify()
    version = acts.bring_in()
    with pytest.raises(error):
        break_glass(version, **changes)
    assert not Release.objects.exists()
    assert not Review.objects.filter(subject=version.subject).exists()


def test_no_emergency_overrides_a_suspension_a_verdict_or_a_missing_constitution():
    version = acts.bring_in()
    with pytest.raises(Conflict) as lawless:
        break_glass(version)
    acts.ratify()
    suspension = services.suspend(slug="worker", reason="odd", by=acts.owner(), at=NOW)
    with pytest.raises(Conflict) as halted:
        break_glass(version)
    services.lift(suspension_id=suspension.pk, by=acts.owner(), at=NOW)
    submit_version(version_id=version.pk, by=version.author, at=NOW)
    acts.say(version, acts.approver(), "reject", "No.")
    with pytest.raises(Conflict) as rejected:
        break_glass(version)
    codes = [one.value.code for one in (lawless, halted, rejected)]
    assert codes == ["no_constitution", "suspended", "settled"]


def test_what_is_approved_needs_no_broken_glass():
    acts.ratify()
    with pytest.raises(Conflict):
        break_glass(approved())
    assert not Release.objects.exists()
