"""The scheduler stands still, in real processes: who notices, and how often they say so."""

import os
import signal
from datetime import timedelta

import pytest
from django.utils import timezone

from governance.asking.models import Ask, Repair
from governance.audit.models import AuditEvent
from governance.people.models import Role
from tests.asking.channels.conftest import plain_server
from tests.e2e.conftest import eventually, free_port
from tests.escalations.acts import ask
from tests.faults.conftest import account
from tests.faults.test_processes import get

__all__ = ["plain_server"]
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
STOPPED, BACK = "stands still", "turns again"


@pytest.fixture
def admin(transactional_db):
    return account("ada", Role.ADMINISTRATOR)


def about(mailbox, words):
    return [mail for mail in mailbox.messages if words in str(mail["Subject"])]


def health(url):
    return get(url, "/health/scheduler")


def test_24_a_worker_that_lives_and_takes_no_work_is_found(parts, slow_mailbox, admin):
    """Two web processes notice, one of them tells, and once more when it is over."""
    other = free_port()
    parts.start("web")
    parts.start("web", "--port", str(other))
    worker = parts.start("worker")
    parts.start("beat")
    eventually(lambda: health(parts.url) == 200, what="the scheduler is alive")
    os.killpg(worker.pid, signal.SIGSTOP)
    try:
        eventually(lambda: health(parts.url) == 503, what="the health page reports it")
        eventually(
            lambda: about(slow_mailbox, STOPPED), seconds=40, what="an administrator is told"
        )
    finally:
        os.killpg(worker.pid, signal.SIGCONT)
    eventually(lambda: about(slow_mailbox, BACK), seconds=40, what="its end is told")
    eventually(lambda: health(parts.url) == 200, what="the health page is well again")
    assert [len(about(slow_mailbox, words)) for words in (STOPPED, BACK)] == [1, 1]
    kinds = AuditEvent.objects.filter(stream="watchdogs").order_by("number")
    assert [event.kind for event in kinds] == ["scheduler.stopped", "scheduler.back"]


def test_23_a_dead_beat_ends_the_calls_to_the_outside(parts, plain_server, admin):
    plain_server.status = 200
    changes = {
        "AUDIT_SECONDS": "5",
        "HEALTH_PING_URL": plain_server.url,
        "PRIVATE_ENDPOINTS": "true",
    }
    parts.start("worker", **changes)
    beat = parts.start("beat", **changes)
    eventually(lambda: len(plain_server.requests) >= 2, seconds=40, what="the outside is called")
    parts.kill(beat)
    called = len(plain_server.requests)
    with pytest.raises(AssertionError, match="one more call"):
        eventually(
            lambda: len(plain_server.requests) > called + 1, seconds=12, what="one more call"
        )


def test_29_the_worker_mends_what_somebody_broke_by_hand(parts, runner, people, slow_mailbox):
    parts.start("worker", AUDIT_SECONDS="5")
    parts.start("beat", AUDIT_SECONDS="5")
    case = ask(runner.runner, at=timezone.now(), task="Broken")
    slow_mailbox.wait_for(people[0].email, about=case.ref)
    Ask.objects.update(next_action_at=timezone.now() + timedelta(days=400))
    eventually(
        lambda: Repair.objects.filter(subject=case.subject, mended=True).exists(),
        seconds=40,
        what="the auditor finds it",
    )
    slow_mailbox.wait_for(people[0].email, about=case.ref, count=2)
