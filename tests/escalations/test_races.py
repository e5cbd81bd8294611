"""Races, with threads on a real PostgreSQL: everybody starts at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from agents.models import Permit
from escalations.acting import consume, withdraw
from escalations.models import Ballot, Decision, Escalation, Presence, Status
from escalations.thread import answer_question, ask_runner
from governance.asking.models import Ask, Notification, NotificationState
from governance.asking.sweep import sweep
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.errors import Conflict, Refusal
from tests.escalations.acts import ACT, agent, approve, approver, ask, reject
from tests.factories import NOW, RunnerFactory

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(minutes=1)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each act returned, or the refusal it raised."""
    together = Barrier(len(acts))

    def run(act):
        try:
            connection.ensure_connection()
            together.wait(timeout=30)
            return act()
        except Refusal as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def refused(results):
    return [result for result in results if isinstance(result, Refusal)]


def one_history(case):
    assert list(verify()) == []
    kinds = AuditEvent.objects.filter(stream=case.subject).values_list("kind", flat=True)
    return list(kinds)


def test_twenty_raises_with_one_key_make_one_case():
    runner = RunnerFactory()
    agent()
    results = at_once(*[lambda: ask(runner, key="k")] * 20)
    assert not refused(results)
    assert len({case.pk for case in results}) == 1
    case = Escalation.objects.get()
    assert Ask.objects.count() == Presence.objects.count() == 1
    assert case.options.count() == 2
    assert one_history(case).count("escalation.raised") == 1


def test_twenty_raises_without_a_key_make_one_case():
    runner = RunnerFactory()
    agent()
    at_once(*[lambda: ask(runner)] * 20)
    assert Escalation.objects.count() == 1


def test_one_key_with_two_bodies_makes_one_case_and_a_conflict():
    runner = RunnerFactory()
    agent()
    results = at_once(
        lambda: ask(runner, key="k", task="one"), lambda: ask(runner, key="k", task="two")
    )
    assert [type(result) for result in refused(results)] == [Conflict]
    assert Escalation.objects.count() == 1


def test_eight_people_at_once_make_one_decision():
    case = ask(action=ACT)
    people = [approver() for _ in range(8)]
    results = at_once(*[lambda person=person: approve(case, person) for person in people])
    assert len(refused(results)) == 7
    assert Decision.objects.count() == Ballot.objects.count() == Permit.objects.count() == 1
    assert one_history(case).count("escalation.decided") == 1


def test_one_person_clicking_eight_times_makes_one_decision():
    case, user = ask(action=ACT), approver()
    results = at_once(*[lambda: approve(case, user)] * 8)
    assert not refused(results)
    assert len({decision.pk for decision in results}) == 1
    assert one_history(case).count("escalation.decided") == 1


def test_opposite_verdicts_at_once_make_one_decision():
    case, ada, ben = ask(), approver(), approver()
    results = at_once(lambda: approve(case, ada), lambda: reject(case, ben))
    assert len(refused(results)) == 1
    assert Decision.objects.get().ballot == Ballot.objects.get()


def test_two_votes_at_once_meet_a_policy_of_two():
    case = ask(action=ACT)
    Ask.objects.update(required_votes=2)
    people = [approver(), approver()]
    results = at_once(*[lambda person=person: approve(case, person) for person in people])
    assert sorted(result is None for result in results) == [False, True]
    assert Ballot.objects.count() == 2
    assert Decision.objects.count() == Permit.objects.count() == 1


def test_deciding_against_withdrawing_settles_once():
    case, user = ask(action=ACT), approver()
    results = at_once(
        lambda: approve(case, user),
        lambda: withdraw(escalation_id=case.pk, runner=case.runner, reason="x", at=LATER),
    )
    assert len(refused(results)) == 1
    case.refresh_from_db()
    decided = case.status == Status.DECIDED
    assert case.status in {Status.DECIDED, Status.WITHDRAWN}
    assert Decision.objects.exists() is Permit.objects.exists() is decided
    assert one_history(case).count("ask.closed") == 1


def test_deciding_against_the_runners_answer_loses_neither():
    case, user = ask(), approver()
    ask_runner(escalation_id=case.pk, by=user, text="Which?", at=NOW)
    results = at_once(
        lambda: approve(case, user),
        lambda: answer_question(escalation_id=case.pk, runner=case.runner, text="All", at=LATER),
    )
    case.refresh_from_db()
    assert case.status == Status.DECIDED
    assert len(refused(results)) == 1 - case.messages.filter(runner=case.runner).count()


@pytest.mark.parametrize("attempt", range(5))
def test_deciding_against_the_sweep_leaves_nothing_to_send(attempt):
    case, user = ask(), approver()
    results = at_once(
        lambda: approve(case, user),
        lambda: sweep(at=LATER, limit=10),
        lambda: sweep(at=LATER, limit=10),
    )
    assert not refused(results)
    case.refresh_from_db()
    assert case.status == Status.DECIDED
    asked = Ask.objects.get(subject=case.subject)
    assert asked.closed_at
    waiting = Notification.objects.exclude(state=NotificationState.CANCELLED)
    assert not waiting.filter(ask=asked, state=NotificationState.PENDING).exists()
    assert sweep(at=LATER + timedelta(days=30), limit=10) == 0
    one_history(case)


def test_two_spend_one_permit():
    case = ask(action=ACT)
    approve(case)

    def spend():
        return consume(
            escalation_id=case.pk,
            runner=case.runner,
            request_sha256=case.request_sha256,
            at=LATER,
        )

    results = at_once(spend, spend)
    assert [refusal.code for refusal in refused(results)] == ["permit_spent"]
    assert one_history(case).count("permit.spent") == 1
