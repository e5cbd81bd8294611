"""A person's time zone and quiet hours, kept by themselves."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, time

from django.db import transaction

from governance.audit.services import append
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.people.hours import quiet_until
from governance.people.models import QuietHours, User
from governance.people.own_time import moment_words, zone_called, zone_of
from governance.people.services import actor_of

DAY, WEEK = 24 * 60, 7 * 24 * 60
# Some of the week has to be left in which a person hears of things.
LEAST_AWAKE = 60
MOST_WINDOWS = 14
NO_SUCH_ZONE = "There is no such time zone. Choose one such as Europe/Berlin."
NO_WAKING_HOUR = (
    "These quiet hours leave no waking hour in the week: you would never hear of anything."
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@transaction.atomic
def set_time_zone(*, by: User, name: str, at: datetime) -> User:
    """Where a person lives by the clock; quiet hours and absences are read in it."""
    zone = zone_called(name)
    if not zone:
        raise InvalidInput(NO_SUCH_ZONE, code="no_such_zone")
    user = User.objects.select_for_update(no_key=True).get(pk=by.pk)
    if user.time_zone != zone:
        before, user.time_zone = user.time_zone, zone
        user.save(update_fields=["time_zone"])
        _note(user, "user.time_zone_changed", at, before=before, after=zone)
    return user


@transaction.atomic
def add_quiet_hours(
    *, by: User, weekdays: Iterable[int], starts: time, ends: time, at: datetime
) -> QuietHours:
    """One more window in which nothing is to reach this person; it may run over midnight."""
    user = User.objects.select_for_update(no_key=True).get(pk=by.pk)
    days = sorted(set(weekdays))
    if not days or not set(days) <= set(range(7)):
        raise InvalidInput("Choose the days on which it begins.", code="no_days")
    window = QuietHours(user=user, weekdays=days, starts=starts, ends=ends)
    windows = [*user.quiet_hours.all(), window]
    if len(windows) > MOST_WINDOWS:
        raise Conflict(f"More than {MOST_WINDOWS} quiet hours are too many.", code="too_many")
    if longest_awake(windows) < LEAST_AWAKE:
        raise InvalidInput(NO_WAKING_HOUR, code="never_awake")
    window.save()
    _note(user, "user.quiet_hours_added", at, **_as_data(window))
    return window


@transaction.atomic
def remove_quiet_hours(*, by: User, window_id: int, at: datetime) -> None:
    """Take out one of one's own windows."""
    user = User.objects.select_for_update(no_key=True).get(pk=by.pk)
    window = user.quiet_hours.filter(pk=window_id).first()
    if window is None:
        raise NotThere("There are no such quiet hours.")
    _note(user, "user.quiet_hours_removed", at, **_as_data(window))
    window.delete()


def _as_data(window: QuietHours) -> dict[str, object]:
    return {
        "weekdays": list(window.weekdays),
        "starts": f"{window.starts:%H:%M}",
        "ends": f"{window.ends:%H:%M}",
    }


def _note(user: User, kind: str, at: datetime, **data: object) -> None:
    append(stream=user.subject, kind=kind, by=actor_of(user), at=at, data=data)


def longest_awake(windows: Iterable[QuietHours]) -> int:
    """The longest stretch of the week, in minutes, that no window covers."""
    quiet = bytearray(WEEK)
    for window in windows:
        starts = window.starts.hour * 60 + window.starts.minute
        length = (window.ends.hour * 60 + window.ends.minute - starts - 1) % DAY + 1
        for day in window.weekdays:
            for minute in range(day * DAY + starts, day * DAY + starts + length):
                quiet[minute % WEEK] = 1
    if not any(quiet):
        return WEEK
    # From the end of a quiet stretch once around the week.
    first = quiet.index(1)
    return max(len(awake) for awake in (quiet[first:] + quiet[:first]).split(b"\x01"))


def windows_of(people: Collection[int]) -> dict[int, list[QuietHours]]:
    """The quiet hours of several people, by person, read at once."""
    found: dict[int, list[QuietHours]] = defaultdict(list)
    for window in QuietHours.objects.filter(user__in=people) if people else ():
        found[window.user_id].append(window)
    return found


def held_until(user: User, moment: datetime) -> datetime | None:
    """When quiet hours that cover a moment end; nothing where the person may be told."""
    return quiet_until(list(user.quiet_hours.all()), user.time_zone, moment)


def hours_words(
    user: User,
    windows: Sequence[QuietHours],
    *,
    at: datetime,
    away_until: datetime | None = None,
) -> str:
    """What quiet hours, and perhaps an absence, mean at this moment, in one sentence."""
    zone = zone_of(user)
    when = " and ".join(window_words(window) for window in windows)
    rule = f"Mails are held {when}" if windows else "No quiet hours"
    back = away_until or at
    until = quiet_until(windows, user.time_zone, back) or back
    then = (
        "the next mail comes"
        if away_until is None
        else "you are away: nothing is asked of you before"
    )
    comes = f"{then} {moment_words(until, zone, at=at)}" if until > at else "mails come at once"
    return f"{rule} ({zone.key}); now it is {at.astimezone(zone):%A %H:%M} there, {comes}."


def window_words(window: QuietHours) -> str:
    """``from 22:00 to 07:00``, with the days on which it begins unless it is every day."""
    hours = f"from {window.starts:%H:%M} to {window.ends:%H:%M}"
    if window.starts == window.ends:
        hours = f"for 24 hours from {window.starts:%H:%M}"
    days = sorted(window.weekdays)
    if len(days) == 7:
        return hours
    if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        return f"{hours}, {DAYS[days[0]]} to {DAYS[days[-1]]}"
    return f"{hours}, {', '.join(DAYS[day] for day in days)}"
