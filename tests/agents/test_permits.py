"""A permit is spent in time, by its runner, for what was shown, as often as was decided."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.db.utils import IntegrityError

from agents import permits
from agents.ledger.actions import act_digest
from agents.models import Permit, PermitUse
from agents.releasing.services import suspend
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, NotPermitted, NotThere, Refusal
from governance.people.models import Role
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
SOURCE, DIGEST = "escalation:ESC-1", "a" * 64
SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)
ACT = {"kind": "shell", "target": "", "arguments": {"argv": ["git", "push", "origin"]}}
PUSH = {"command": {"program": ["git"], "subcommands": ["push"], "words": ["origin", "fix/*"]}}


@pytest.fixture
def permit() -> Permit:
    return granted()


def granted(**changes: Any) -> Permit:
    known: dict[str, Any] = {
        "source": SOURCE,
        "agent": acts.bring_in().agent,
        "runner": RunnerFactory(),
        "request_sha256": DIGEST,
        "at": NOW,
        "use_before": LATER,
        "act_sha256": act_digest(environment="staging", **ACT),
        "environment": "staging",
    }
    return permits.grant_permit(**(known | changes))


def spend_use(permit: Permit, **changes: Any) -> tuple[PermitUse, bool]:
    known: dict[str, Any] = {
        "source": SOURCE,
        "runner": permit.runner,
        "request_sha256": DIGEST,
        "at": SOON,
    }
    return permits.spend_permit(**(known | changes))


def spend(permit: Permit, **changes: Any) -> Permit:
    spend_use(permit, **changes)
    return Permit.objects.get(pk=permit.pk)


def code_of(act: Callable[..., object], *args: Any, **changes: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        act(*args, **changes)
    return refusal.value.code


def is_unspent(permit: Permit) -> bool:
    permit.refresh_from_db()
    return permit.spent_at is None and not AuditEvent.objects.filter(kind="permit.spent").exists()


def test_a_permit_is_spent_and_recorded(permit):
    spent = spend(permit)
    assert spent.state(at=LATER) == "spent"
    kinds = AuditEvent.objects.filter(stream=SOURCE).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["permit.granted", "permit.spent"]


def test_a_permit_is_spent_only_once(permit):
    spend(permit)
    with pytest.raises(Conflict) as refusal:
        spend(permit)
    assert refusal.value.code == "permit_spent"


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"at": LATER}, Conflict, "permit_expired"),
        ({"request_sha256": "b" * 64}, Conflict, "other_request"),
        ({"request_sha256": "ü"}, Conflict, "other_request"),
        ({"source": "escalation:ESC-2"}, NotThere, "no_permit"),
    ],
)
def test_a_permit_is_not_spent_late_or_for_something_else(permit, changes, error, code):
    with pytest.raises(error) as refusal:
        spend(permit, **changes)
    assert refusal.value.code == code
    assert is_unspent(permit)


def test_another_runner_does_not_learn_that_there_is_a_permit(permit):
    with pytest.raises(NotThere):
        spend(permit, runner=RunnerFactory(owner=permit.runner.owner))
    assert is_unspent(permit)


def test_nothing_is_spent_while_the_agent_is_suspended(permit):
    suspend(slug=permit.agent.slug, reason="odd", by=acts.owner(), at=NOW)
    with pytest.raises(Conflict):
        spend(permit)
    assert is_unspent(permit)


def test_nothing_is_spent_by_a_version_that_brings_back_a_suspended_text(permit):
    suspend(slug=permit.agent.slug, sequence=1, reason="odd", by=acts.owner(), at=NOW)
    other = acts.bring_in(raw=acts.definition(more="\nBe brief.\n"))
    back = acts.bring_in()
    assert (back.sequence, back.text) == (3, permit.agent.versions.get(sequence=1).text)
    with pytest.raises(Conflict, match="suspended: odd"):
        spend(permit, version_id=back.pk)
    assert is_unspent(permit)
    assert spend(permit, version_id=other.pk).spent_at


def test_of_two_at_once_one_wins(permit):
    together = Barrier(2)

    def one(_: int) -> bool:
        try:
            together.wait(10)
            spend(permit)
        except Conflict:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(one, range(2))) == [False, True]
    assert AuditEvent.objects.filter(kind="permit.spent").count() == 1


def spent_at_once(permit: Permit, number: int, **changes: Any) -> int:
    """How many of so many simultaneous runners get a use."""
    together = Barrier(number)

    def one(place: int) -> bool:
        try:
            together.wait(20)
            return spend_use(permit, idempotency_key=f"key-{place}", **changes)[1]
        except Conflict:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return sum(pool.map(one, range(number)))


@pytest.mark.parametrize("uses", [1, 7])
def test_of_twenty_at_once_as_many_win_as_there_are_uses(uses):
    permit = granted(scope="uses", most_uses=uses)
    assert spent_at_once(permit, 20) == uses
    numbers = PermitUse.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, uses + 1))
    permit.refresh_from_db()
    assert (permit.uses, permit.spent_at) == (uses, SOON)
    assert AuditEvent.objects.filter(kind="permit.spent").count() == uses


def test_the_same_key_at_once_is_one_use():
    permit, together = granted(scope="uses", most_uses=5), Barrier(8)

    def one(_: int) -> str:
        try:
            together.wait(20)
            return spend_use(permit, idempotency_key="k")[0].receipt
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1
    permit.refresh_from_db()
    assert permit.uses == 1


def test_a_lost_answer_is_given_again_for_the_same_key_only(permit):
    first, is_new = spend_use(permit, idempotency_key="k1")
    again, is_new_again = spend_use(permit, idempotency_key="k1", at=SOON + timedelta(minutes=5))
    assert (is_new, is_new_again) == (True, False)
    assert (again.pk, again.receipt, again.at) == (first.pk, first.receipt, SOON)
    assert code_of(spend_use, permit, idempotency_key="k2") == "permit_spent"
    assert code_of(spend_use, permit) == "permit_spent"
    assert PermitUse.objects.count() == 1


def test_a_lost_answer_is_not_given_again_when_the_act_may_be_done_no_more(permit):
    spend_use(permit, idempotency_key="k1")
    assert code_of(spend_use, permit, idempotency_key="k1", at=LATER) == "permit_expired"
    other = code_of(spend_use, permit, idempotency_key="k1", request_sha256="b" * 64)
    assert other == "other_request"
    suspend(slug=permit.agent.slug, reason="odd", by=acts.owner(), at=NOW)
    assert code_of(spend_use, permit, idempotency_key="k1") == "suspended"


def test_a_key_stands_for_one_act():
    permit = granted(scope="pattern", most_uses=5, pattern=PUSH)
    spend_use(permit, idempotency_key="k", action=ACT)
    other = {**ACT, "arguments": {"argv": ["git", "push", "fix/one"]}}
    assert code_of(spend_use, permit, idempotency_key="k", action=other) == (
        "idempotency_key_reused"
    )
    assert code_of(spend_use, permit, idempotency_key="k" * 201, action=other) == "invalid_input"


def test_a_permit_for_an_act_takes_no_other(permit):
    other = {**ACT, "arguments": {"argv": ["git", "push", "--force"]}}
    assert code_of(spend_use, permit, action=other) == "other_act"
    assert code_of(spend_use, permit, act_sha256="c" * 64) == "other_act"
    assert code_of(spend_use, permit, act_sha256="c" * 64, action=ACT) == "other_act"
    assert is_unspent(permit)
    assert spend(permit, action=ACT).spent_at == SOON


def test_a_permit_for_a_run_is_spent_in_that_run():
    permit = granted(scope="run", most_uses=3, run="build-7")
    assert code_of(spend_use, permit) == "other_run"
    assert code_of(spend_use, permit, run="build-8") == "other_run"
    use, _ = spend_use(permit, run="build-7")
    assert use.number == 1


def test_a_permit_for_a_pattern_asks_for_the_act_and_keeps_to_the_pattern():
    permit = granted(scope="pattern", most_uses=2, pattern=PUSH)
    assert code_of(spend_use, permit) == "action_needed"
    force = {**ACT, "arguments": {"argv": ["git", "push", "--force", "origin"]}}
    assert code_of(spend_use, permit, action=force) == "other_act"
    spend_use(permit, action=ACT)
    fix = {**ACT, "arguments": {"argv": ["git", "push", "origin", "fix/one"]}}
    use, _ = spend_use(permit, action=fix)
    assert use.act_sha256 == act_digest(environment="staging", **fix)
    assert code_of(spend_use, permit, action=fix) == "permit_spent"


@pytest.mark.parametrize(
    "scope",
    [
        {"scope": "for ever"},
        {"most_uses": 2},
        {"scope": "uses", "most_uses": 0},
        {"scope": "uses", "most_uses": permits.MOST_USES + 1},
        {"scope": "until", "most_uses": 2, "run": "build-7"},
        {"scope": "run", "most_uses": 2},
        {"scope": "pattern", "most_uses": 2},
        {"scope": "uses", "most_uses": 2, "pattern": PUSH},
        {"scope": "pattern", "most_uses": 2, "pattern": PUSH, "environment": ""},
        {"scope": "pattern", "most_uses": 2, "pattern": {}},
        {"scope": "pattern", "most_uses": 2, "pattern": {"preset": "git-push-force"}},
        {"scope": "pattern", "most_uses": 2, "pattern": {"phrases": ["drop table"]}},
        {"scope": "pattern", "most_uses": 2, "pattern": {"arguments": [{"name": "x", "op": "="}]}},
    ],
)
def test_a_scope_says_what_it_permits(scope):
    with pytest.raises(Refusal):
        granted(**scope)
    assert not Permit.objects.exists()


@pytest.mark.parametrize(
    "broken",
    [
        {"uses": 1},
        {"uses": 2, "most_uses": 1, "spent_at": SOON},
        {"spent_at": SOON},
        {"scope": "run"},
        {"scope": "pattern"},
        {"most_uses": 2},
        {"revoked_at": SOON},
    ],
)
def test_the_database_refuses_a_permit_that_contradicts_itself(permit, broken):
    with pytest.raises(IntegrityError):
        Permit.objects.filter(pk=permit.pk).update(**broken)


def revoked(permit: Permit, **changes: Any) -> Permit:
    by = changes.pop("by", None) or UserFactory(roles=[Role.APPROVER])
    known = {"reason": "The plan changed.", "at": SOON} | changes
    return permits.revoke_permit(permit_id=permit.pk, by=by, **known)


def test_a_person_takes_back_what_is_left_of_a_permit():
    permit = granted(scope="uses", most_uses=3)
    spend_use(permit, idempotency_key="k1")
    by = UserFactory(roles=[Role.APPROVER])
    taken = revoked(permit, by=by)
    assert (taken.revoked_by, taken.state(at=SOON)) == (by, "revoked")
    assert code_of(spend_use, permit, idempotency_key="k2") == "permit_revoked"
    assert code_of(spend_use, permit, idempotency_key="k1") == "permit_revoked"
    assert revoked(permit, reason="Again").revoked_because == "The plan changed."
    assert AuditEvent.objects.filter(kind="permit.revoked").count() == 1


def test_what_is_spent_or_over_is_not_taken_back(permit):
    assert code_of(revoked, permit, at=LATER) == "permit_expired"
    spend(permit)
    assert code_of(revoked, permit) == "permit_spent"


def test_only_people_who_may_stop_agents_revoke_and_they_say_why(permit):
    for by in (permit.runner, UserFactory(roles=[Role.AUDITOR]), UserFactory()):
        with pytest.raises(NotPermitted):
            revoked(permit, by=by)
    assert code_of(revoked, permit, reason=" ") == "no_reason"
    assert code_of(revoked, Permit(pk=permit.pk + 1)) == "no_permit"
    assert is_unspent(permit)


def test_spend_and_revoke_at_once_leave_no_use_after_the_revocation(permit):
    by, together = UserFactory(roles=[Role.APPROVER]), Barrier(2)

    def one(act: Callable[[], object]) -> bool:
        try:
            together.wait(20)
            act()
        except Conflict:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        acts_at_once = [lambda: spend_use(permit), lambda: revoked(permit, by=by)]
        assert sorted(pool.map(one, acts_at_once)) == [False, True]
    permit.refresh_from_db()
    assert (permit.spent_at is None) is (permit.revoked_at is not None)


def test_a_decision_grants_one_permit(permit):
    with pytest.raises(IntegrityError):
        granted()


def test_a_permit_without_time_left_is_not_granted():
    agent = acts.bring_in().agent
    with pytest.raises(Conflict):
        permits.grant_permit(
            source=SOURCE,
            agent=agent,
            runner=RunnerFactory(),
            request_sha256=DIGEST,
            at=NOW,
            use_before=NOW,
        )
    assert not Permit.objects.exists()


def test_the_database_refuses_a_permit_spent_too_late(permit):
    permit.spent_at, permit.uses = LATER, 1
    with pytest.raises(IntegrityError):
        permit.save()
