import smtplib
from datetime import timedelta

import pytest
from django.db import transaction

from governance.asking import dispatch as dispatching
from governance.asking import outbox
from governance.asking.dispatch import MAX_ATTEMPTS, dispatch
from governance.asking.models import Ask, Notification, NotificationState, ReviewLink
from governance.asking.services import close_ask
from governance.asking.sweep import sweep
from governance.audit.actors import Actor
from governance.base.errors import InvalidTransition
from tests.asking.helpers import ask_for, events_of, kinds_of
from tests.asking.test_sweep import in_threads
from tests.factories import UserFactory

MINUTE = timedelta(minutes=1)
S = NotificationState
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def approver():
    return UserFactory(roles=["approver"])


def asked(now, **changes):
    ask = ask_for(now, **changes)
    sweep(at=now)
    return ask


def close(ask, now):
    with transaction.atomic():
        close_ask(subject=ask.subject, because="decided", by=Actor("user", "1"), at=now)


def only_notice():
    return Notification.objects.get()


def test_a_notice_is_sent_once_and_recorded(now, postbox, approver):
    ask = asked(now)
    assert dispatch(at=now) == 1
    assert dispatch(at=now) == 0
    assert len(postbox.to(approver)) == 1
    notice = only_notice()
    assert (notice.state, notice.attempts, notice.settled_at) == (S.ACCEPTED, 1, now)
    assert events_of(ask)[-1] == (
        "notice.accepted",
        {
            "ask": ask.pk,
            "notice": notice.pk,
            "recipient": approver.subject,
            "reason": "asked",
            "message_id": str(notice.message_id),
            "attempts": 1,
        },
    )


def test_nothing_goes_out_after_the_decision(now, postbox, approver):
    ask = asked(now)
    close(ask, now)
    assert dispatch(at=now) == 0
    assert postbox.tries == []


def test_a_decision_between_claim_and_sending_stops_the_mail(now, postbox, approver):
    ask = asked(now)
    claim = outbox.claim(at=now).first
    close(ask, now)
    Notification.objects.update(lease_until=now)
    assert dispatch(at=now) == 1
    claim.refresh_from_db()
    assert (claim.state, postbox.tries) == (S.CANCELLED, [])
    assert ReviewLink.objects.filter(revoked_at=None).count() == 0


def test_somebody_who_left_in_the_meantime_gets_nothing(now, postbox, approver):
    asked(now)
    approver.is_active = False
    approver.save()
    dispatch(at=now)
    assert (only_notice().state, postbox.tries) == (S.CANCELLED, [])


def test_somebody_excluded_gets_nothing_even_with_a_row_in_the_outbox(now, postbox, approver):
    ask = asked(now)
    Ask.objects.filter(pk=ask.pk).update(excluded=[approver.pk])
    dispatch(at=now)
    assert (only_notice().state, postbox.tries) == (S.CANCELLED, [])


def test_a_worker_killed_after_sending_leads_to_the_same_message_again(
    now, postbox, approver, monkeypatch
):
    asked(now)

    def die(*_, **__):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "accept", die)
        with pytest.raises(SystemExit):
            dispatch(at=now)
    assert only_notice().state == S.SENDING
    assert dispatch(at=now + MINUTE) == 0
    assert dispatch(at=now + outbox.LEASE) == 1
    first, second = postbox.to(approver)
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_body(("plain",)).get_content() == second.get_body(("plain",)).get_content()
    assert only_notice().state == S.ACCEPTED


def test_a_worker_that_comes_back_late_does_not_settle_what_another_took_over(now, approver):
    ask = asked(now)
    slow = outbox.claim(at=now)
    taken_over = outbox.claim(at=now + outbox.LEASE)
    assert outbox.accept(slow.notices, at=now + outbox.LEASE) is False
    assert outbox.accept(taken_over.notices, at=now + outbox.LEASE) is True
    assert kinds_of(ask).count("notice.accepted") == 1


def test_a_mail_that_kills_every_worker_is_given_up(now, postbox, approver):
    asked(now)
    Notification.objects.update(attempts=MAX_ATTEMPTS)
    dispatch(at=now)
    assert (only_notice().state, postbox.tries) == (S.FAILED, [])


def test_workers_at_the_same_time_send_each_notice_once(now, postbox):
    people = [UserFactory(roles=["approver"]) for _ in range(20)]
    asked(now)
    in_threads(4, lambda: dispatch(at=now))
    assert sorted(mail["To"] for mail in postbox.mails) == sorted(user.email for user in people)


def test_greylisting_is_tried_again_later(now, postbox, approver):
    asked(now)
    postbox.answers[approver.email] = "451 4.7.1 greylisted"
    dispatch(at=now)
    notice = only_notice()
    assert (notice.state, notice.attempts, notice.due_at) == (S.PENDING, 1, now + MINUTE / 2)
    assert "451" in notice.last_error
    postbox.answers.clear()
    assert dispatch(at=now) == 0
    assert dispatch(at=notice.due_at) == 1
    assert len(postbox.to(approver)) == 1


def test_the_pauses_grow_and_end_in_giving_up(now, postbox, approver):
    ask = asked(now)
    postbox.answers[approver.email] = "450 try later"
    at, pauses = now, []
    for _ in range(MAX_ATTEMPTS - 1):
        dispatch(at=at)
        pauses.append((only_notice().due_at - at).total_seconds())
        at = only_notice().due_at
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    dispatch(at=at)
    assert only_notice().state == S.FAILED
    assert kinds_of(ask)[-1] == "notice.failed"


def test_one_refused_recipient_fails_alone(now, postbox):
    good, bad, fine = (UserFactory(roles=["approver"]) for _ in range(3))
    ask = asked(now)
    postbox.answers[bad.email] = "550 5.1.1 no such user"
    assert dispatch(at=now) == 3
    assert [len(postbox.to(user)) for user in (good, bad, fine)] == [1, 0, 1]
    states = dict(Notification.objects.values_list("recipient", "state"))
    assert states == {good.pk: S.ACCEPTED, bad.pk: S.FAILED, fine.pk: S.ACCEPTED}
    failed = [data for kind, data in events_of(ask) if kind == "notice.failed"]
    assert [data["recipient"] for data in failed] == [bad.subject]


def test_a_mail_refused_as_a_whole_fails(now, postbox, approver):
    asked(now)
    postbox.on_data = lambda server, message: "554 5.6.0 refused"
    dispatch(at=now)
    assert only_notice().state == S.FAILED


def test_a_connection_lost_after_the_data_is_tried_again(now, postbox, approver):
    asked(now)

    def hang_up(server, message):
        server.transport.close()
        return "250 never heard"

    postbox.on_data = hang_up
    dispatch(at=now)
    notice = only_notice()
    assert (notice.state, notice.attempts) == (S.PENDING, 1)
    postbox.on_data = None
    dispatch(at=notice.due_at)
    first, second = postbox.to(approver)
    assert first["Message-ID"] == second["Message-ID"]


def test_a_server_that_says_421_is_left_alone_until_later(now, postbox):
    first, second = UserFactory(roles=["approver"]), UserFactory(roles=["approver"])
    asked(now)
    postbox.answers[first.email] = "421 closing"
    assert dispatch(at=now) == 1
    assert postbox.tries == [first.email]
    postbox.answers.clear()
    dispatch(at=now + MINUTE)
    assert [len(postbox.to(user)) for user in (first, second)] == [1, 1]


def test_a_server_that_is_down_costs_no_attempt_and_the_mail_leaves_once_it_is_up(
    now, postbox, approver, settings
):
    asked(now)
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    for n in range(MAX_ATTEMPTS + 5):
        assert dispatch(at=now + n * MINUTE) == 1
    notice = only_notice()
    assert (notice.state, notice.attempts) == (S.PENDING, 0)
    settings.EMAIL_PORT = port
    dispatch(at=notice.due_at)
    assert len(postbox.to(approver)) == 1


def test_a_server_that_never_answers_holds_up_one_mail_only(now, approver, settings, monkeypatch):
    UserFactory(roles=["approver"])
    asked(now)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"

    def hang(*_, **__):
        raise TimeoutError

    monkeypatch.setattr(smtplib.SMTP, "connect", hang)
    assert dispatch(at=now) == 1
    assert set(Notification.objects.values_list("state", flat=True)) == {S.PENDING}


@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPAuthenticationError(535, b"wrong password"),
        smtplib.SMTPNotSupportedError("no STARTTLS"),
        smtplib.SMTPConnectError(554, b"go away"),
    ],
)
def test_a_server_that_does_not_let_us_in_is_nobodys_fault(now, approver, error, monkeypatch):
    asked(now)

    def refuse(self):
        raise error

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.open", refuse)
    dispatch(at=now)
    assert (only_notice().state, only_notice().attempts) == (S.PENDING, 0)


def test_a_mail_that_cannot_be_made_does_not_hold_up_the_others(now, postbox, monkeypatch):
    poison, fine = UserFactory(roles=["approver"]), UserFactory(roles=["approver"])
    asked(now)
    make = dispatching.message_of

    def break_for_one(notice, link):
        if notice.recipient_id == poison.pk:
            raise ZeroDivisionError
        return make(notice, link)

    monkeypatch.setattr(dispatching, "message_of", break_for_one)
    assert dispatch(at=now) == 2
    assert [len(postbox.to(user)) for user in (poison, fine)] == [0, 1]
    states = dict(Notification.objects.values_list("recipient", "state"))
    assert states == {poison.pk: S.PENDING, fine.pk: S.ACCEPTED}


def test_dispatch_stops_when_its_time_is_up(now, postbox, approver, monkeypatch):
    asked(now)
    monkeypatch.setattr(dispatching, "BUDGET_SECONDS", -1.0)
    assert dispatch(at=now) == 0


@pytest.mark.parametrize("before", S.values)
@pytest.mark.parametrize("after", S.values)
def test_the_states_of_a_notice(before, after):
    allowed = {
        ("pending", "sending"),
        ("pending", "cancelled"),
        ("sending", "accepted"),
        ("sending", "pending"),
        ("sending", "failed"),
        ("sending", "cancelled"),
    }
    notice = Notification(state=before)
    if (before, after) in allowed:
        outbox._move(notice, after)
        assert notice.state == after
    else:
        with pytest.raises(InvalidTransition):
            outbox._move(notice, after)
