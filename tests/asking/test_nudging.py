"""A nudge by hand: once in four hours, and the ladder goes on."""

from datetime import time, timedelta

import pytest

from governance.asking.models import Notification, NotificationState, Reason, Snooze
from governance.asking.nudging import nudge, nudge_of
from governance.asking.sweep import sweep
from governance.base.errors import Conflict, NotPermitted
from governance.people.models import QuietHours
from tests.asking.helpers import ask_for, events_of
from tests.asking.test_sweep import in_threads
from tests.factories import NOW, UserFactory

HOUR = timedelta(hours=1)
S = NotificationState
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada():
    return UserFactory(name="Ada", roles=["approver"])


@pytest.fixture
def owner():
    return UserFactory(name="Olga", roles=["owner"])


def asked(now):
    ask = ask_for(now)
    sweep(at=now)
    ask.notifications.update(state=S.ACCEPTED, settled_at=now)
    ask.refresh_from_db()
    return ask


def nudges(ask):
    return list(ask.notifications.filter(reason=Reason.NUDGE))


def test_everybody_whom_it_reached_is_told_and_the_ladder_stays(now, ada, owner):
    ask = asked(now)
    before = (ask.step, ask.repeats, ask.next_action_at)
    assert [one.user for one in nudge(ask_id=ask.pk, by=owner, at=now + HOUR)] == [ada]
    ask.refresh_from_db()
    assert (ask.step, ask.repeats, ask.next_action_at) == before
    assert [(row.recipient, row.due_at) for row in nudges(ask)] == [(ada, now + HOUR)]
    assert events_of(ask)[-1] == (
        "ask.nudged",
        {"ask": ask.pk, "step": 1, "told": [ada.subject]},
    )


def test_once_in_four_hours(now, ada, owner):
    ask = asked(now)
    nudge(ask_id=ask.pk, by=owner, at=now)
    with pytest.raises(Conflict, match="from Monday 2 March 2026, 13:00 UTC on"):
        nudge(ask_id=ask.pk, by=ada, at=now + 4 * HOUR - timedelta(seconds=1))
    nudge(ask_id=ask.pk, by=owner, at=now + 4 * HOUR)
    assert len(nudges(ask)) == 2


def test_two_at_the_same_moment_nudge_once(now, ada, owner):
    ask = asked(now)
    said = []

    def act():
        try:
            nudge(ask_id=ask.pk, by=owner, at=now)
        except Conflict as refusal:
            said.append(refusal.code)

    in_threads(3, act)
    assert (said, len(nudges(ask))) == (["nudged", "nudged"], 1)


def test_who_sleeps_is_told_on_waking_and_who_snoozes_is_spared(now, ada, owner):
    bo = UserFactory(roles=["approver"])
    QuietHours.objects.create(user=ada, weekdays=[0], starts=time(8), ends=time(12))
    ask = asked(now)
    Snooze.objects.create(ask=ask, user=bo, until=now + 5 * HOUR, reason="later", at=now)
    nudge(ask_id=ask.pk, by=owner, at=now)
    assert [(row.recipient, row.due_at) for row in nudges(ask)] == [(ada, now + 3 * HOUR)]


def test_nobody_nudges_themselves_or_before_anybody_was_told(now, ada, owner):
    ask = ask_for(now)
    with pytest.raises(Conflict, match="Nobody was told yet"):
        nudge(ask_id=ask.pk, by=owner, at=now)
    sweep(at=now)
    with pytest.raises(Conflict, match="Nobody else can be told"):
        nudge(ask_id=ask.pk, by=ada, at=now)


def test_strangers_nudge_nobody(now, ada):
    ask = asked(now)
    with pytest.raises(NotPermitted):
        nudge(ask_id=ask.pk, by=UserFactory(), at=now)
    assert nudges(ask) == []


def test_the_page_has_the_button_or_says_why_not(now, ada, owner):
    ask = asked(now)
    assert nudge_of(owner, ask, at=now).refusal == ""
    nudge(ask_id=ask.pk, by=owner, at=now)
    ask.refresh_from_db()
    assert "less than four hours ago" in nudge_of(owner, ask, at=now).refusal


def test_the_button_tells_people_and_leads_back(client, ada, owner):
    ask = asked(NOW)
    client.force_login(owner)
    response = client.post(f"/asks/{ask.pk}/nudge/")
    assert (response.status_code, response["Location"]) == (302, f"/cases/ESC-1/#together-{ask.pk}")
    assert Notification.objects.filter(reason=Reason.NUDGE).count() == 1
    assert client.get(f"/asks/{ask.pk}/nudge/").status_code == 405
