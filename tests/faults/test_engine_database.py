"""The database refuses for a while: no room, a deadlock, one row that cannot be moved."""

from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, connection

from escalations.models import Ballot, Decision, Escalation
from governance.asking import tasks
from governance.asking.dispatch import dispatch
from governance.asking.models import Ask, Heartbeat, Notification, NotificationState
from governance.asking.sweep import sweep
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.roles import as_owner
from tests.escalations.acts import agent, approve, approver, ask
from tests.factories import NOW, RunnerFactory
from tests.faults.everything import changed, everything

pytestmark = pytest.mark.django_db(transaction=True)
S = NotificationState
ALL = ("asking_ask", "asking_notification", "audit_auditevent", "escalations_escalation")
NO_ROOM = "disk_full"
PASSING = ["deadlock_detected", "serialization_failure", "lock_not_available"]
TROUBLE = """
CREATE FUNCTION in_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {when} THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '{code}';
    END IF;
    RETURN NEW;
END $$;
"""
TRIGGER = """
CREATE TRIGGER in_trouble BEFORE INSERT OR UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION in_trouble()
"""


@contextmanager
def database_refuses(*tables, code=NO_ROOM, when="true"):
    """Writes to these tables fail with the error of PostgreSQL that has this name."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE trouble; GRANT ALL ON SEQUENCE trouble TO PUBLIC")
        cursor.execute(TROUBLE.format(code=code, when=when))
        for table in tables:
            cursor.execute(TRIGGER.format(table=table))
    try:
        yield
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION in_trouble CASCADE; DROP SEQUENCE trouble")


def accepted():
    return Notification.objects.filter(state=S.ACCEPTED)


# --- no room ----------------------------------------------------------------------------------


def test_26_without_room_on_the_disk_an_act_leaves_nothing_and_later_succeeds():
    user, runner = approver(), RunnerFactory()
    case = ask(runner)
    before = everything()
    with database_refuses("audit_auditevent"):
        with pytest.raises(DatabaseError, match="No space left"):
            ask(runner, task="Another")
        with pytest.raises(DatabaseError, match="No space left"):
            approve(case, user)
    assert changed(before) == []
    assert not Decision.objects.exists()
    assert not Ballot.objects.exists()
    ask(runner, task="Another")
    approve(case, user)
    assert (Escalation.objects.count(), Decision.objects.count()) == (2, 1)
    assert list(verify()) == []


@pytest.mark.parametrize("tables", [("asking_notification",), ("audit_auditevent",), ALL])
def test_26_a_sweep_without_room_loses_no_question_and_tells_all_when_there_is_some(tables):
    people = [approver(), approver()]
    cases = [ask(task=f"Task {n}") for n in range(3)]
    with database_refuses(*tables):
        finished = False
        with suppress(DatabaseError):
            tasks.tick()
            finished = True
        assert Heartbeat.objects.exists() is finished
        assert not Notification.objects.exists()
    assert Ask.objects.open().count() == len(cases)
    later = NOW + timedelta(days=900)
    sweep(at=later)
    dispatch(at=later)
    assert accepted().count() == len(cases) * len(people)
    assert list(verify()) == []


def test_26_a_mail_that_went_out_and_could_not_be_noted_goes_out_again_as_the_same():
    approver()
    ask()
    sweep(at=NOW)
    with database_refuses("audit_auditevent"), pytest.raises(DatabaseError, match="No space left"):
        dispatch(at=NOW)
    assert Notification.objects.get().state == S.SENDING
    dispatch(at=NOW + timedelta(minutes=4))
    assert accepted().count() == 1
    ids = {message.extra_headers["Message-ID"] for message in mail.outbox}
    assert (len(mail.outbox), len(ids)) == (2, 1)


# --- errors that pass -------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("code", PASSING)
def test_28_a_sweep_that_met_an_error_that_passes_moves_the_question_soon(code, times):
    approver()
    broken, other = ask(), ask(task="Another")
    broken_id = Ask.objects.get(subject=broken.subject).pk
    when = f"NEW.ask_id = {broken_id} AND nextval('trouble') <= {times}"
    with database_refuses("asking_notification", code=code, when=when):
        sweep(at=NOW)
        assert Notification.objects.filter(ask__subject=other.subject).count() == 1
        sweep(at=NOW + timedelta(minutes=1))
    assert Notification.objects.count() == 2
    events = AuditEvent.objects.filter(stream=broken.subject, kind="ask.step")
    assert events.count() == 1
    assert Ask.objects.get(pk=broken_id).failures == 0


@pytest.mark.parametrize("code", PASSING)
def test_28_a_mail_whose_note_met_an_error_that_passes_is_settled_by_the_next_worker(code):
    approver()
    ask()
    sweep(at=NOW)
    when = "NEW.state = 'accepted' AND nextval('trouble') = 1"
    with database_refuses("asking_notification", code=code, when=when):
        with pytest.raises(DatabaseError):
            dispatch(at=NOW)
        dispatch(at=NOW + timedelta(minutes=4))
    assert accepted().count() == 1
    assert list(verify()) == []


# --- one bad row ------------------------------------------------------------------------------


def test_27_a_row_that_can_never_be_moved_holds_up_no_other_however_often_it_is_tried():
    agent()
    approver()
    cases = [ask(task=f"Task {n}", at=NOW + timedelta(seconds=n)) for n in range(5)]
    bad = Ask.objects.get(subject=cases[0].subject)
    Ask.objects.filter(pk=bad.pk).update(ladder=[{"nonsense": True}])
    for hour in range(30):
        sweep(at=NOW + timedelta(hours=hour, minutes=1))
    bad.refresh_from_db()
    assert bad.failures >= 10
    assert NOW + timedelta(hours=29) < bad.next_action_at <= NOW + timedelta(hours=31)
    assert not Notification.objects.filter(ask=bad).exists()
    for case in cases[1:]:
        assert AuditEvent.objects.filter(stream=case.subject, kind__startswith="ask.").count() > 3
