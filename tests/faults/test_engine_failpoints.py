"""A worker dies at each numbered moment of its work; the next one puts everything right."""

import os
import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone

from governance.asking.dispatch import dispatch
from governance.asking.models import Ask, Notification, NotificationState
from governance.asking.sweep import sweep
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from tests.escalations.acts import ask
from tests.faults import dying
from tests.faults.mails import by_person, expire_leases, send_to, wake

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
S = NotificationState
# What is there when the worker is dead: steps taken, notices in the outbox, mails outside.
LEFT = {
    dying.CLAIM_OF_SWEEP: (-1, {}, 0),
    dying.OUTBOX: (-1, {}, 0),
    dying.BEFORE_COMMIT: (-1, {}, 0),
    dying.AFTER_COMMIT: (0, {S.PENDING: 2}, 0),
    dying.CLAIM_OF_DISPATCH: (0, {S.SENDING: 1, S.PENDING: 1}, 0),
    dying.BEFORE_DATA: (0, {S.SENDING: 1, S.PENDING: 1}, 0),
    dying.AFTER_250: (0, {S.SENDING: 1, S.PENDING: 1}, 1),
    dying.BEFORE_MARK: (0, {S.SENDING: 1, S.PENDING: 1}, 1),
    dying.MARKED: (0, {S.SENDING: 1, S.PENDING: 1}, 1),
}


def states():
    found = list(Notification.objects.values_list("state", flat=True))
    return {state: found.count(state) for state in set(found)}


@pytest.mark.parametrize("moment", dying.MOMENTS)
def test_16_a_worker_killed_at_a_failpoint_loses_nothing_and_tells_nobody_two_things(
    parts, slow_mailbox, runner, people, settings, moment
):
    case = ask(runner.runner, at=timezone.now())
    wake()
    worker = parts.start("worker", app="tests.faults.dying", DIE_AT=moment)
    try:
        status = worker.wait(60)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the worker never came to: {moment}")
    parts.running.remove(worker)
    step, notices, mails = LEFT[moment]
    assert status == -9
    asked = Ask.objects.get(subject=case.subject)
    assert (asked.step, states(), len(slow_mailbox.messages)) == (step, notices, mails)
    assert AuditEvent.objects.filter(kind="ask.step").count() == step + 1
    assert list(verify()) == []

    expire_leases()
    send_to(slow_mailbox, settings)
    sweep(at=timezone.now())
    dispatch(at=timezone.now() + timedelta(seconds=1))
    assert states() == {S.ACCEPTED: len(people)}
    found = by_person(slow_mailbox)
    assert set(found) == {person.email for person in people}
    assert sum(map(len, found.values())) == len(people) + mails
    assert all(len(set(ids)) == 1 for ids in found.values())
    events = list(AuditEvent.objects.filter(stream=case.subject).values_list("kind", flat=True))
    assert (events.count("ask.step"), events.count("notice.accepted")) == (1, len(people))
    assert list(verify()) == []


def test_a_test_worker_that_is_told_no_moment_is_the_portals_own():
    assert not dying.CHOSEN
    assert "DIE_AT" not in os.environ
