"""The auditor: what it looks for, what it mends, and the trace that it leaves."""

import json
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction

from agents.reviewing import services as reviewing
from escalations.models import Escalation, Status
from governance.asking.heartbeat import AUDIT
from governance.asking.models import (
    Ask,
    Channel,
    Heartbeat,
    Notification,
    NotificationState,
    Reason,
    Repair,
)
from governance.asking.services import close_ask
from governance.asking.sweep import sweep
from governance.asking.watchdogs import auditor, checks
from governance.asking.watchdogs.auditor import AUDITOR, audit
from governance.asking.watchdogs.checks import Suspect, known
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.roles import as_owner
from governance.configuration.models import ConfigurationChange
from governance.review.models import Review
from tests.agents import acts as agent_acts
from tests.asking.helpers import ask_for, notify
from tests.configuration import acts as configuration_acts
from tests.escalations import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
TIMER = "asking_ask_open_means_a_next_action"
LEASE = "asking_notification_sending_has_a_lease"


@pytest.fixture
def approver():
    return UserFactory(roles=["approver"])


@pytest.fixture
def case():
    return acts.ask(RunnerFactory(), at=NOW)


def ask_of(case):
    return Ask.objects.open().get(subject=case.subject)


def trace(subject):
    events = AuditEvent.objects.filter(subject=subject, actor=str(AUDITOR)).order_by("id")
    return [(event.kind, json.loads(bytes(event.body))["data"].get("check")) for event in events]


def by_hand(table, constraint, change):
    """Somebody drops a constraint and changes rows beside the portal."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        cursor.execute(change)


@pytest.mark.django_db(transaction=True)
def test_29_a_nulled_timer_is_found_and_set_though_the_constraint_is_gone(approver):
    ask = ask_for(NOW)
    definition = constraint_of("asking_ask", TIMER)
    try:
        by_hand("asking_ask", TIMER, "UPDATE asking_ask SET next_action_at = NULL")
        assert sweep(at=LATER) == 0
        report = audit(at=LATER)
        ask.refresh_from_db()
    finally:
        Ask.objects.filter(next_action_at=None).update(next_action_at=LATER)
        put_back("asking_ask", TIMER, definition)
    assert (report.mended, report.passed) == (1, True)
    assert ask.next_action_at == LATER
    assert sweep(at=LATER) == 1
    repair = Repair.objects.get()
    assert (repair.what, repair.subject, repair.mended) == (
        "question without a timer",
        ask.subject,
        True,
    )
    assert trace(ask.subject) == [("auditor.mended", "question without a timer")]
    assert list(verify()) == []


def constraint_of(table, name):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conname = %s AND conrelid = %s::regclass",
            [name, table],
        )
        return cursor.fetchone()[0]


def put_back(table, name, definition):
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


def test_29_a_question_put_off_by_hand_for_years_is_woken(approver):
    ask = ask_for(NOW)
    Ask.objects.update(next_action_at=NOW + timedelta(days=900))
    audit(at=LATER)
    ask.refresh_from_db()
    assert ask.next_action_at == LATER
    assert Repair.objects.get().what == "question asleep"


def test_a_question_that_its_policy_lets_wait_for_weeks_is_left_alone():
    ask = ask_for(NOW)
    ask.ladder[0]["cap_s"] = 21 * 86_400
    ask.next_action_at = NOW + timedelta(days=20)
    ask.save()
    assert audit(at=LATER).passed
    assert not Repair.objects.exists()


def test_a_question_that_the_sweep_does_not_move_is_reported_once_a_day():
    ask_for(NOW - timedelta(days=3))
    for minutes in range(3):
        report = audit(at=NOW + timedelta(minutes=minutes))
        assert (report.unmended, report.passed) == (1, False)
    assert Repair.objects.get().mended is False
    audit(at=NOW + timedelta(days=1, minutes=1))
    assert Repair.objects.count() == 2


def test_a_sweep_that_is_a_little_late_is_no_failure():
    ask_for(NOW)
    assert audit(at=NOW + timedelta(minutes=4)).passed


@pytest.mark.parametrize("lease", [timedelta(days=2), -timedelta(minutes=6)])
def test_29_a_stuck_lease_is_given_back(lease):
    notice, _ = notify(ask_for(NOW), UserFactory(), NOW)
    Notification.objects.update(
        state=NotificationState.SENDING, lease_until=NOW + lease, attempts=1
    )
    assert audit(at=NOW).mended == 1
    notice.refresh_from_db()
    assert (notice.state, notice.lease_until, notice.due_at) == ("pending", None, NOW)
    assert notice.attempts == 1


@pytest.mark.django_db(transaction=True)
def test_29_a_lease_without_an_end_is_a_stuck_one():
    notice, _ = notify(ask_for(NOW), UserFactory(), NOW)
    definition = constraint_of("asking_notification", LEASE)
    try:
        by_hand(
            "asking_notification",
            LEASE,
            "UPDATE asking_notification SET state = 'sending', lease_until = NULL",
        )
        audit(at=NOW)
        notice.refresh_from_db()
    finally:
        Notification.objects.filter(state="sending").update(state="pending")
        put_back("asking_notification", LEASE, definition)
    assert notice.state == "pending"
    assert trace(notice.ask.subject) == [("auditor.mended", "notice with a stuck lease")]


def test_a_worker_that_sends_keeps_its_lease():
    notify(ask_for(NOW), UserFactory(), NOW)
    Notification.objects.update(
        state=NotificationState.SENDING, lease_until=NOW + timedelta(minutes=3)
    )
    assert audit(at=NOW).mended == 0


def test_a_notice_held_back_for_a_month_is_sent():
    notice, _ = notify(ask_for(NOW), UserFactory(), NOW, due_at=NOW + timedelta(days=40))
    audit(at=NOW)
    notice.refresh_from_db()
    assert notice.due_at == NOW


def test_a_notice_that_has_not_got_out_for_days_is_reported():
    old = NOW - timedelta(days=4)
    notice, _ = notify(ask_for(NOW), UserFactory(), old)
    assert audit(at=NOW).unmended == 1
    assert str(notice.pk) in Repair.objects.get().sentence


def test_a_notice_without_a_question_stands_in_the_history_of_its_reader():
    user, old = UserFactory(), NOW - timedelta(days=4)
    Notification.objects.create(
        recipient=user,
        channel=Channel.MAIL,
        reason=Reason.DIGEST,
        step=0,
        dedupe_key="digest",
        created_at=old,
        due_at=old,
    )
    audit(at=NOW)
    assert Repair.objects.get().subject == user.subject


# --- what is asked, and what waits ------------------------------------------------------------


def forget_asking(subject):
    with transaction.atomic():
        close_ask(subject=subject, because="by hand", by=AUDITOR, at=NOW)


def test_a_case_that_nobody_is_asked_about_is_asked_again_as_it_was(case, approver):
    before = ask_of(case)
    forget_asking(case.subject)
    assert audit(at=LATER).mended == 1
    again = ask_of(case)
    assert again.pk != before.pk
    fields = ("kind", "title", "path", "fingerprint", "excluded", "policy_name", "ladder", "facts")
    assert [getattr(again, name) for name in fields] == [getattr(before, name) for name in fields]
    assert ("auditor.mended", "case that nobody is asked about") in trace(case.subject)
    assert sweep(at=LATER) == 1


def test_a_review_that_nobody_is_asked_about_is_asked_again():
    owner = UserFactory(roles=["owner"])
    version = agent_acts.bring_in(owner, at=NOW)
    reviewing.submit_version(version_id=version.pk, by=owner, at=NOW)
    review = Review.objects.get(subject=version.subject)
    before = Ask.objects.open().get(subject=review.stream)
    forget_asking(review.stream)
    assert audit(at=NOW).mended == 1
    again = Ask.objects.open().get(subject=review.stream)
    assert (again.required_votes, again.ladder) == (before.required_votes, before.ladder)


def test_a_loosening_that_nobody_is_asked_to_confirm_is_asked_again():
    change = configuration_acts.ask_for_one_vote(configuration_acts.administrator())
    forget_asking(change.stream)
    at = ConfigurationChange.objects.get().asked_at + timedelta(seconds=1)
    assert audit(at=at).mended == 1
    assert Ask.objects.open().filter(subject=change.stream).exists()


def test_people_are_not_asked_about_a_settled_case_any_more(case):
    Escalation.objects.update(status=Status.WITHDRAWN, settled_at=NOW)
    report = audit(at=NOW + timedelta(minutes=1))
    assert report.passed
    assert not Ask.objects.open().exists()
    assert {"question about a settled case", "halt of a settled case"} <= set(
        Repair.objects.values_list("what", flat=True)
    )


def test_what_is_in_order_is_left_alone(case, approver):
    sweep(at=NOW)
    report = audit(at=NOW)
    assert (report.mended, report.unmended, report.passed) == (0, 0, True)
    assert not Repair.objects.exists()


# --- how it works -----------------------------------------------------------------------------


def test_every_app_that_asks_people_has_its_checks():
    assert {
        "question without a timer",
        "case that nobody is asked about",
        "review that nobody is asked about",
        "loosening that nobody is asked about",
        "permit whose uses contradict each other",
    } <= set(known())


@pytest.mark.parametrize("answer", [None, OperationalError("timeout")])
def test_a_check_that_does_not_answer_is_a_failure_and_stops_no_other(monkeypatch, answer):
    def broken(at, limit):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setitem(checks.CHECKS, "a broken one", broken)
    ask_for(NOW - timedelta(days=3))
    report = audit(at=NOW)
    assert report.broken == ["a broken one"]
    assert report.unmended == 1
    assert not report.passed
    assert not Heartbeat.objects.filter(name=AUDIT).exists()


def test_a_check_that_takes_too_long_is_cut_off(monkeypatch):
    def slow(at, limit):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
        return []

    monkeypatch.setattr(auditor, "QUERY_MS", 50)
    monkeypatch.setitem(checks.CHECKS, "slow", slow)
    assert audit(at=NOW).broken == ["slow"]


def test_a_mend_that_fails_leaves_no_trace_of_success(monkeypatch):
    def fails(at):
        raise OperationalError("gone")

    suspect = Suspect("escalation:ESC-1", "Wrong.", fails)
    monkeypatch.setitem(checks.CHECKS, "one", lambda at, limit: [suspect])
    assert audit(at=NOW).broken == ["one"]
    assert not Repair.objects.exists()


def test_a_trace_that_cannot_be_written_undoes_the_mend(monkeypatch):
    ask = ask_for(NOW)
    Ask.objects.update(next_action_at=NOW + timedelta(days=900))

    def refuse(**_):
        raise OperationalError("disk full")

    monkeypatch.setattr(auditor, "append", refuse)
    audit(at=LATER)
    ask.refresh_from_db()
    assert ask.next_action_at == NOW + timedelta(days=900)
    assert not Repair.objects.exists()


def test_the_heartbeat_tells_how_much_stayed_wrong():
    ask_for(NOW - timedelta(days=3))
    audit(at=NOW)
    beat = Heartbeat.objects.get(name=AUDIT)
    assert (beat.completed_at, beat.handled) == (NOW, 1)


def test_one_audit_takes_a_bounded_number_of_rows(monkeypatch):
    monkeypatch.setattr(auditor, "LIMIT", 3)
    for number in range(5):
        ask_for(NOW, subject=f"escalation:ESC-{number}")
    Ask.objects.update(next_action_at=NOW + timedelta(days=900))
    assert audit(at=LATER).mended == 3
    assert audit(at=LATER).mended == 2
