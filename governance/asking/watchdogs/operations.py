"""How the portal itself runs, for one page. A fixed number of queries, each of them bounded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, QuerySet

from governance.asking import bounces
from governance.asking.channels import chat, subscriptions
from governance.asking.heartbeat import AUDIT, TICK, allowed_gap
from governance.asking.models import (
    Ask,
    Channel,
    Heartbeat,
    Notification,
    NotificationState,
    PushSubscription,
    Repair,
)
from governance.asking.spans import span_text
from governance.asking.watchdogs.deadman import OUTAGE, outage_after
from governance.people.models import Delegation, User

# Counting on would say no more than "very many".
MOST = 1_000
SHOWN = 20
# How far back failures are looked for: a table that only grows is never read as a whole.
NEWEST = 5_000
S = NotificationState
LOOPS = {TICK: "Reminders and mail", AUDIT: "Auditor"}


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop of the engine. ``handled`` is of its last cycle."""

    label: str
    last: datetime | None
    allowed: str
    handled: int
    is_alive: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A notice that did not get out, and what an operator does about it."""

    notice: Notification
    advice: str


def overview(*, at: datetime) -> dict[str, Any]:
    """Everything the page shows."""
    beats = {beat.name: beat for beat in Heartbeat.objects.all()[:SHOWN]}
    return {
        "loops": [_loop(name, beats.get(name), at) for name in LOOPS],
        "outage": beats.get(OUTAGE),
        "outage_after": span_text(int(outage_after().total_seconds())),
        **_questions(at),
        "waiting": _waiting(at),
        "held": _held(at),
        "failures": [Failure(notice, advice_on(notice)) for notice in _failed()],
        "repairs": list(Repair.objects.order_by("-id")[:SHOWN]),
        "refused": list(bounces.in_force().select_related("user").order_by("-id")[:SHOWN]),
        "away": _away_without_a_delegate(at),
        "channels": _channels(),
    }


def _loop(name: str, beat: Heartbeat | None, at: datetime) -> Loop:
    last = beat.completed_at if beat else None
    allowed = allowed_gap(name)
    return Loop(
        label=LOOPS[name],
        last=last,
        allowed=span_text(int(allowed.total_seconds())),
        handled=beat.handled if beat else 0,
        is_alive=last is not None and at - last <= allowed,
    )


def _questions(at: datetime) -> dict[str, Any]:
    due = Ask.objects.due(at=at)
    failing = Ask.objects.open().filter(failures__gt=0).order_by("-failures", "id")
    return {
        "open_questions": capped(Ask.objects.open()),
        "due_questions": capped(due),
        "oldest_due": due.first(),
        "failing": list(failing[:SHOWN]),
    }


def capped(rows: QuerySet[Any]) -> str:
    """How many there are, as far as anybody counts."""
    count = rows.order_by()[: MOST + 1].count()
    return f"more than {MOST}" if count > MOST else str(count)


def _waiting(at: datetime) -> list[dict[str, Any]]:
    """By channel: what is due and has not got out."""
    unsent = Notification.objects.filter(state__in=[S.PENDING, S.SENDING], due_at__lte=at)
    rows = unsent.values("channel").annotate(count=Count("pk"), oldest=Min("due_at"))
    return [{**row, "label": Channel(row["channel"]).label} for row in rows.order_by("channel")]


def _held(at: datetime) -> list[dict[str, Any]]:
    """What waits for the end of quiet hours, or for a mail more to fit into the hour."""
    later = Notification.objects.filter(state=S.PENDING, due_at__gt=at)
    rows = later.values("held").annotate(count=Count("pk"), next=Min("due_at")).order_by("held")
    labels = dict(Notification._meta.get_field("held").flatchoices)
    return [{**row, "label": labels.get(row["held"], "To be tried again")} for row in rows]


def _failed() -> Iterable[Notification]:
    newest = Notification.objects.order_by("-pk").values_list("pk", flat=True)
    oldest = newest[NEWEST - 1 : NEWEST].first() or 0
    failed = Notification.objects.filter(state=S.FAILED, pk__gte=oldest)
    return failed.select_related("ask", "recipient").order_by("-pk")[:SHOWN]


def advice_on(notice: Notification) -> str:
    """What an operator does about a notice that failed."""
    if notice.channel == Channel.PUSH:
        return "The person switches notices in that browser on again. Mail tells them meanwhile."
    if notice.channel == Channel.CHAT:
        return "Look whether the chat still knows CHAT_WEBHOOK_URL."
    error = notice.last_error
    if "refused before" in error or "RecipientsRefused" in error:
        return "The mail server does not take this address: give the person another one."
    if "worker" in error:
        return "Each worker that sent it died: look into the log of the worker."
    return "Look into the log of the mail server. The next reminder is a new mail."


def _away_without_a_delegate(at: datetime) -> list[Delegation]:
    away = Delegation.objects.running(at=at).filter(delegate=None, person__is_active=True)
    return list(away.select_related("person").order_by("ends_at")[:SHOWN])


def _channels() -> list[dict[str, str]]:
    browsers = PushSubscription.objects.filter(gone_at=None)
    people = User.objects.filter(is_active=True, roles__len__gt=0)
    return [
        {"label": "Mail", "state": "on", "text": f"people with a role: {capped(people)}"},
        {
            "label": "Web Push",
            "state": _on(subscriptions.is_on()),
            "text": f"browsers: {capped(browsers)}" if subscriptions.is_on() else "no VAPID_KEY",
        },
        {
            "label": "Chat",
            "state": _on(chat.is_on()),
            "text": "one room" if chat.is_on() else "no CHAT_WEBHOOK_URL",
        },
        {
            "label": "Call to the outside",
            "state": _on(bool(settings.HEALTH_PING_URL)),
            "text": "after each audit that passed"
            if settings.HEALTH_PING_URL
            else "no HEALTH_PING_URL: nobody outside notices that the machine died",
        },
    ]


def _on(is_on: bool) -> str:
    return "on" if is_on else "off"
