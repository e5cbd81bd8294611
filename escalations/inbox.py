"""The inbox: every question to people, whatever it is about, a keyset page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import CharField, Prefetch, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse

from escalations.models import Escalation, Status
from governance.asking.audiences import names_of
from governance.asking.ladder import Ladder
from governance.asking.models import Ask, AskKind, Sighting
from governance.asking.services import open_asks_for
from governance.base.pagination import key_in, one_page
from governance.people.models import User
from governance.people.permissions import Permission, has

PAGE = 30
MOST = 100
MINE, ALL = "mine", "all"
WAITING, ASKED_BACK, SETTLED, EVERYTHING = "waiting", "asked_back", "settled", "all"
SCOPES = {MINE: "For me", ALL: "All"}
STATUSES = {
    WAITING: "Waiting",
    ASKED_BACK: "Asked back",
    SETTLED: "Settled",
    EVERYTHING: "All",
}
ANSWERED_WITH = {
    AskKind.CASE: Permission.DECIDE,
    AskKind.REVIEW: Permission.REVIEW,
    AskKind.AMENDMENT: Permission.RATIFY,
    AskKind.CONFIGURATION: Permission.CONFIGURE,
}
KINDS = {
    AskKind.REVIEW: "version review",
    AskKind.AMENDMENT: "amendment",
    AskKind.CONFIGURATION: "configuration",
}
CASE_SUBJECT = "escalation:ESC-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address of the inbox asks for; whatever is odd there falls back."""

    scope: str
    status: str
    before: int | None = None

    def query(self, **changes: Any) -> str:
        """The query string of a neighbouring list."""
        other = replace(self, **changes)
        parts = {"scope": other.scope, "status": other.status, "before": other.before}
        return "?" + urlencode({name: value for name, value in parts.items() if value})


def wanted_by(user: User, query: Any) -> Wanted:
    """Read the filters; people who may decide begin with what waits for them."""
    usual = MINE if has(user, Permission.DECIDE) else ALL
    scope, status = query.get("scope", ""), query.get("status", "")
    return Wanted(
        scope if scope in SCOPES else usual,
        status if status in STATUSES else WAITING,
        key_in(query.get("before", "")),
    )


def asks_for(user: User, wanted: Wanted) -> QuerySet[Ask]:
    """The questions that match, newest first."""
    asks = Ask.objects.all()
    if wanted.scope == MINE:
        asks = asks.filter(kind__in=_kinds_of(user)).exclude(excluded__contains=[user.pk])
    if wanted.status == WAITING:
        asks = asks.open()
    elif wanted.status == SETTLED:
        asks = asks.exclude(closed_at=None)
    elif wanted.status == ASKED_BACK:
        asks = asks.open().filter(subject__in=_asked_back())
    return asks.filter(pk__lt=wanted.before) if wanted.before else asks


def _kinds_of(user: User) -> list[AskKind]:
    return [kind for kind, permission in ANSWERED_WITH.items() if has(user, permission)]


def _asked_back() -> QuerySet[Escalation, Any]:
    subject = Concat(Value(CASE_SUBJECT), Cast("pk", CharField()))
    asked = Escalation.objects.filter(status=Status.INFO_REQUESTED)
    return asked.annotate(subject_text=subject).values("subject_text")


def page_of(user: User, wanted: Wanted, *, at: datetime) -> dict[str, Any]:
    """One page with its rows and the addresses around it, in a fixed number of queries."""
    found = (
        asks_for(user, wanted)
        .order_by("-pk")
        .select_related("claimed_by")
        .prefetch_related(
            Prefetch("sightings", Sighting.objects.select_related("user").order_by("first_at"))
        )
    )
    asks, more = one_page(found, PAGE)
    return {
        "rows": _rows(asks, at),
        "rows_url": reverse("inbox-rows") + wanted.query(),
        "scopes": _segments(SCOPES, wanted, "scope"),
        "statuses": _segments(STATUSES, wanted, "status"),
        "summary": _summary(user, at),
        "empty": _empty(wanted),
        "newer": wanted.query(before=None) if wanted.before else "",
        "older": wanted.query(before=asks[-1].pk) if more else "",
        "now": at,
    }


def _segments(names: dict[str, str], wanted: Wanted, field: str) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "href": wanted.query(**{field: name, "before": None}),
            "current": getattr(wanted, field) == name,
            "count": None,
        }
        for name, label in names.items()
    ]


def _summary(user: User, at: datetime) -> str:
    mine = open_asks_for(user).filter(kind__in=_kinds_of(user)).order_by("opened_at")
    opened = list(mine.values_list("opened_at", flat=True)[:MOST])
    if not opened:
        return "Nothing waits for you."
    number = "99+ questions wait" if len(opened) == MOST else _counted(len(opened))
    days, seconds = divmod(int((at - opened[0]).total_seconds()), 86400)
    oldest = f"{days} d {seconds // 3600} h" if days else f"{seconds // 3600} h"
    return (
        f"{number} for you, the oldest for {oldest}."
        if days or seconds >= 3600
        else (f"{number} for you, the oldest for {seconds // 60} min.")
    )


def _counted(number: int) -> str:
    return "One question waits" if number == 1 else f"{number} questions wait"


def _empty(wanted: Wanted) -> dict[str, str]:
    if wanted.status == WAITING:
        return {"title": "Nothing waits", "text": "New questions appear here by themselves."}
    return {"title": "Nothing here", "text": "No question matches these filters."}


def _rows(asks: Sequence[Ask], at: datetime) -> list[dict[str, Any]]:
    cases = _cases(asks)
    reached = [ask.ladder[max(ask.step, 0)] for ask in asks]
    who = names_of(reached)
    return [
        _row(ask, cases.get(ask.subject), step_who, at)
        for ask, step_who in zip(asks, who, strict=True)
    ]


def _cases(asks: Sequence[Ask]) -> dict[str, Escalation]:
    ids = [
        int(ask.subject.removeprefix(CASE_SUBJECT))
        for ask in asks
        if ask.subject.startswith(CASE_SUBJECT)
    ]
    found = Escalation.objects.filter(pk__in=ids).select_related("agent").defer("request")
    return {case.subject: case for case in found}


def _row(ask: Ask, case: Escalation | None, step_who: str, at: datetime) -> dict[str, Any]:
    seen_by = [str(sighting.user) for sighting in ask.sightings.all()]
    return {
        "url": ask.path,
        "title": ask.title,
        "kind": KINDS.get(AskKind(ask.kind), ""),
        "opened_at": ask.opened_at,
        "step": max(ask.step, 0) + 1,
        "steps": len(ask.ladder),
        "step_who": step_who,
        "next_action_at": ask.next_action_at,
        "next_action": next_action(ask),
        "overdue": ask.step > 0 or ask.repeats > 0,
        "claimed_by": str(ask.claimed_by) if ask.claimed_by else "",
        "due_at": ask.due_at if ask.closed_at is None else None,
        "past_due": ask.closed_at is None and ask.due_at is not None and ask.due_at <= at,
        "seen_by": seen_by,
        "settled": ask.closed_at is not None,
        **(_about_case(case) if case else _about_other(ask)),
    }


def _about_case(case: Escalation) -> dict[str, Any]:
    return {
        "ref": case.ref,
        "agent_name": case.agent.name,
        "environment": case.environment,
        "project": case.project,
        "status": case.status,
        "tone": case.tone,
        "status_label": case.get_status_display(),
        "risk": case.risk,
        "blocking": case.blocking and case.is_unresolved,
        "stopped": stopped(case),
    }


def _about_other(ask: Ask) -> dict[str, Any]:
    is_open = ask.closed_at is None
    return {
        "ref": f"ASK-{ask.pk}",
        "status": "open" if is_open else "settled",
        "tone": "waiting" if is_open else "neutral",
        "status_label": "Open" if is_open else f"Settled: {ask.closed_because.replace('_', ' ')}",
        "risk": "",
        "blocking": False,
        "stopped": ask.about,
    }


def stopped(case: Escalation) -> str:
    """What stands still until somebody decides."""
    if not (case.blocking and case.is_unresolved):
        return ""
    where = f" in run {case.run}" if case.run else ""
    return f"{case.agent.name}{where} stands still until somebody decides."


def next_action(ask: Ask) -> str:
    """What happens when the next action is due."""
    if ask.closed_at is not None or ask.next_action_at is None:
        return ""
    if ask.step < 0:
        return "First notice"
    move = Ladder.of(ask.ladder).next_move(
        step=ask.step, repeats=ask.repeats, at=ask.next_action_at
    )
    return "Next step" if move.step > ask.step else "Reminder"
