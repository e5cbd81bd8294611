"""How often a person was interrupted, day by day on their own clock."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from governance.asking.models import Channel, Notification, NotificationState
from governance.people.models import User
from governance.people.own_time import zone_of

DAYS = 14


@dataclass(frozen=True, slots=True)
class Day:
    """One day: what reached a person, a mail that bundled several as one."""

    day: date
    count: int


def last_days(user: User, *, at: datetime) -> list[Day]:
    """The last two weeks, today first."""
    zone = zone_of(user)
    today = at.astimezone(zone).date()
    since = at - timedelta(days=DAYS + 1)
    told = Notification.objects.filter(
        recipient=user,
        state=NotificationState.ACCEPTED,
        channel__in=(Channel.MAIL, Channel.PUSH),
        bundled_into=None,
        settled_at__gt=since,
    )
    moments = told.values_list("settled_at", flat=True)
    counts = Counter(moment.astimezone(zone).date() for moment in moments if moment)
    days = [today - timedelta(days=back) for back in range(DAYS)]
    return [Day(day, counts[day]) for day in days]
