"""Clocks that jump, nights in which they change, half-done work, and edits while it goes on."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.db import transaction

from governance.asking.dispatch import dispatch
from governance.asking.models import (
    Ask,
    Audience,
    Notification,
    NotificationState,
    Policy,
    Reason,
    Rung,
)
from governance.asking.services import ladder_view
from governance.asking.sweep import sweep
from governance.audit.services import verify
from governance.people.models import Membership, QuietHours, Team, User
from tests.asking.helpers import ask_for, events_of, kinds_of
from tests.escalations.test_races import at_once
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
S = NotificationState


@pytest.fixture
def ada():
    return UserFactory(name="Ada", roles=["approver"])


def tick(at):
    sweep(at=at)
    dispatch(at=at)


def rounds(ask):
    """Step and repeat of each time that people were told, in order."""
    told = [data for kind, data in events_of(ask) if kind in {"ask.step", "ask.reminded"}]
    return [(data["step"], data["repeat"]) for data in told]


# --- clocks that jump -------------------------------------------------------------------------


@pytest.mark.parametrize("jumps", [[DAY, HOUR, 2 * HOUR], [HOUR, DAY + HOUR], [3 * DAY, HOUR]])
def test_4_a_clock_that_jumps_forward_and_back_tells_nobody_twice_and_loses_nothing(ada, jumps):
    ask = ask_for(NOW)
    tick(NOW)
    for ahead in jumps:
        tick(NOW + ahead)
        tick(NOW + ahead)
    seen = rounds(ask)
    assert len(seen) == len(set(seen))
    assert len(mail.outbox) == Notification.objects.filter(state=S.ACCEPTED).count()
    before = len(seen)
    for days in range(4, 9):
        tick(NOW + days * DAY)
    seen = rounds(ask)
    assert len(seen) == len(set(seen)) >= before + 4
    assert Ask.objects.get(pk=ask.pk).closed_at is None


# --- nights in which clocks change ------------------------------------------------------------

NIGHTS = [
    ("Europe/Berlin", "2026-03-28", 8),
    ("Europe/Berlin", "2026-10-24", 10),
    ("America/New_York", "2026-03-07", 8),
    ("America/New_York", "2026-10-31", 10),
    ("Australia/Sydney", "2026-10-03", 8),
    ("Australia/Sydney", "2026-04-04", 10),
    ("Asia/Kathmandu", "2026-03-28", 9),
]


@pytest.mark.parametrize(("zone", "evening", "length"), NIGHTS)
def test_5_a_mail_held_over_a_night_in_which_the_clock_changes_leaves_at_seven(
    ada, zone, evening, length
):
    User.objects.filter(pk=ada.pk).update(time_zone=zone)
    QuietHours.objects.create(user=ada, weekdays=list(range(7)), starts=time(22), ends=time(7))
    day = datetime.fromisoformat(evening)
    at = day.replace(hour=22, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    seven = (day + DAY).replace(hour=7, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert seven - at == timedelta(hours=length)
    ask = ask_for(at)
    sweep(at=at)
    ask.refresh_from_db()
    assert ask.next_action_at == at + 4 * HOUR
    for minutes in range(0, length * 60, 15):
        dispatch(at=at + timedelta(minutes=minutes))
    assert mail.outbox == []
    dispatch(at=seven - timedelta(seconds=1))
    assert mail.outbox == []
    dispatch(at=seven)
    assert [message.to for message in mail.outbox] == [[ada.email]]


@pytest.mark.parametrize(("zone", "evening", "length"), NIGHTS)
def test_5_the_ladder_itself_counts_hours_and_knows_no_local_clock(ada, zone, evening, length):
    at = datetime.fromisoformat(evening).replace(hour=22, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    ask = ask_for(at)
    for hour in range(10):
        sweep(at=at + hour * HOUR)
    assert rounds(ask) == [(1, 0), (2, 0), (2, 1)]


def test_7_quiet_hours_that_end_within_a_step_delay_the_notice_and_not_the_step(ada):
    QuietHours.objects.create(user=ada, weekdays=list(range(7)), starts=time(8), ends=time(10))
    ask = ask_for(NOW)
    tick(NOW)
    assert mail.outbox == []
    tick(NOW + HOUR)
    assert len(mail.outbox) == 1
    tick(NOW + 4 * HOUR)
    assert rounds(ask) == [(1, 0), (2, 0)]
    assert len(mail.outbox) == 2


# --- edits while it goes on -------------------------------------------------------------------


def half_way(ada):
    ask = ask_for(NOW)
    tick(NOW)
    return Policy.objects.get(kind="case", is_default=True), ask


def turned_round(policy):
    """The steps in reverse order."""
    rungs = list(policy.rungs.order_by("position"))
    for place, rung in enumerate(reversed(rungs)):
        Rung.objects.filter(pk=rung.pk).update(position=100 + place)


EDITS = {
    "reordered": turned_round,
    "emptied": lambda policy: policy.rungs.all().delete(),
    "slowed down": lambda policy: policy.rungs.update(
        delay=9 * DAY, repeat_every=9 * DAY, repeat_cap=9 * DAY
    ),
    "no default any more": lambda policy: Policy.objects.filter(pk=policy.pk).update(
        is_default=False
    ),
    "asks for more votes": lambda policy: Policy.objects.filter(pk=policy.pk).update(
        required_votes=9
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_9_a_policy_that_is_changed_while_people_are_asked_changes_nothing_for_them(ada, edit):
    boss = UserFactory(roles=["administrator"])
    policy, ask = half_way(ada)
    EDITS[edit](policy)
    for hour in range(1, 25):
        tick(NOW + hour * HOUR)
    assert rounds(ask) == [(1, 0), (2, 0), (2, 1), (2, 2), (3, 0)]
    ask.refresh_from_db()
    assert ask.required_votes == 1
    told = [data["told"] for kind, data in events_of(ask) if kind == "ask.step"]
    assert told == [[ada.subject], [ada.subject], [boss.subject]]


def test_9_a_policy_that_was_used_cannot_be_deleted_under_its_questions(ada):
    policy, _ = half_way(ada)
    with pytest.raises(Exception, match="protected|referenced"), transaction.atomic():
        policy.delete()


def test_10_a_gap_in_the_numbers_of_the_steps_skips_nobody(ada):
    policy = Policy.objects.get(kind="case", is_default=True)
    for place, rung in enumerate(policy.rungs.order_by("-position")):
        Rung.objects.filter(pk=rung.pk).update(position=90 - 30 * place)
    UserFactory(roles=["administrator"])
    ask = ask_for(NOW)
    for hour in range(25):
        tick(NOW + hour * HOUR)
    assert [step for step, repeat in rounds(ask) if repeat == 0] == [1, 2, 3]


# --- half-done work ---------------------------------------------------------------------------


def left_behind(ask, person, key, **fields):
    return Notification.objects.create(
        ask=ask,
        recipient=person,
        reason=Reason.ASKED,
        step=0,
        dedupe_key=f"{ask.pk}:{key}",
        created_at=NOW - HOUR,
        due_at=NOW - HOUR,
        **fields,
    )


def test_11_a_start_on_half_done_work_ends_it_and_repeats_nothing(ada):
    """What workers that died, and an older portal, may have left."""
    ben = UserFactory(roles=["approver"])
    moved, settled, due = (
        ask_for(NOW - HOUR, subject=f"escalation:ESC-{n}", title=f"Question {n}")
        for n in range(1, 4)
    )
    Ask.objects.filter(pk=moved.pk).update(step=0, next_action_at=NOW + 3 * HOUR)
    Ask.objects.filter(pk=settled.pk).update(
        closed_at=NOW, closed_because="decided", next_action_at=None
    )
    lease = NOW - timedelta(minutes=1)
    taken = left_behind(moved, ada, "a", state=S.SENDING, attempts=1, lease_until=lease)
    waiting = left_behind(moved, ben, "b")
    late = left_behind(settled, ada, "a", state=S.SENDING, attempts=1, lease_until=lease)
    forgotten = left_behind(settled, ben, "b")
    tick(NOW)
    states = dict(Notification.objects.values_list("pk", "state"))
    assert [states[one.pk] for one in (taken, waiting)] == [S.ACCEPTED, S.ACCEPTED]
    assert [states[one.pk] for one in (late, forgotten)] == [S.CANCELLED, S.CANCELLED]
    assert due.notifications.filter(state=S.ACCEPTED).count() == 2
    assert rounds(due) == [(1, 0)]
    texts = "".join(str(message.message()) for message in mail.outbox)
    assert "Question 2" not in texts
    assert str(taken.message_id) in texts
    tick(NOW + timedelta(minutes=1))
    assert Notification.objects.filter(state=S.ACCEPTED).count() == 4
    assert list(verify()) == []


# --- everybody at once ------------------------------------------------------------------------


def team_ladder(team):
    policy = Policy.objects.get(kind="case", is_default=True)
    first = policy.rungs.order_by("position").first()
    Rung.objects.filter(pk=first.pk).update(audience=Audience.TEAM, role="", team=team)


@pytest.mark.parametrize("attempt", range(4))
def test_36_people_and_teams_that_go_while_they_are_told_leave_no_question_behind(ada, attempt):
    team = Team.objects.create(name="Security", slug="security")
    people = [UserFactory(roles=["approver"]) for _ in range(4)]
    for person in people:
        Membership.objects.create(team=team, user=person)
    team_ladder(team)
    asks = [ask_for(NOW, subject=f"escalation:ESC-{n}") for n in range(6)]
    # Whoever deletes a team takes its members out first, and its steps point to nobody.
    at_once(
        lambda: sweep(at=NOW),
        lambda: sweep(at=NOW),
        lambda: User.objects.filter(pk=people[0].pk).update(is_active=False),
        lambda: Membership.objects.filter(team=team).delete(),
        lambda: dispatch(at=NOW),
    )
    Rung.objects.filter(team=team).delete()
    Team.objects.filter(pk=team.pk).delete()
    tick(NOW)
    for ask in asks:
        ask.refresh_from_db()
        assert ask.closed_at is None
        assert ask.next_action_at > NOW
        assert rounds(ask)[0][1] == 0
        assert ladder_view(ask)[0]["who"].startswith("A team that no longer exists")
    tick(NOW + 5 * HOUR)
    told = Notification.objects.filter(state=S.ACCEPTED).values_list("ask", flat=True)
    assert set(told) == {ask.pk for ask in asks}
    gone = Notification.objects.filter(recipient=people[0], state__in=[S.PENDING, S.SENDING])
    assert not gone.exists()
    assert list(verify()) == []


def test_36_a_question_is_asked_by_a_whole_policy_though_it_is_edited_meanwhile(ada):
    policy = Policy.objects.get(kind="case", is_default=True)

    def edit():
        with transaction.atomic():
            policy.rungs.update(delay=HOUR)
            Policy.objects.filter(pk=policy.pk).update(required_votes=2)

    at_once(*[lambda n=n: ask_for(NOW, subject=f"escalation:ESC-{n}") for n in range(6)], edit)
    for ask in Ask.objects.open():
        delays = {rung["delay_s"] for rung in ask.ladder}
        assert delays in ({3600}, {0, 14_400, 72_000})
        assert kinds_of(ask) == ["ask.opened"]
