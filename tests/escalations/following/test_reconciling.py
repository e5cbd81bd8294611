"""What was permitted and not done, or done and not reported, is said again; nothing is decided."""

from datetime import timedelta

import pytest
from django.db import DatabaseError

from agents.models import Permit, PermitUse
from escalations import acting
from escalations.following import reconciling
from escalations.following.reconciling import due_for, reconcile, still_to_do
from escalations.models import Decision, Escalation
from governance.asking.dispatch import dispatch
from governance.asking.models import Ask, Notification, Reason, Watcher
from governance.audit.models import AuditEvent
from tests.escalations.acts import ACT, approve, approver, ask
from tests.factories import NOW

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def case():
    case = ask(action=ACT)
    approve(case)
    return case


def permit_of(case):
    return Permit.objects.get(source=case.subject)


def spend(case, at=NOW, **changes):
    said = {"runner": case.runner, "request_sha256": case.request_sha256} | changes
    return acting.consume(escalation_id=case.pk, at=at, **said)


def report(case, at):
    return acting.report_outcome(
        escalation_id=case.pk,
        runner=case.runner,
        result="succeeded",
        summary="",
        constraints=[],
        at=at,
    )


def said(case):
    """What the reminders of a case say, in order, each once."""
    keys = Notification.objects.filter(ask__subject=case.subject, reason=Reason.NEWS)
    return [key.split(":", 1)[1].rpartition(":")[0] for key in
            keys.order_by("pk").values_list("dedupe_key", flat=True)]  # fmt: skip


def half_and_end(case):
    permit = permit_of(case)
    return permit.granted_at + (permit.use_before - permit.granted_at) / 2, permit.use_before


def test_a_permit_that_nobody_uses_is_said_at_half_of_its_life_and_at_its_end(case):
    half, end = half_and_end(case)
    assert reconcile(at=half - timedelta(seconds=1)) == 0
    assert [reconcile(at=half) for _ in range(3)] == [1, 0, 0]
    assert [reconcile(at=end) for _ in range(3)] == [1, 0, 0]
    assert reconcile(at=end + 30 * DAY) == 0
    assert said(case) == ["unused:half", "unused:end"]


def test_a_look_that_comes_late_says_one_thing(case):
    _, end = half_and_end(case)
    assert reconcile(at=end + DAY) == 1
    assert said(case) == ["unused:end"]


def test_a_use_that_nobody_reports_is_said_after_an_hour_then_daily_then_less_often(case):
    spend(case)
    told = [hours for hours in range(24 * 40) if reconcile(at=NOW + hours * HOUR)]
    assert told == [1 + 24 * days for days in (0, 1, 2, 4, 8, 15, 22, 29, 36)]
    assert len(set(said(case))) == len(told)


def test_after_a_long_stop_the_missing_report_is_said_once(case):
    spend(case)
    assert [reconcile(at=NOW + 20 * DAY) for _ in range(2)] == [1, 0]


def test_what_is_reported_is_not_asked_for(case):
    spend(case)
    report(case, NOW + HOUR / 2)
    assert permit_of(case).reconcile_at is None
    assert reconcile(at=NOW + 30 * DAY) == 0


def test_a_report_that_comes_while_a_look_is_due_wins(case):
    spend(case)
    report(case, NOW)
    Permit.objects.update(reconcile_at=NOW)
    assert reconcile(at=NOW + HOUR) == 0
    assert permit_of(case).reconcile_at is None


def test_a_wider_permit_is_reported_when_no_more_uses_are_to_come(case):
    Permit.objects.update(scope="uses", most_uses=3)
    spend(case, idempotency_key="a")
    _, end = half_and_end(case)
    assert reconcile(at=end) == 0
    assert reconcile(at=end + HOUR) == 1


def test_a_revoked_permit_is_reported_where_it_was_used(case):
    acting.revoke(escalation_id=case.pk, by=approver(), reason="No.", at=NOW)
    assert reconcile(at=NOW + 30 * DAY) == 0
    other = ask(action=ACT, task="other")
    approve(other)
    Permit.objects.filter(source=other.subject).update(scope="uses", most_uses=3)
    spend(other)
    acting.revoke(escalation_id=other.pk, by=approver(), reason="No.", at=NOW + HOUR)
    assert reconcile(at=NOW + 2 * HOUR) == 1
    assert said(other) == ["unreported:1"]


def test_the_owner_of_the_runner_and_those_who_watch_are_told(case):
    decider, gone = Decision.objects.get().decided_by, approver(is_active=False)
    for user in (decider, gone):
        Watcher.objects.create(subject=case.subject, user=user, since=NOW)
    reconcile(at=half_and_end(case)[0])
    told = Notification.objects.filter(reason=Reason.NEWS)
    assert {notice.recipient for notice in told} == {case.runner.owner, decider}
    event = AuditEvent.objects.get(kind="permit.looked_after")
    assert event.actor == "system:reconciler"


def test_the_mail_says_what_is_missing_though_the_question_is_closed(case, mailoutbox):
    reconcile(at=half_and_end(case)[0])
    spend(case, at=half_and_end(case)[0])
    reconcile(at=half_and_end(case)[0] + HOUR)
    dispatch(at=half_and_end(case)[0] + 2 * HOUR)
    text = "\n".join(f"{mail.subject}\n{mail.body}" for mail in mailoutbox)
    assert "Half of the time is over" in text
    assert "Nobody has reported what became of it" in text


def test_reminding_decides_and_spends_nothing(case):
    before = list(Escalation.objects.values("status", "revision"))
    reconcile(at=half_and_end(case)[1] + 100 * DAY)
    assert list(Escalation.objects.values("status", "revision")) == before
    assert not PermitUse.objects.exists()
    assert Decision.objects.count() == 1
    assert not Ask.objects.open().exists()


def test_one_that_cannot_be_looked_after_holds_up_no_other(case, monkeypatch):
    other = ask(action=ACT, task="other")
    approve(other)
    first, _ = half_and_end(case)
    real = reconciling.append

    def broken(**event):
        if event["stream"] == case.subject:
            raise DatabaseError("bad row")
        real(**event)

    monkeypatch.setattr(reconciling, "append", broken)
    assert reconcile(at=first) == 1
    assert said(other) == ["unused:half"]
    assert said(case) == []
    assert permit_of(case).reconcile_at == first + reconciling.POISON_PAUSE


def test_a_look_is_bounded(case):
    for number in range(4):
        other = ask(action=ACT, task=f"other {number}")
        approve(other)
    at = half_and_end(case)[0]
    assert [reconcile(at=at, limit=3) for _ in range(3)] == [3, 2, 0]


def test_the_page_says_what_is_still_to_do(case):
    permit, (_, end) = permit_of(case), half_and_end(case)
    assert "not done yet" in still_to_do(permit, is_reported=False, at=NOW)
    assert "it was not done" in still_to_do(permit, is_reported=False, at=end)
    spend(case)
    permit.refresh_from_db()
    assert "used once" in still_to_do(permit, is_reported=False, at=NOW)
    assert still_to_do(permit, is_reported=True, at=NOW) == ""
    assert still_to_do(None, is_reported=False, at=NOW) == ""


def test_nothing_is_due_for_a_permit_that_was_taken_back_unused(case):
    permit = permit_of(case)
    permit.revoked_at = NOW
    assert due_for(permit, at=NOW) == ("", None)


def test_of_two_workers_that_look_at_one_permit_one_says_it(case):
    at, permit = half_and_end(case)[0], permit_of(case)
    assert [reconciling._look_after(permit.pk, case.pk, at) for _ in range(2)] == [1, 0]
    assert AuditEvent.objects.filter(kind="permit.looked_after").count() == 1
