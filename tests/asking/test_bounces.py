"""Addresses that servers refuse, at once or later by a report."""

import io
from datetime import timedelta
from email.message import EmailMessage
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from governance.asking import bounces
from governance.asking.dispatch import dispatch
from governance.asking.models import Bounce, Notification, NotificationState
from governance.asking.sweep import sweep
from governance.base.errors import InvalidInput, NotPermitted
from governance.people.services import trust_address
from tests.asking.helpers import ask_for, events_of, kinds_of
from tests.factories import UserFactory

HOUR = timedelta(hours=1)
S = NotificationState
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada():
    return UserFactory(name="Ada", roles=["approver"])


@pytest.fixture
def boss():
    return UserFactory(name="Boss", roles=["administrator"])


def asked(now):
    ask = ask_for(now)
    sweep(at=now)
    return ask


def test_the_only_recipient_refused_for_good_lets_the_next_sweep_climb(now, postbox, ada, boss):
    ask = asked(now)
    postbox.answers[ada.email] = "550 5.1.1 no such user"
    dispatch(at=now)
    bounce = Bounce.objects.get()
    assert (bounce.user, bounce.address, bounce.is_permanent) == (ada, ada.email, True)
    ask.refresh_from_db()
    assert ask.next_action_at == now
    assert ask.unreached == f"the mail to user:{ada.pk} could not be delivered"
    sweep(at=now)
    ask.refresh_from_db()
    assert (ask.step, ask.unreached) == (2, "")
    reasons = [data["because"] for kind, data in events_of(ask) if kind.endswith("nobody")]
    assert reasons == [
        f"the mail to user:{ada.pk} could not be delivered",
        f"the address of user:{ada.pk} was refused",
    ]
    dispatch(at=now)
    assert len(postbox.to(boss)) == 1


def test_one_refused_of_two_lets_the_step_last(now, postbox, ada):
    bo = UserFactory(roles=["approver"])
    ask = asked(now)
    postbox.answers[ada.email] = "550 5.1.1 no such user"
    dispatch(at=now)
    ask.refresh_from_db()
    assert (ask.unreached, ask.next_action_at) == ("", now + 4 * HOUR)
    assert len(postbox.to(bo)) == 1


def test_on_the_last_step_a_refusal_does_not_turn_in_circles(now, postbox, boss):
    ask = asked(now)
    postbox.answers[boss.email] = "550 5.1.1 no such user"
    dispatch(at=now)
    ask.refresh_from_db()
    assert (ask.step, ask.next_action_at > now) == (2, True)
    assert sweep(at=now) == 0


@pytest.mark.parametrize(
    ("code", "text", "lasting"),
    [
        (550, "550 5.1.1 no such user", True),
        (550, "550 no such user", True),
        (550, "550 5.2.1 mailbox disabled", True),
        (552, "552 5.2.2 mailbox full", False),
        (550, "550 5.7.1 blocked by policy", False),
        (450, "450 4.1.1 unknown", False),
    ],
)
def test_only_what_is_about_the_address_lasts(code, text, lasting):
    assert bounces.is_about_the_address(code, text) is lasting


def test_nothing_more_is_sent_to_a_refused_address(now, postbox, ada):
    ask = asked(now)
    Bounce.objects.create(user=ada, address=ada.email, is_permanent=True, text="550", at=now)
    dispatch(at=now)
    assert (postbox.tries, ask.notifications.get().state) == ([], S.FAILED)


def test_an_administrator_says_that_the_address_works_again(now, ada, boss):
    Bounce.objects.create(user=ada, address=ada.email, is_permanent=True, text="550", at=now)
    with pytest.raises(NotPermitted):
        trust_address(user_id=ada.pk, by=ada, at=now + HOUR)
    assert bounces.is_refused(ada.pk)
    trust_address(user_id=ada.pk, by=boss, at=now + HOUR)
    assert not bounces.is_refused(ada.pk)
    assert kinds_of(SimpleNamespace(subject=ada.subject)) == ["user.address_good"]
    Bounce.objects.create(
        user=ada, address=ada.email, is_permanent=True, text="550", at=now + 2 * HOUR
    )
    assert bounces.is_refused(ada.pk)


# --- reports that come later ---------------------------------------------------------------------


def report_of(message_id, *, action="failed", status="5.1.1", whole=True):
    """A delivery report as mail servers write it."""
    original = EmailMessage()
    original["Message-ID"] = f"<{message_id}@portal.example>"
    original["Subject"] = "Decision needed"
    original.set_content("Hello")
    kept = original.as_string() if whole else "".join(f"{k}: {v}\n" for k, v in original.items())
    kind = "message/rfc822" if whole else "text/rfc822-headers"
    return "\n".join(
        [
            "From: MAILER-DAEMON@mx.example",
            "Message-ID: <11111111-2222-3333-4444-555555555555@mx.example>",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="B"',
            "",
            "--B",
            "Content-Type: text/plain",
            "",
            "It did not work.",
            "--B",
            "Content-Type: message/delivery-status",
            "",
            "Reporting-MTA: dns; mx.example",
            "",
            "Final-Recipient: rfc822; ada@example.org",
            f"Action: {action}",
            f"Status: {status}",
            "Diagnostic-Code: smtp; 550 5.1.1 no such user here",
            "",
            "--B",
            f"Content-Type: {kind}",
            "",
            kept,
            "--B--",
            "",
        ]
    ).encode()


def feed(monkeypatch, raw):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
    out = io.StringIO()
    call_command("record_bounce", stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("whole", [True, False])
def test_a_report_that_comes_later_finds_its_notice(now, postbox, ada, boss, monkeypatch, whole):
    ask = asked(now)
    dispatch(at=now)
    notice = Notification.objects.get()
    said = feed(monkeypatch, report_of(notice.message_id, whole=whole))
    assert said == f"user:{ada.pk} gets no mail until the address is proved.\n"
    assert (Bounce.objects.get().notification, bounces.is_refused(ada.pk)) == (notice, True)
    ask.refresh_from_db()
    assert ask.unreached == f"the mail to user:{ada.pk} came back"


@pytest.mark.parametrize(
    ("action", "status", "bounced", "refused"),
    [
        ("failed", "5.2.2", 1, False),
        ("delayed", "4.4.1", 0, False),
        ("delivered", "2.0.0", 0, False),
    ],
)
def test_what_is_late_full_or_arrived_refuses_no_address(
    now, postbox, ada, monkeypatch, action, status, bounced, refused
):
    asked(now)
    dispatch(at=now)
    raw = report_of(Notification.objects.get().message_id, action=action, status=status)
    feed(monkeypatch, raw)
    assert (Bounce.objects.count(), bounces.is_refused(ada.pk)) == (bounced, refused)


def test_reports_about_mails_of_others_change_nothing(now, monkeypatch):
    with pytest.raises(CommandError, match="has sent no such mail"):
        feed(monkeypatch, report_of("99999999-2222-3333-4444-555555555555"))
    assert not Bounce.objects.exists()


@pytest.mark.parametrize("raw", [b"", b"Subject: hello\n\nI am away.", b"\xff\xfe\x00"])
def test_what_is_no_report_is_refused(raw):
    with pytest.raises(InvalidInput):
        bounces.read_report(raw)
