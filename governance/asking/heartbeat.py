"""Proof that the loop turns: written after a whole cycle, read by the health pages."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from governance.asking.models import Ask, Heartbeat, Notification, NotificationState

TICK, AUDIT = "tick", "audit"
# The parts of a tick, each with a heartbeat of its own.
SWEEP_LOOP, DIGEST_LOOP, DISPATCH_LOOP = "sweep", "digest", "dispatch"
MISSED_CYCLES = 3


def beat(*, at: datetime, handled: int, name: str = TICK) -> None:
    """A cycle is complete."""
    Heartbeat.objects.update_or_create(name=name, defaults={"completed_at": at, "handled": handled})


def last_beat(name: str = TICK) -> datetime | None:
    """When a loop last completed a cycle."""
    return Heartbeat.objects.filter(name=name).values_list("completed_at", flat=True).first()


def allowed_gap(name: str = TICK) -> timedelta:
    """How long a loop may take between two cycles before it counts as stopped."""
    seconds = settings.TICK_SECONDS if name == TICK else settings.AUDIT_SECONDS
    return timedelta(seconds=MISSED_CYCLES * seconds)


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the scheduler does. Ages in whole seconds; None where there is nothing to measure."""

    alive: bool
    heartbeat_age: int | None
    allowed_age: int
    audit_age: int | None
    audit_allowed_age: int
    overdue_asks: int
    oldest_overdue_age: int | None
    waiting_notices: int
    oldest_notice_age: int | None
    failing_asks: int


def pulse(*, at: datetime) -> Pulse:
    """Alive means: the last complete cycle and the last audit are at most three intervals ago."""
    last, audited = last_beat(), last_beat(AUDIT)
    allowed, audit_allowed = allowed_gap(), allowed_gap(AUDIT)
    overdue = Ask.objects.due(at=at - allowed)
    unsent = Notification.objects.filter(
        state__in=[NotificationState.PENDING, NotificationState.SENDING]
    )
    return Pulse(
        alive=_is_recent(last, allowed, at) and _is_recent(audited, audit_allowed, at),
        heartbeat_age=_age(last, at),
        allowed_age=_seconds(allowed),
        audit_age=_age(audited, at),
        audit_allowed_age=_seconds(audit_allowed),
        overdue_asks=overdue.count(),
        oldest_overdue_age=_age(overdue.values_list("next_action_at", flat=True).first(), at),
        waiting_notices=unsent.count(),
        oldest_notice_age=_age(
            unsent.order_by("created_at").values_list("created_at", flat=True).first(), at
        ),
        failing_asks=Ask.objects.open().filter(failures__gt=0).count(),
    )


def _is_recent(moment: datetime | None, allowed: timedelta, at: datetime) -> bool:
    return moment is not None and at - moment <= allowed


def _age(moment: datetime | None, at: datetime) -> int | None:
    return None if moment is None else _seconds(at - moment)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
