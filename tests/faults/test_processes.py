"""Processes die, hang and lose each other; nothing that somebody waits for is lost."""

import json
import os
import signal
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import redis
from celery import current_app
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from escalations.models import Escalation, Presence, Status
from governance.asking.models import Ask, Notification, NotificationState, Rung
from governance.asking.sweep import sweep
from governance.asking.tasks import tick
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from tests.e2e.conftest import eventually
from tests.escalations.acts import BODY, agent, approve, ask
from tests.faults.conftest import NO_SERVER

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
S = NotificationState


@pytest.fixture
def quick_reminders(transactional_db):
    Rung.objects.update(repeat_every=timedelta(seconds=1), repeat_cap=timedelta(seconds=2))


def wake():
    """What beat sends."""
    current_app.send_task(tick.name)


def get(url, path, key=""):
    request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None


def raise_over_http(parts, key, **changes):
    request = urllib.request.Request(
        f"{parts.url}/api/v1/escalations/",
        json.dumps(BODY | changes).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, json.load(answer)


def somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0] > 0


def flush_broker():
    with redis.from_url(settings.REDIS_URL) as broker:
        broker.flushall()


def three_minutes_later():
    """The leases of dead workers have run out."""
    Notification.objects.filter(state=S.SENDING).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )


def mails_by_person(mailbox):
    found = {}
    for mail in mailbox.messages:
        found.setdefault(str(mail["To"]), []).append(str(mail["Message-ID"]))
    return found


def all_accepted():
    states = set(Notification.objects.values_list("state", flat=True))
    return states == {S.ACCEPTED}


# --- the worker dies --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "copies"),
    [("before the data", 0), ("before the reply", 1), ("after the reply", 1)],
)
def test_16_a_worker_killed_around_sending_leads_to_every_mail_at_worst_twice_the_same(
    parts, slow_mailbox, owners_connection, runner, people, moment, copies
):
    case = ask(runner.runner, at=timezone.now())
    sweep(at=timezone.now())
    slow_mailbox.hold_at = moment
    worker = parts.start("worker")
    if moment == "after the reply":
        # The worker needs the head of the case's history to note that the mail is out.
        owners_connection.execute(
            "SELECT 1 FROM audit_stream WHERE name = %s FOR UPDATE", [case.subject]
        )
        wake()
        eventually(
            lambda: slow_mailbox.messages and somebody_waits_for_a_lock(),
            what="the worker waits to note what it sent",
        )
    else:
        wake()
        eventually(lambda: slow_mailbox.held, what="the worker is in the middle of a mail")
    parts.kill(worker)
    owners_connection.rollback()
    slow_mailbox.hold_at = ""
    assert Notification.objects.filter(state=S.SENDING).count() == 1
    assert len(slow_mailbox.messages) == copies

    three_minutes_later()
    parts.start("worker")
    wake()
    eventually(all_accepted, what="every notice is out")
    found = mails_by_person(slow_mailbox)
    assert set(found) == {person.email for person in people}
    assert sum(map(len, found.values())) == len(people) + copies
    assert all(len(set(ids)) == 1 for ids in found.values())
    accepted = AuditEvent.objects.filter(stream=case.subject, kind="notice.accepted")
    assert accepted.count() == len(people)
    assert list(verify()) == []


# --- the broker -------------------------------------------------------------------------------


def test_20_a_case_raised_without_a_broker_is_taken_and_told_by_the_next_tick(
    parts, slow_mailbox, runner, people
):
    agent()
    parts.start("web", REDIS_URL=NO_SERVER)
    parts.start("worker")
    parts.wait_for_web()
    status, raised = raise_over_http(parts, runner.key)
    assert (status, raised["status"]) == (201, "open")
    again, same = raise_over_http(parts, runner.key)
    assert (again, same["ref"]) == (200, raised["ref"])
    parts.start("beat")
    for person in people:
        slow_mailbox.wait_for(person.email, about=raised["ref"])


def test_21_a_broker_that_loses_everything_loses_no_mail_and_no_reminder(
    parts, slow_mailbox, runner, people, quick_reminders
):
    parts.start("worker")
    parts.start("beat")
    slow_mailbox.hold_at = "before the data"
    first = ask(runner.runner, at=timezone.now())
    eventually(lambda: slow_mailbox.held, what="the first mail is on its way")
    flush_broker()
    slow_mailbox.hold_at = ""
    second = ask(runner.runner, at=timezone.now(), task="Another")
    flush_broker()
    for case in (first, second):
        for person in people:
            slow_mailbox.wait_for(person.email, about=case.ref, count=3)
    assert list(verify()) == []


# --- the clock of the reminders ---------------------------------------------------------------


def test_23_a_stopped_beat_is_reported_and_a_new_one_puts_it_right(parts):
    parts.start("web")
    parts.start("worker")
    beat = parts.start("beat")

    def health():
        return get(parts.url, "/health/scheduler")

    eventually(lambda: health() == 200, what="the scheduler is alive")
    parts.kill(beat)
    eventually(lambda: health() == 503, what="its death is reported")
    parts.start("beat")
    eventually(lambda: health() == 200, what="it is alive again")


def test_22_two_beats_and_two_workers_tell_everybody_once_each_time(
    parts, slow_mailbox, runner, people, quick_reminders
):
    for kind in ("worker", "worker", "beat", "beat"):
        parts.start(kind)
    cases = [ask(runner.runner, at=timezone.now(), task=f"Task {n}") for n in range(3)]
    for case in cases:
        slow_mailbox.wait_for(people[0].email, about=case.ref, count=3)
    parts.stop()
    sent = [str(mail["Message-ID"]) for mail in slow_mailbox.messages]
    assert len(set(sent)) == len(sent)
    for case in cases:
        told = Notification.objects.filter(ask__subject=case.subject)
        steps = list(told.values_list("recipient", "dedupe_key"))
        assert len(steps) == len(set(steps))
        rounds = {key.rsplit(":", 1)[0] for _, key in steps}
        events = AuditEvent.objects.filter(
            stream=case.subject, kind__in=["ask.step", "ask.reminded"]
        )
        assert len(rounds) == events.count()
    assert list(verify()) == []


# --- the web process and the database ---------------------------------------------------------


def question(folder: Path) -> str:
    (folder / "case.json").write_text(json.dumps(BODY))
    return "case.json"


def waiting_case(stuck, folder):
    asking = stuck("ask", "--file", question(folder), "--wait")
    case = eventually(Escalation.objects.first, what="the case is there")
    eventually(
        lambda: Presence.objects.get(pk=case.pk).last_seen_at > case.opened_at,
        what="the runner waits",
    )
    return asking, case


def test_55_a_runner_waits_through_the_death_of_the_web_process(
    parts, stuck, runner, people, tmp_path
):
    agent()
    web = parts.start("web")
    parts.wait_for_web()
    asking, case = waiting_case(stuck, tmp_path)
    parts.kill(web)
    approve(case, people[0], at=timezone.now())
    assert asking.poll() is None
    parts.start("web")
    out, err = asking.communicate(timeout=60)
    assert asking.returncode == 0, err
    assert "JWT tokens" in out


def crash_database(session: "psycopg.Connection") -> None:
    """Kill one session's server process: PostgreSQL ends all of them and recovers."""
    pid = session.info.backend_pid
    if not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres"):
        pytest.skip("the database server does not run on this machine")
    os.kill(pid, signal.SIGKILL)
    session.close()
    connection.close()


def database_answers():
    try:
        connection.ensure_connection()
    except OperationalError:
        connection.close()
        return False
    return True


@pytest.mark.alone
@pytest.mark.skipif(
    "PYTEST_XDIST_WORKER" in os.environ or not os.path.isdir("/proc/self"),
    reason="crashes the database server: not where others use it, and only where /proc names it",
)
def test_18_a_database_crash_loses_neither_the_runner_nor_the_sweep(
    parts, slow_mailbox, stuck, owners_connection, runner, people, tmp_path
):
    agent()
    for kind in ("web", "worker", "beat"):
        parts.start(kind)
    parts.wait_for_web()
    asking, waited_for = waiting_case(stuck, tmp_path)
    slow_mailbox.wait_for(people[1].email, about=waited_for.ref)
    # Another writer is about to tell the same person: the sweep waits for it, half done.
    swept = ask(runner.runner, at=timezone.now() + timedelta(seconds=2), task="Another")
    asked = Ask.objects.get(subject=swept.subject)
    owners_connection.execute(
        "INSERT INTO asking_notification (ask_id, recipient_id, reason, step, dedupe_key,"
        " message_id, channel, held, state, attempts, last_error, created_at, due_at)"
        " VALUES (%s, %s, 'asked', 0, %s, gen_random_uuid(), 'mail', '', 'pending', 0, '',"
        " now(), now())",
        [asked.pk, people[0].pk, f"{asked.pk}:0:0:{people[0].pk}"],
    )
    eventually(somebody_waits_for_a_lock, what="the sweep is half done")
    crash_database(owners_connection)
    eventually(database_answers, what="the database has recovered")
    assert not Notification.objects.filter(ask=asked).exists()

    approve(waited_for, people[0], at=timezone.now())
    out, err = asking.communicate(timeout=60)
    assert asking.returncode == 0, err
    assert "JWT tokens" in out
    for person in people:
        slow_mailbox.wait_for(person.email, about=swept.ref)
    swept.refresh_from_db()
    assert swept.status == Status.OPEN
    assert list(verify()) == []
