"""When a person sleeps: quiet hours in their own time zone, right across changes of the clock.

Pure: no database, no clock. A window begins when the local clock first shows its beginning, and
ends when the local clock shows its end for the last time. Where the clock jumps over a time,
the moment of the jump stands for it.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
# A zone may skip a whole day, so what began two days ago may still be going on.
DAYS_BACK = 2
# Longer than any stretch that somebody can have meant: such hours hold nothing back.
LONGEST = timedelta(days=15)


class Window(Protocol):
    """Quiet hours: on ``weekdays`` (0 is Monday) from ``starts``, perhaps over midnight."""

    @property
    def weekdays(self) -> Sequence[int]: ...
    @property
    def starts(self) -> time: ...
    @property
    def ends(self) -> time: ...


@lru_cache(maxsize=700)
def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name; UTC for a name that nobody knows (any more)."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return ZoneInfo("UTC")


def local(at: datetime, zone: str) -> datetime:
    """The same moment on the clock of a zone."""
    return at.astimezone(zone_named(zone))


def moment_of(day: date, clock: time, zone: str, *, last: bool = False) -> datetime:
    """When the clock of a zone shows a time of a day, for the first or for the last time.

    A time that the clock jumps over is the moment of the jump.
    """
    where = zone_named(zone)
    shown = datetime.combine(day, clock.replace(tzinfo=None))
    found = shown.replace(tzinfo=where, fold=int(last)).astimezone(UTC)
    if found.astimezone(where).replace(tzinfo=None) == shown:
        return found
    return _jump_over(shown, where)


def _jump_over(shown: datetime, where: tzinfo) -> datetime:
    """The first moment whose local clock is past a time that it never shows."""
    early, late = sorted(shown.replace(tzinfo=where, fold=fold).astimezone(UTC) for fold in (0, 1))
    while late - early > timedelta(microseconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(where).replace(tzinfo=None) < shown:
            early = middle
        else:
            late = middle
    return late


def quiet_until(windows: Iterable[Window], zone: str, at: datetime) -> datetime | None:
    """When the quiet hours end in which ``at`` lies; None where it lies in none.

    Windows that touch or overlap are one. Hours without an end are none: a question is told
    at a bad hour rather than never.
    """
    windows = tuple(windows)
    until = at
    while (end := _end_of_quiet(windows, zone, until)) is not None:
        until = end
        if until - at > LONGEST:
            return None
    return until if until > at else None


def _end_of_quiet(windows: Sequence[Window], zone: str, at: datetime) -> datetime | None:
    today = local(at, zone).date()
    days = [today - back * DAY for back in range(DAYS_BACK + 1)]
    ends = [
        end
        for window in windows
        for day in days
        if day.weekday() in window.weekdays
        for start, end in [_stretch(window, day, zone)]
        if start <= at < end
    ]
    return max(ends, default=None)


def _stretch(window: Window, day: date, zone: str) -> tuple[datetime, datetime]:
    last_day = day if window.ends > window.starts else day + DAY
    return moment_of(day, window.starts, zone), moment_of(last_day, window.ends, zone, last=True)
