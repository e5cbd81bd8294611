"""Random kills: nothing is lost, nobody is told after the decision, hardly anybody twice.

Some seconds long; a minute and more with ``LONG_TESTS=1`` in the environment.
"""

import os
import random
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from escalations.models import Decision
from governance.asking.dispatch import dispatch
from governance.asking.models import Ask, Notification, NotificationState, Rung
from governance.asking.sweep import sweep
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.people.models import Role
from tests.faults.chaos import Chaos
from tests.faults.conftest import account
from tests.faults.mails import send_to

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
S = NotificationState
IS_LONG = os.environ.get("LONG_TESTS") == "1"
SECONDS, KILL_EVERY = (75, 2.5) if IS_LONG else (12, 2)


def test_17_random_kills_lose_nothing_and_tell_nobody_after_the_decision(
    parts, slow_mailbox, runner, people, settings, capsys
):
    Rung.objects.update(repeat_every=timedelta(seconds=2), repeat_cap=timedelta(seconds=6))
    # Many, since what is due for one person at once is one mail.
    people = [*people, *(account(f"mary{n}", Role.APPROVER) for n in range(10))]
    parts.env["MAILS_PER_HOUR"] = "100000"
    chaos = Chaos(parts, slow_mailbox, runner.runner, people, random.Random())
    chaos.run(seconds=SECONDS, kill_every=KILL_EVERY)
    chaos.settle_down()
    send_to(slow_mailbox, settings)
    settings.MAILS_PER_HOUR = 100_000
    while sweep(at=timezone.now()) or dispatch(at=timezone.now() + timedelta(hours=2)):
        pass

    mails = len(slow_mailbox.messages)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{chaos.kills} workers killed in {SECONDS} s: {len(chaos.cases)} cases, "
            f"{len(chaos.ended)} decided, {mails} mails, {chaos.duplicates()} of them twice\n"
        )
    assert chaos.kills >= 3
    assert chaos.ended
    assert chaos.lost() == []
    assert chaos.sent_after_the_decision() == []
    assert not chaos.strangers()
    assert chaos.duplicates() <= chaos.kills
    if IS_LONG:
        assert chaos.duplicates() < 0.03 * mails
    assert Decision.objects.count() == len(chaos.ended)
    assert set(Notification.objects.values_list("state", flat=True)) <= {S.ACCEPTED, S.CANCELLED}
    assert Ask.objects.open().count() == len(chaos.cases) - len(chaos.ended)
    for case in chaos.cases:
        keys = Notification.objects.filter(ask__subject=case.subject)
        rounds = {key.rsplit(":", 1)[0] for key in keys.values_list("dedupe_key", flat=True)}
        told = AuditEvent.objects.filter(stream=case.subject, kind__in=["ask.step", "ask.reminded"])
        assert len(rounds) == told.count()
    assert list(verify()) == []
