"""Which notices go out beside the mails of one action of a ladder."""

from collections.abc import Sequence
from datetime import datetime

from governance.asking.channels import chat, subscriptions
from governance.asking.models import (
    Ask,
    Channel,
    Notification,
    NotificationState,
    PushSubscription,
    Reason,
)
from governance.people.absences import Told
from governance.people.hours import quiet_until
from governance.people.models import QuietHours

# These tell of an action of the ladder, which is told once; of others there may be several.
OF_THE_LADDER = {Reason.ASKED, Reason.REMINDER}


def loud_rows(
    ask: Ask, told: Sequence[Told], *, step: int, repeats: int, reason: Reason, at: datetime
) -> list[Notification]:
    """Rows, not saved yet: one for each person with a browser, and one for the room.

    As for mail: a question for the digest makes no noise at its first step, and quiet hours
    hold a notice back unless the question wakes people. The room has no hours.
    """
    if ask.in_digest and step < 1:
        return []
    key = f"{ask.pk}:{step}:{repeats}"
    if reason not in OF_THE_LADDER:
        key = f"{key}:{reason}:{at:%Y%m%dT%H%M%S}"
    return [
        *_to_browsers(ask, told, key=key, step=step, reason=reason, at=at),
        *_to_the_room(ask, key=key, step=step, reason=reason, at=at),
    ]


def _to_browsers(
    ask: Ask, told: Sequence[Told], *, key: str, step: int, reason: Reason, at: datetime
) -> list[Notification]:
    if not told or not subscriptions.is_on():
        return []
    ids = [one.user.pk for one in told]
    reached = set(
        PushSubscription.objects.filter(user__in=ids, gone_at=None).values_list("user", flat=True)
    )
    hours: dict[int, list[QuietHours]] = {}
    if reached and not ask.wakes_people:
        for window in QuietHours.objects.filter(user__in=reached):
            hours.setdefault(window.user_id, []).append(window)
    return [
        Notification(
            ask=ask,
            recipient=one.user,
            on_behalf_of=one.on_behalf_of,
            channel=Channel.PUSH,
            reason=reason,
            step=step,
            dedupe_key=f"{key}:{one.user.pk}:push",
            created_at=at,
            due_at=quiet_until(hours.get(one.user.pk, []), one.user.time_zone, at) or at,
        )
        for one in told
        if one.user.pk in reached
    ]


def _to_the_room(
    ask: Ask, *, key: str, step: int, reason: Reason, at: datetime
) -> list[Notification]:
    if not chat.is_on():
        return []
    # What did not get out yet is said by this one.
    ask.notifications.filter(channel=Channel.CHAT, state=NotificationState.PENDING).update(
        state=NotificationState.CANCELLED, settled_at=at
    )
    return [
        Notification(
            ask=ask,
            channel=Channel.CHAT,
            reason=reason,
            step=step,
            dedupe_key=f"{key}:chat",
            created_at=at,
            due_at=at,
        )
    ]
