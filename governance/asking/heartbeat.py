"""Proof that the loop turns: written after a whole cycle, read by the health pages."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from governance.asking.models import Ask, Heartbeat, Notification, NotificationState

TICK = "tick"
MISSED_CYCLES = 3


def beat(*, at: datetime, handled: int) -> None:
    """A cycle is complete."""
    Heartbeat.objects.update_or_create(name=TICK, defaults={"completed_at": at, "handled": handled})


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the scheduler does. Ages in whole seconds; None where there is nothing to measure."""

    alive: bool
    heartbeat_age: int | None
    allowed_age: int
    overdue_asks: int
    oldest_overdue_age: int | None
    waiting_notices: int
    oldest_notice_age: int | None
    failing_asks: int


def pulse(*, at: datetime) -> Pulse:
    """Alive means: the last complete cycle is at most three intervals ago."""
    last = Heartbeat.objects.filter(name=TICK).values_list("completed_at", flat=True).first()
    allowed = timedelta(seconds=MISSED_CYCLES * settings.TICK_SECONDS)
    overdue = Ask.objects.due(at=at - allowed)
    unsent = Notification.objects.filter(
        state__in=[NotificationState.PENDING, NotificationState.SENDING]
    )
    return Pulse(
        alive=last is not None and at - last <= allowed,
        heartbeat_age=_age(last, at),
        allowed_age=_seconds(allowed),
        overdue_asks=overdue.count(),
        oldest_overdue_age=_age(overdue.values_list("next_action_at", flat=True).first(), at),
        waiting_notices=unsent.count(),
        oldest_notice_age=_age(
            unsent.order_by("created_at").values_list("created_at", flat=True).first(), at
        ),
        failing_asks=Ask.objects.open().filter(failures__gt=0).count(),
    )


def _age(moment: datetime | None, at: datetime) -> int | None:
    return None if moment is None else _seconds(at - moment)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
