"""The daily digest: once a day, at the person's own hour, only where something waits."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.core import mail as outgoing

from governance.asking import outbox
from governance.asking.digest import enqueue_digests
from governance.asking.dispatch import dispatch
from governance.asking.links import token_of
from governance.asking.models import Ask, Notification, Preference, Reason, ReviewLink
from governance.asking.sweep import sweep
from governance.people.models import Delegation, QuietHours
from tests.asking.helpers import ask_for
from tests.asking.test_bundling import die, text_of
from tests.asking.test_dispatch import close
from tests.factories import UserFactory

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EIGHT = datetime(2026, 3, 3, 8, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada():
    return UserFactory(name="Ada", roles=["approver"])


def waiting(now, **changes):
    """A question that has reached its people."""
    ask = ask_for(now, **changes)
    sweep(at=now)
    ask.notifications.update(state="cancelled", settled_at=now)
    return ask


def digests():
    return Notification.objects.filter(reason=Reason.DIGEST)


def test_at_eight_of_the_next_day_one_mail_says_what_waits(now, ada):
    asks = [waiting(now), waiting(now, subject="escalation:ESC-2", title="Which colour?")]
    assert enqueue_digests(at=EIGHT - timedelta(seconds=1)) == 0
    assert enqueue_digests(at=EIGHT) == 1
    dispatch(at=EIGHT)
    (mail,) = outgoing.outbox
    assert (mail.to, mail.subject) == ([ada.email], "What waits for you: 2 questions")
    assert "Decision needed: ESC-2: Which colour?" in mail.body
    assert "Waiting for 23 hours, since Monday 2 March 2026, 09:00 UTC." in mail.body
    for link in ReviewLink.objects.filter(ask__in=asks):
        assert token_of(link) in mail.body
        assert token_of(link) in mail.alternatives[0].content


def test_once_a_day_and_again_on_the_next(now, ada):
    waiting(now)
    assert [enqueue_digests(at=EIGHT + n * HOUR) for n in range(30)].count(1) == 2
    assert digests().count() == 2


def test_where_nothing_waits_there_is_no_mail_and_what_comes_later_waits_for_the_next_day(now, ada):
    assert enqueue_digests(at=EIGHT) == 0
    waiting(EIGHT + HOUR)
    assert enqueue_digests(at=EIGHT + 2 * HOUR) == 0
    assert enqueue_digests(at=EIGHT + DAY) == 1


def test_what_is_answered_before_the_mail_leaves_is_not_in_it(now, ada):
    ask = waiting(now)
    enqueue_digests(at=EIGHT)
    close(ask, EIGHT)
    dispatch(at=EIGHT)
    assert outgoing.outbox == []
    assert digests().get().state == "cancelled"


def test_after_days_off_one_digest_comes_and_not_one_for_each_day(now, ada):
    QuietHours.objects.create(
        user=ada, weekdays=list(range(1, 4)), starts=time(0), ends=time(23, 59)
    )
    QuietHours.objects.create(
        user=ada, weekdays=list(range(1, 4)), starts=time(23, 59), ends=time(0)
    )
    waiting(now)
    for day in range(4):
        enqueue_digests(at=EIGHT + day * DAY)
        dispatch(at=EIGHT + day * DAY)
    (mail,) = outgoing.outbox
    assert "Waiting for 3 days 23 hours" in mail.body
    assert sorted(row.state for row in digests()) == ["accepted", *["cancelled"] * 3]


def test_it_comes_at_the_hour_one_chose_on_ones_own_clock(now):
    eva = UserFactory(roles=["approver"], time_zone="Asia/Kathmandu")
    Preference.objects.create(user=eva, digest_at=time(6, 30))
    waiting(now)
    hour = datetime(2026, 3, 3, 0, 45, tzinfo=UTC)
    assert enqueue_digests(at=hour - timedelta(seconds=1)) == 0
    assert enqueue_digests(at=hour) == 1


@pytest.mark.parametrize(
    ("day", "hour"),
    [("2026-03-29", "01:00"), ("2026-10-25", "00:30")],
    ids=["the clock jumps over it", "the clock shows it twice"],
)
def test_an_hour_that_does_not_exist_or_comes_twice_brings_one_mail(now, day, hour):
    eva = UserFactory(roles=["approver"], time_zone="Europe/Berlin")
    Preference.objects.create(user=eva, digest_at=time(2, 30))
    due = datetime.fromisoformat(f"{day} {hour}+00:00")
    Preference.objects.update(last_digest_on=(due - DAY).date())
    waiting(now)
    minutes = [due + timedelta(minutes=n) for n in range(-30, 180, 15)]
    written = [at for at in minutes if enqueue_digests(at=at)]
    assert written == [due]


def test_owners_and_strangers_to_the_question_get_none(now, ada):
    UserFactory(roles=["owner"])
    author = UserFactory(roles=["approver"])
    waiting(now, excluded=[author.pk])
    enqueue_digests(at=EIGHT)
    assert [row.recipient for row in digests()] == [ada]


def test_who_stands_in_reads_for_whom(now, ada):
    bo = UserFactory(roles=["approver"])
    Ask.objects.all().delete()
    ask = waiting(now)
    Delegation.objects.create(
        person=ada, delegate=bo, starts_at=now, ends_at=now + 9 * DAY, made_by=ada, made_at=now
    )
    ladder = [rung | {"audience": "person", "person": ada.pk, "role": ""} for rung in ask.ladder]
    Ask.objects.filter(pk=ask.pk).update(ladder=ladder)
    enqueue_digests(at=EIGHT)
    dispatch(at=EIGHT)
    assert [(mail.to, "You stand in for Ada." in mail.body) for mail in outgoing.outbox] == [
        ([bo.email], True)
    ]


def test_a_worker_killed_after_sending_leads_to_the_same_mail_again(now, postbox, ada, monkeypatch):
    waiting(now)
    enqueue_digests(at=EIGHT)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "accept", die)
        with pytest.raises(SystemExit):
            dispatch(at=EIGHT)
    enqueue_digests(at=EIGHT + HOUR)
    dispatch(at=EIGHT + outbox.LEASE)
    first, again = postbox.mails
    assert first["Message-ID"] == again["Message-ID"]
    assert "1 question waits for you." in text_of(again)
