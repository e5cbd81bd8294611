"""The sweeper is cut off, held up, stopped; a worker sleeps. The rest goes on, and it recovers."""

import os
import signal
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone

from governance.asking.models import Ask, Notification, NotificationState
from governance.asking.sweep import sweep
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from tests.e2e.conftest import eventually
from tests.escalations.acts import ask
from tests.faults.mails import wake
from tests.faults.test_processes import get, somebody_waits_for_a_lock

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
S = NotificationState


def hold_a_notice_back(session, asked, person):
    """Another writer is about to tell the same person: the sweep waits for it, half done."""
    session.execute(
        "INSERT INTO asking_notification (ask_id, recipient_id, reason, step, dedupe_key, channel,"
        " held, message_id, state, attempts, last_error, created_at, due_at)"
        " VALUES (%s, %s, 'asked', 0, %s, 'mail', '', gen_random_uuid(), 'pending', 0, '',"
        " now(), now())",
        [asked.pk, person.pk, f"{asked.pk}:0:0:{person.pk}"],
    )


def cut_off_who_waits():
    """Ends the sessions that wait for a lock; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return len(cursor.fetchall())


def test_19_a_sweeper_whose_session_is_ended_starts_anew_and_loses_nothing(
    parts, slow_mailbox, owners_connection, runner, people
):
    case = ask(runner.runner, at=timezone.now())
    asked = Ask.objects.get(subject=case.subject)
    hold_a_notice_back(owners_connection, asked, people[0])
    # Raising has woken the worker already: one cycle is enough here.
    current_app.control.purge()
    parts.start("worker")
    wake()
    eventually(somebody_waits_for_a_lock, what="the sweep is half done")
    assert cut_off_who_waits() == 1
    owners_connection.rollback()
    eventually(lambda: "AdminShutdown" in parts.log.read_text(), what="the worker notices")
    asked.refresh_from_db()
    assert (asked.step, Notification.objects.count()) == (-1, 0)

    wake()
    for person in people:
        slow_mailbox.wait_for(person.email, about=case.ref)
    assert AuditEvent.objects.filter(stream=case.subject, kind="ask.step").count() == 1
    assert len(slow_mailbox.messages) == len(people)
    assert list(verify()) == []


HOLD = {
    "the question": "SELECT 1 FROM asking_ask WHERE subject = %s FOR UPDATE",
    "its history": "SELECT 1 FROM audit_stream WHERE name = %s FOR UPDATE",
}


@pytest.mark.parametrize("held", HOLD)
def test_19_who_holds_a_lock_and_does_nothing_holds_up_that_question_only(
    owners_connection, runner, people, held
):
    now = timezone.now()
    first, second = ask(runner.runner, at=now), ask(runner.runner, at=now, task="Another")
    owners_connection.execute(HOLD[held], [first.subject])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '3s'")
    sweep(at=now)
    assert not Notification.objects.filter(ask__subject=first.subject).exists()
    assert Notification.objects.filter(ask__subject=second.subject).count() == len(people)
    assert Ask.objects.get(subject=first.subject).failures == 0
    owners_connection.rollback()
    sweep(at=now)
    assert Notification.objects.filter(ask__subject=first.subject).count() == len(people)


def test_24_a_worker_that_lives_and_does_not_work_is_reported(parts):
    parts.start("web")
    parts.start("beat")
    worker = parts.start("worker")

    def health():
        return get(parts.url, "/health/scheduler")

    eventually(lambda: health() == 200, what="the worker works", seconds=60)
    os.killpg(worker.pid, signal.SIGSTOP)
    eventually(lambda: health() == 503, what="its sleep is reported")
    assert worker.poll() is None
    assert get(parts.url, "/health/live") == 200
    os.killpg(worker.pid, signal.SIGCONT)
    eventually(lambda: health() == 200, what="it works again")


def test_30_a_worker_older_than_the_database_leaves_the_work_to_a_newer_one(
    parts, slow_mailbox, owners_connection, runner, people
):
    """The database has a change that no code here knows; then the change is known."""
    owners_connection.autocommit = True
    owners_connection.execute(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('asking', '9999_next', now())"
    )
    try:
        case = ask(runner.runner, at=timezone.now() - timedelta(minutes=1))
        parts.start("worker")
        wake()
        eventually(lambda: "asking.9999_next" in parts.log.read_text(), what="the log says why")
        assert not Notification.objects.exists()
        assert Ask.objects.get(subject=case.subject).step == -1
    finally:
        owners_connection.execute("DELETE FROM django_migrations WHERE name = '9999_next'")
    wake()
    slow_mailbox.wait_for(people[0].email, about=case.ref)
