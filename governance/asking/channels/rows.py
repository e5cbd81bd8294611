"""Which notices go out beside the mails of an action of a ladder."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from governance.asking.channels import chat, subscriptions
from governance.asking.models import (
    Ask,
    Channel,
    Held,
    Notification,
    NotificationState,
    PushSubscription,
    Reason,
)
from governance.people.absences import Told
from governance.people.hours import quiet_until
from governance.people.models import QuietHours
from governance.people.own_hours import windows_of

# These tell of an action of the ladder, which is told once; of others there may be several.
TOLD_ONCE = {Reason.ASKED, Reason.REMINDER}


@dataclass(frozen=True, slots=True)
class Action:
    """People are told of a question for a reason."""

    ask: Ask
    told: Sequence[Told]
    step: int
    repeats: int
    reason: Reason

    @property
    def is_silent(self) -> bool:
        """A question for the digest makes no noise at its first step."""
        return self.ask.in_digest and self.step < 1

    @property
    def words(self) -> Reason:
        """On a later step the question waits already, for whomever it is new."""
        is_later = self.reason == Reason.ASKED and (self.step > 0 or self.repeats > 0)
        return Reason.REMINDER if is_later else self.reason

    def key(self, at: datetime) -> str:
        place = f"{self.ask.pk}:{self.step}:{self.repeats}"
        is_once = self.reason in TOLD_ONCE
        return place if is_once else f"{place}:{self.reason}:{at:%Y%m%dT%H%M%S}"


def loud_rows(
    ask: Ask, told: Sequence[Told], *, step: int, repeats: int, reason: Reason, at: datetime
) -> list[Notification]:
    """The same for one question."""
    return loud_rows_of([Action(ask, told, step, repeats, reason)], at=at)


def loud_rows_of(actions: Iterable[Action], *, at: datetime) -> list[Notification]:
    """Rows, not saved yet: one for each person with a browser, and one for the room.

    Quiet hours hold a notice back as they hold back a mail, unless the question wakes people.
    The room has no hours. However many questions there are, this asks for each thing once.
    """
    loud = [action for action in actions if not action.is_silent]
    return [*_to_browsers(loud, at), *_to_the_room(loud, at)]


def _to_browsers(actions: Sequence[Action], at: datetime) -> list[Notification]:
    people = {one.user.pk for action in actions for one in action.told}
    if not people or not subscriptions.is_on():
        return []
    reached = set(
        PushSubscription.objects.filter(user__in=people, gone_at=None).values_list(
            "user", flat=True
        )
    )
    hours = windows_of(reached)
    return [
        _to_browser(action, one, hours[one.user.pk], at)
        for action in actions
        for one in action.told
        if one.user.pk in reached
    ]


def _to_browser(
    action: Action, told: Told, hours: Sequence[QuietHours], at: datetime
) -> Notification:
    is_woken = action.ask.wakes_people
    awake = None if is_woken else quiet_until(hours, told.user.time_zone, at)
    return Notification(
        ask=action.ask,
        recipient=told.user,
        on_behalf_of=told.on_behalf_of,
        channel=Channel.PUSH,
        reason=action.words,
        step=action.step,
        dedupe_key=f"{action.key(at)}:{told.user.pk}:push",
        created_at=at,
        due_at=awake or at,
        held=Held.QUIET_HOURS if awake else "",
    )


def _to_the_room(actions: Sequence[Action], at: datetime) -> list[Notification]:
    if not actions or not chat.is_on():
        return []
    # What did not get out yet is said by this one.
    asks = [action.ask.pk for action in actions]
    Notification.objects.filter(
        ask__in=asks, channel=Channel.CHAT, state=NotificationState.PENDING
    ).update(state=NotificationState.CANCELLED, settled_at=at)
    return [
        Notification(
            ask=action.ask,
            channel=Channel.CHAT,
            reason=action.words,
            step=action.step,
            dedupe_key=f"{action.key(at)}:chat",
            created_at=at,
            due_at=at,
        )
        for action in actions
    ]
