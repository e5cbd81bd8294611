from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.people.hours import LONGEST, local, moment_of, quiet_until
from governance.people.own_hours import LEAST_AWAKE, longest_awake

EVERY_DAY = range(7)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kathmandu", "UTC"]
BERLIN = "Europe/Berlin"


def hours(starts, ends, weekdays=EVERY_DAY):
    return SimpleNamespace(
        weekdays=list(weekdays), starts=time.fromisoformat(starts), ends=time.fromisoformat(ends)
    )


def clock(text, zone, fold=0):
    """A local time as the moment it names."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


NIGHT = [hours("22:00", "07:00")]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-07-06 21:59", None),
        ("2026-07-06 22:00", "2026-07-07 07:00"),
        ("2026-07-07 03:00", "2026-07-07 07:00"),
        ("2026-07-07 06:59:59.999999", "2026-07-07 07:00"),
        ("2026-07-07 07:00", None),
    ],
)
def test_the_night_ends_on_the_clock_of_the_person(zone, at, until):
    expected = clock(until, zone) if until else None
    assert quiet_until(NIGHT, zone, clock(at, zone)) == expected


@pytest.mark.parametrize(
    ("zone", "evening", "length"),
    [
        (BERLIN, "2026-03-28 22:00", 8),
        (BERLIN, "2026-10-24 22:00", 10),
        ("America/New_York", "2026-03-07 22:00", 8),
        ("America/New_York", "2026-10-31 22:00", 10),
        ("Australia/Sydney", "2026-10-03 22:00", 8),
        ("Australia/Sydney", "2026-04-04 22:00", 10),
        ("Asia/Kathmandu", "2026-03-28 22:00", 9),
    ],
)
def test_a_night_in_which_the_clock_changes_ends_at_seven_all_the_same(zone, evening, length):
    at = clock(evening, zone)
    assert quiet_until(NIGHT, zone, at) - at == timedelta(hours=length)


def test_an_end_that_the_clock_jumps_over_is_the_jump():
    at = clock("2026-03-29 01:00", BERLIN)
    assert quiet_until([hours("22:00", "02:30")], BERLIN, at) == clock("2026-03-29 03:00", BERLIN)


def test_a_beginning_that_the_clock_jumps_over_is_the_jump():
    windows = [hours("02:30", "06:00")]
    assert quiet_until(windows, BERLIN, clock("2026-03-29 01:59:59", BERLIN)) is None
    assert quiet_until(windows, BERLIN, clock("2026-03-29 03:00", BERLIN)) == clock(
        "2026-03-29 06:00", BERLIN
    )


def test_an_end_that_the_clock_shows_twice_is_the_second():
    at = clock("2026-10-25 02:40", BERLIN)
    second = clock("2026-10-25 02:30", BERLIN, fold=1)
    assert quiet_until([hours("22:00", "02:30")], BERLIN, at) == second


def test_a_beginning_that_the_clock_shows_twice_is_the_first():
    windows = [hours("02:30", "06:00")]
    first, between = clock("2026-10-25 02:30", BERLIN), clock("2026-10-25 02:10", BERLIN, fold=1)
    assert quiet_until(windows, BERLIN, first) == clock("2026-10-25 06:00", BERLIN)
    assert quiet_until(windows, BERLIN, between) == clock("2026-10-25 06:00", BERLIN)


def test_windows_that_touch_are_one():
    windows = [hours("18:00", "22:00"), *NIGHT, hours("06:30", "09:00")]
    at = clock("2026-07-06 18:30", BERLIN)
    assert quiet_until(windows, BERLIN, at) == clock("2026-07-07 09:00", BERLIN)


def test_a_weekend_lasts_until_monday():
    weekend = [hours("18:00", "00:00", [4]), hours("00:00", "00:00", [5, 6]), *NIGHT]
    friday = clock("2026-07-10 18:00", BERLIN)
    assert quiet_until(weekend, BERLIN, friday) == clock("2026-07-13 07:00", BERLIN)


def test_hours_belong_to_the_day_on_which_they_begin():
    fridays = [hours("22:00", "07:00", [4])]
    assert quiet_until(fridays, BERLIN, clock("2026-07-11 03:00", BERLIN)) == clock(
        "2026-07-11 07:00", BERLIN
    )
    assert quiet_until(fridays, BERLIN, clock("2026-07-12 03:00", BERLIN)) is None


def test_hours_without_an_end_hold_nothing_back():
    assert quiet_until([hours("00:00", "00:00")], BERLIN, clock("2026-07-12 03:00", BERLIN)) is None


def test_a_zone_that_nobody_knows_is_read_as_utc():
    at = datetime(2026, 7, 6, 23, tzinfo=UTC)
    assert quiet_until(NIGHT, "Mars/Olympus", at) == datetime(2026, 7, 7, 7, tzinfo=UTC)
    assert local(at, "../etc/passwd").utcoffset() == timedelta(0)


def test_a_day_that_a_zone_skipped_is_over_at_once():
    """Samoa went from the 29th to the 31st of December 2011."""
    skipped = moment_of(datetime(2011, 12, 30).date(), time(12), "Pacific/Apia")
    assert local(skipped, "Pacific/Apia").isoformat() == "2011-12-31T00:00:00+14:00"


def windows_of_any_kind():
    return st.lists(
        st.builds(
            SimpleNamespace,
            weekdays=st.lists(st.integers(0, 6), min_size=1, max_size=7),
            starts=st.times(),
            ends=st.times(),
        ),
        max_size=4,
    )


def moments():
    """Any moment, and often one near a change of the clock."""
    changes = [datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1), datetime(2026, 10, 3, 16)]
    near = st.builds(
        lambda change, offset: change + offset,
        st.sampled_from(changes),
        st.timedeltas(timedelta(hours=-12), timedelta(hours=12)),
    )
    anywhen = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1))
    return (near | anywhen).map(lambda moment: moment.replace(tzinfo=UTC))


def clock_is_quiet(windows, zone, at):
    """What somebody would say who looks at the clock on the wall."""
    shown = local(at, zone)
    before = (shown.weekday() - 1) % 7
    for window in windows:
        over_midnight = window.ends <= window.starts
        today, now = shown.weekday() in window.weekdays, shown.time()
        if today and window.starts <= now and (over_midnight or now < window.ends):
            return True
        if before in window.weekdays and over_midnight and now < window.ends:
            return True
    return False


@settings(max_examples=400, deadline=None)
@given(windows_of_any_kind(), st.sampled_from(ZONES), moments())
def test_what_is_held_comes_later_within_bounds_and_never_in_quiet_hours(windows, zone, at):
    until = quiet_until(windows, zone, at)
    if until is not None:
        assert at < until <= at + LONGEST
        assert quiet_until(windows, zone, until) is None
        assert not clock_is_quiet(windows, zone, until)


@settings(max_examples=400, deadline=None)
@given(windows_of_any_kind(), st.sampled_from(ZONES), moments())
def test_nothing_is_sent_while_the_clock_on_the_wall_says_quiet(windows, zone, at):
    if longest_awake(windows) >= LEAST_AWAKE and clock_is_quiet(windows, zone, at):
        assert quiet_until(windows, zone, at) is not None
