"""How often people were interrupted: by mail or in the browser, a mail that bundles as one."""

from collections import Counter
from collections.abc import Collection
from datetime import date, datetime

from governance.asking.models import Channel, Notification, NotificationState
from governance.people.hours import local


def per_day(user_ids: Collection[int], since: datetime, at: datetime) -> dict[int, Counter[date]]:
    """For each person, how much reached them on each day of their own clock."""
    told = Notification.objects.filter(
        recipient__in=user_ids,
        state=NotificationState.ACCEPTED,
        channel__in=(Channel.MAIL, Channel.PUSH),
        settled_at__gt=since,
        settled_at__lte=at,
    )
    rows = told.values_list(
        "recipient_id", "recipient__time_zone", "settled_at", "bundled_into_id", "pk"
    )
    # What a mail bundles counts once, even where its first question was settled meanwhile.
    messages = {
        (user, local(moment, zone).date(), root or pk)
        for user, zone, moment, root, pk in rows
        if user and zone and moment
    }
    days: dict[int, Counter[date]] = {user: Counter() for user in user_ids}
    for user, day, _ in messages:
        days[user][day] += 1
    return days
