"""Which notices go out beside the mails."""

from datetime import time, timedelta

import pytest

from governance.asking.channels.rows import Action, loud_rows, loud_rows_of
from governance.asking.models import Channel, Notification, NotificationState, Reason
from governance.people.absences import Told
from governance.people.models import QuietHours
from tests.asking.helpers import ask_for
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db
FIRST = {"step": 0, "repeats": 0, "reason": Reason.ASKED, "at": NOW}


@pytest.fixture
def room(settings):
    settings.CHAT_WEBHOOK_URL = "https://chat.example.net/hooks/secret"


def told(*people):
    return [Told(one, None) for one in people]


def changed(**fields):
    ask = ask_for(NOW)
    for name, value in fields.items():
        setattr(ask, name, value)
    return ask


def test_whoever_has_a_browser_gets_a_push_and_the_room_one_message(browser_of, room):
    with_browser, without = UserFactory(), UserFactory()
    browser_of(with_browser, "one"), browser_of(with_browser, "two")
    rows = loud_rows(ask_for(NOW), told(with_browser, without), **FIRST)
    assert [(row.channel, row.recipient) for row in rows] == [
        (Channel.PUSH, with_browser),
        (Channel.CHAT, None),
    ]
    assert all(row.due_at == NOW for row in rows)


def test_without_a_key_and_a_room_there_is_nothing_but_mail(browser_of, settings):
    user = UserFactory()
    browser_of(user)
    settings.VAPID_KEY = b""
    assert loud_rows(ask_for(NOW), told(user), **FIRST) == []


def test_the_same_action_twice_makes_the_same_rows(browser_of, room):
    user, ask = UserFactory(), ask_for(NOW)
    browser_of(user)
    for _ in range(2):
        rows = loud_rows(ask, told(user), **FIRST)
        Notification.objects.bulk_create(rows, ignore_conflicts=True)
    assert Notification.objects.count() == 2


def test_each_nudge_is_one_more(browser_of):
    user, ask = UserFactory(), ask_for(NOW)
    browser_of(user)
    for hours in (0, 4):
        nudge = FIRST | {"reason": Reason.NUDGE, "at": NOW + timedelta(hours=hours)}
        Notification.objects.bulk_create(loud_rows(ask, told(user), **nudge))
    assert Notification.objects.count() == 2


def test_a_question_for_the_digest_makes_no_noise_at_its_first_step(browser_of, room):
    user, ask = UserFactory(), changed(in_digest=True)
    browser_of(user)
    assert loud_rows(ask, told(user), **FIRST) == []
    assert len(loud_rows(ask, told(user), **FIRST | {"step": 1})) == 2


def asleep(**fields):
    user = UserFactory(**fields)
    QuietHours.objects.create(
        user=user, weekdays=list(range(7)), starts=time(8, 0), ends=time(10, 0)
    )
    return user


def test_quiet_hours_hold_a_push_back_and_no_message_to_the_room(browser_of, room):
    user = asleep()
    browser_of(user)
    push, chat = loud_rows(ask_for(NOW), told(user), **FIRST)
    assert (push.due_at, chat.due_at) == (NOW + timedelta(hours=1), NOW)
    assert (push.held, chat.held) == ("quiet_hours", "")


def test_what_wakes_people_does_not_wait(browser_of):
    user = asleep()
    browser_of(user)
    [push] = loud_rows(changed(wakes_people=True), told(user), **FIRST)
    assert push.due_at == NOW


def test_the_room_hears_of_a_step_that_reached_nobody(room):
    [row] = loud_rows(ask_for(NOW), [], **FIRST)
    assert row.channel == Channel.CHAT


def test_a_message_that_did_not_get_out_gives_way_to_the_next(room):
    ask = ask_for(NOW)
    Notification.objects.bulk_create(loud_rows(ask, [], **FIRST))
    loud_rows(ask, [], **FIRST | {"repeats": 1})
    assert Notification.objects.get().state == NotificationState.CANCELLED


def test_many_questions_ask_the_database_no_more_than_one(
    browser_of, room, django_assert_num_queries
):
    user = asleep()
    browser_of(user)
    asks = [ask_for(NOW, subject=f"escalation:ESC-{number}") for number in range(5)]
    actions = [Action(ask, told(user), 0, 0, Reason.ASKED) for ask in asks]
    with django_assert_num_queries(3):
        assert len(loud_rows_of(actions, at=NOW)) == 10


def test_whoever_stands_in_is_told_for_whom(browser_of):
    user, away = UserFactory(), UserFactory()
    browser_of(user)
    [row] = loud_rows(ask_for(NOW), [Told(user, away)], **FIRST)
    assert row.on_behalf_of == away
