"""A person's own clock, and moments as they read them on it."""

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from governance.people.hours import zone_named
from governance.people.models import User

UTC_NAME = "UTC"
# Families of names that nobody lives by.
_ODD = ("Etc/", "SystemV/", "posix/", "right/", "US/")


@cache
def zone_names() -> list[str]:
    """The names to choose from: places, and UTC."""
    places = (name for name in available_timezones() if "/" in name and not name.startswith(_ODD))
    return [UTC_NAME, *sorted(places)]


def zone_called(name: str) -> str:
    """The IANA name that was meant, whatever its case and spaces; empty where there is none."""
    meant = name.strip().replace(" ", "_").lower()
    return next((one for one in available_timezones() if one.lower() == meant), "")


def zone_of(user: User) -> ZoneInfo:
    """The zone a person lives by; UTC where the machine does not know it any more."""
    return zone_named(user.time_zone)


def moment_words(moment: datetime, zone: ZoneInfo, *, at: datetime) -> str:
    """``07:00`` today, ``Thursday 07:00`` within the week, else ``Thursday 3 December, 07:00``."""
    local, now = moment.astimezone(zone), at.astimezone(zone)
    if local.date() == now.date():
        return f"{local:%H:%M}"
    if timedelta(0) < moment - at < timedelta(days=6):
        return f"{local:%A %H:%M}"
    year = f" {local.year}" if local.year != now.year else ""
    return f"{local:%A} {local.day} {local:%B}{year}, {local:%H:%M}"
