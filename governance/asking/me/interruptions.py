"""How often a person was interrupted, day by day on their own clock."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from governance.asking.interruptions import per_day
from governance.people.models import User
from governance.people.own_time import zone_of

DAYS = 14


@dataclass(frozen=True, slots=True)
class Day:
    """One day, and how often something reached a person on it."""

    day: date
    count: int


def last_days(user: User, *, at: datetime) -> list[Day]:
    """The last two weeks, today first."""
    today = at.astimezone(zone_of(user)).date()
    counts = per_day([user.pk], at - timedelta(days=DAYS + 1), at)[user.pk]
    days = [today - timedelta(days=back) for back in range(DAYS)]
    return [Day(day, counts[day]) for day in days]
