"""What the page of insights shows: figures in words, and bars without a script."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse

from escalations.insights import measuring
from escalations.insights.measuring import (
    DayFigures,
    Interruptions,
    Period,
    PersonFigures,
    PolicyFigures,
)
from governance.base.addresses import with_query
from governance.people.models import User
from governance.people.permissions import Permission, has

PERIODS = {7: "7 days", 30: "30 days", 90: "90 days"}
USUAL_PERIOD = 30
# The drawing: its height, and the width of a day with its gap, in units of the picture.
HEIGHT, DAY_WIDTH, BAR_WIDTH = 80, 10, 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart; the text is what a reader of the table gets."""

    day: Any
    decisions: int
    x: int
    y: int
    height: int


def insights_page(user: User, wanted: str, *, at: datetime) -> dict[str, Any]:
    """The whole context. Figures of other people are for auditors and administrators only."""
    days = period_in(wanted)
    period = Period(at - timedelta(days=days), at)
    all_people = has(user, Permission.READ_HISTORY)
    only = None if all_people else user.pk
    people = measuring.people_in(period, only=only)
    interrupted = measuring.interruptions_in(period, zone=user.time_zone, only=only)
    decided = measuring.days_in(period, zone=user.time_zone)
    waiting = measuring.waiting_now()
    return {
        "periods": _segments(days),
        "days": days,
        "waiting": waiting.cases,
        "oldest": _span_since(waiting.since, at),
        "policies": [_policy(row) for row in measuring.policies_in(period)],
        "triggers": [
            {"key": row.key, "cases": row.cases, "waiting": row.waiting}
            | {"decide": span_text(row.decide_half)}
            for row in measuring.triggers_in(period)
        ],
        "people": [_person(row) for row in people],
        "interruptions": [_interruptions(row, days) for row in interrupted],
        "all_people": all_people,
        "bars": bars(decided, period, zone=user.time_zone),
        "decided": sum(row.decisions for row in decided),
        "chart_width": (days + 1) * DAY_WIDTH,
        "chart_height": HEIGHT,
        "bar_width": BAR_WIDTH,
    }


def period_in(wanted: str) -> int:
    """The days that were asked for, if they are one of the choices."""
    return next((days for days in PERIODS if str(days) == wanted), USUAL_PERIOD)


def bars(decided: Sequence[DayFigures], period: Period, *, zone: str) -> list[Bar]:
    """A bar for each day of the period, in the reader's zone; the highest fills the picture."""
    counts = {row.day: row.decisions for row in decided}
    most = max(counts.values(), default=0)
    return [
        Bar(day, count, index * DAY_WIDTH, HEIGHT - height, height)
        for index, day in enumerate(_days(period, zone))
        for count in [counts.get(day, 0)]
        for height in [round(HEIGHT * count / most) if most else 0]
    ]


def _days(period: Period, zone: str) -> Iterable[Any]:
    first = period.since.astimezone(ZoneInfo(zone)).date()
    last = period.until.astimezone(ZoneInfo(zone)).date()
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _segments(days: int) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "href": with_query(reverse("insights"), days=number),
            "current": number == days,
            "count": None,
        }
        for number, label in PERIODS.items()
    ]


def _policy(row: PolicyFigures) -> dict[str, Any]:
    return {
        "name": row.policy,
        "cases": row.cases,
        "decided": row.decided,
        "by_standing": row.by_standing,
        "withdrawn": row.withdrawn,
        "dismissed": row.dismissed,
        "stalled": row.stalled,
        "stall_percent": row.stall_percent,
        "first_view": span_text(row.first_view),
        "decide_half": span_text(row.decide_half),
        "decide_most": span_text(row.decide_most),
    }


def _person(row: PersonFigures) -> dict[str, Any]:
    return {
        "name": row.name,
        "votes": row.votes,
        "approvals": row.approvals,
        "acts": row.acts,
        "unopened": row.unopened,
        "looked": span_text(row.looked),
        "flags": row.flags,
    }


def _interruptions(row: Interruptions, days: int) -> dict[str, Any]:
    return {
        "name": row.name,
        "a_day": f"{row.times / days:.1f}",
        "most": row.most,
        "times": row.times,
    }


def _span_since(since: datetime | None, at: datetime) -> str:
    return span_text((at - since).total_seconds()) if since else ""


def span_text(seconds: float | None) -> str:
    """``42 s``, ``7 min``, ``3 h``, ``2 days``; a dash where there is nothing to measure."""
    if seconds is None:
        return "–"
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {name}"
    return f"{round(seconds)} s"
