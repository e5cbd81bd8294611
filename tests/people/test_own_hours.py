"""Time zones and quiet hours, and the sentence that says what they mean now."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.people.models import QuietHours
from governance.people.own_hours import (
    add_quiet_hours,
    hours_words,
    longest_awake,
    remove_quiet_hours,
    set_time_zone,
    window_words,
)
from governance.people.own_time import moment_words, zone_names, zone_of
from tests.factories import NOW, UserFactory

ALL = list(range(7))
BERLIN = ZoneInfo("Europe/Berlin")


def window(starts, ends, days=ALL):
    return QuietHours(
        weekdays=days, starts=time.fromisoformat(starts), ends=time.fromisoformat(ends)
    )


def add(user, starts="22:00", ends="07:00", days=ALL):
    return add_quiet_hours(
        by=user,
        weekdays=days,
        starts=time.fromisoformat(starts),
        ends=time.fromisoformat(ends),
        at=NOW,
    )


def kinds_of(user):
    events = AuditEvent.objects.filter(stream=user.subject).order_by("number")
    return list(events.values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("windows", "minutes"),
    [
        ([], 7 * 1440),
        ([("22:00", "07:00", ALL)], 15 * 60),
        ([("07:00", "22:00", ALL)], 9 * 60),
        ([("00:00", "00:00", ALL)], 0),
        ([("12:30", "12:30", ALL)], 0),
        ([("23:00", "22:00", ALL)], 60),
        ([("23:00", "22:01", ALL)], 59),
        ([("22:00", "10:00", ALL), ("10:00", "22:00", ALL)], 0),
        ([("00:00", "00:00", [0, 1, 2, 3, 4, 5])], 1440),
        ([("12:00", "12:00", [6])], 6 * 1440),
    ],
)
def test_the_longest_waking_stretch_of_the_week(windows, minutes):
    assert longest_awake([window(*one) for one in windows]) == minutes


@pytest.mark.django_db
def test_quiet_hours_that_leave_no_waking_hour_are_refused_with_a_sentence():
    eva = UserFactory()
    add(eva, "20:00", "10:00")
    with pytest.raises(InvalidInput, match="leave no waking hour"):
        add(eva, "10:00", "19:30")
    assert eva.quiet_hours.count() == 1
    assert kinds_of(eva) == ["user.quiet_hours_added"]
    assert add(eva, "10:00", "19:00")


@pytest.mark.django_db
@pytest.mark.parametrize("days", [[], [7], [-1, 2]])
def test_quiet_hours_begin_on_a_day_of_the_week(days):
    with pytest.raises(InvalidInput):
        add(UserFactory(), days=days)


@pytest.mark.django_db
def test_there_are_not_more_windows_than_one_can_read():
    eva = UserFactory()
    for _ in range(14):
        add(eva)
    with pytest.raises(Conflict):
        add(eva)


@pytest.mark.django_db
def test_one_removes_only_ones_own():
    eva, kept = UserFactory(), add(UserFactory())
    mine = add(eva)
    with pytest.raises(NotThere):
        remove_quiet_hours(by=eva, window_id=kept.pk, at=NOW)
    remove_quiet_hours(by=eva, window_id=mine.pk, at=NOW)
    assert list(QuietHours.objects.all()) == [kept]
    assert kinds_of(eva) == ["user.quiet_hours_added", "user.quiet_hours_removed"]


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["Europe/Berlin", " europe/berlin ", "EUROPE/BERLIN"])
def test_a_time_zone_is_found_however_it_is_typed(typed):
    eva = UserFactory()
    set_time_zone(by=eva, name=typed, at=NOW)
    set_time_zone(by=eva, name=typed, at=NOW)
    eva.refresh_from_db()
    assert eva.time_zone == "Europe/Berlin"
    assert kinds_of(eva) == ["user.time_zone_changed"]


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["", "Berlin", "../etc/passwd", "Europe", "Mars/Olympus"])
def test_a_time_zone_that_is_none_is_refused(typed):
    with pytest.raises(InvalidInput, match="no such time zone"):
        set_time_zone(by=UserFactory(), name=typed, at=NOW)


def test_the_zones_to_choose_from_are_places():
    names = zone_names()
    assert names[0] == "UTC"
    assert {"Asia/Kathmandu", "Australia/Sydney"} <= set(names)
    assert not [name for name in names if name.startswith("Etc/")]


def test_a_zone_that_the_machine_does_not_know_is_utc():
    assert zone_of(UserFactory.build(time_zone="Nowhere/Town")).key == "UTC"


@pytest.mark.parametrize(
    ("later", "words"),
    [
        (timedelta(hours=3), "13:00"),
        (timedelta(hours=21), "Tuesday 07:00"),
        (timedelta(days=6), "Sunday 8 March, 10:00"),
        (timedelta(days=365), "Tuesday 2 March 2027, 10:00"),
        (timedelta(days=-1), "Sunday 1 March, 10:00"),
    ],
)
def test_a_moment_is_said_as_short_as_it_is_clear(later, words):
    assert moment_words(NOW + later, BERLIN, at=NOW) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (ALL, "from 22:00 to 07:00"),
        ([0, 1, 2, 3, 4], "from 22:00 to 07:00, Monday to Friday"),
        ([5, 6], "from 22:00 to 07:00, Saturday, Sunday"),
        ([2], "from 22:00 to 07:00, Wednesday"),
    ],
)
def test_a_window_is_said_in_words(days, words):
    assert window_words(window("22:00", "07:00", days)) == words


def test_a_whole_day_is_said_as_such():
    assert window_words(window("00:00", "00:00", [6])) == "for 24 hours from 00:00, Sunday"


def test_the_sentence_says_what_the_hours_mean_at_this_moment():
    eva = UserFactory.build(time_zone="Europe/Berlin")
    night = [window("22:00", "07:00")]
    asleep = datetime(2026, 3, 4, 22, 14, tzinfo=UTC)
    assert hours_words(eva, night, at=asleep) == (
        "Mails are held from 22:00 to 07:00 (Europe/Berlin); now it is Wednesday 23:14 there,"
        " the next mail comes Thursday 07:00."
    )
    awake = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
    assert hours_words(eva, night, at=awake) == (
        "Mails are held from 22:00 to 07:00 (Europe/Berlin); now it is Wednesday 13:00 there,"
        " mails come at once."
    )
    assert hours_words(eva, [], at=awake) == (
        "No quiet hours (Europe/Berlin); now it is Wednesday 13:00 there, mails come at once."
    )


def test_the_sentence_says_when_one_who_is_away_is_asked_again():
    eva = UserFactory.build(time_zone="Europe/Berlin")
    now, back = datetime(2026, 3, 4, 12, 0, tzinfo=UTC), datetime(2026, 3, 6, 23, 0, tzinfo=UTC)
    assert hours_words(eva, [window("22:00", "07:00")], at=now, away_until=back) == (
        "Mails are held from 22:00 to 07:00 (Europe/Berlin); now it is Wednesday 13:00 there,"
        " you are away: nothing is asked of you before Saturday 07:00."
    )
