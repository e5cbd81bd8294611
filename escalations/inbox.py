"""The inbox: every question to people, whatever it is about, a keyset page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import (
    CharField,
    Count,
    Exists,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast, Concat
from django.urls import reverse

from agents.models import Agent, Permit, Tier
from escalations.liveness import liveness
from escalations.models import SUBJECT, Escalation, Status
from governance.asking.audiences import names_of
from governance.asking.ladder import Ladder
from governance.asking.models import Ask, AskKind, Sighting
from governance.asking.permissions import NEEDED
from governance.asking.policies.rules import LOW_RISK
from governance.base.pagination import key_in, one_page
from governance.people.models import Team, User
from governance.people.permissions import Permission, has

PAGE = 30
MOST = 100
MINE, ALL = "mine", "all"
WAITING, ASKED_BACK, SETTLED, EVERYTHING = "waiting", "asked_back", "settled", "all"
TO_REPORT = "to_report"
SCOPES = {MINE: "For me", ALL: "All"}
STATUSES = {
    WAITING: "Waiting",
    ASKED_BACK: "Asked back",
    SETTLED: "Settled",
    TO_REPORT: "To be reported",
    EVERYTHING: "All",
}
KINDS = {
    AskKind.REVIEW: "version review",
    AskKind.AMENDMENT: "amendment",
    AskKind.CONFIGURATION: "configuration",
}
LONGEST_SLUG = 120
RUNNERS = {
    "listening": ("good", "Runner listening"),
    "parked": ("waiting", "Runner parked"),
    "gone": ("warn", "Runner gone"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address of the inbox asks for; whatever is odd there falls back."""

    scope: str
    status: str
    before: int | None = None
    risk: str = ""
    agent: str = ""
    team: int | None = None

    def query(self, **changes: Any) -> str:
        """The query string of a neighbouring list."""
        other = replace(self, **changes)
        parts = {field.name: getattr(other, field.name) for field in fields(other)}
        return "?" + urlencode({name: value for name, value in parts.items() if value})


def wanted_by(user: User, query: Any) -> Wanted:
    """Read the filters; people who may decide begin with what waits for them."""
    usual = MINE if has(user, Permission.DECIDE) else ALL
    scope, status = query.get("scope", ""), query.get("status", "")
    return Wanted(
        scope if scope in SCOPES else usual,
        status if status in STATUSES else WAITING,
        key_in(query.get("before", "")),
        risk=query.get("risk", "") if query.get("risk", "") in Tier.values else "",
        agent=query.get("agent", "")[:LONGEST_SLUG].replace("\0", ""),
        team=key_in(query.get("team", "")),
    )


def asks_for(user: User, wanted: Wanted) -> QuerySet[Ask]:
    """The questions that match, newest first; of equal ones that wait only the newest."""
    asks = _matching(user, wanted)
    if wanted.status == WAITING:
        equal = (
            _matching(user, wanted).exclude(group_key="").filter(group_key=OuterRef("group_key"))
        )
        newer = equal.filter(pk__gt=OuterRef("pk"))
        counted = equal.order_by().values("group_key").annotate(count=Count("pk")).values("count")
        asks = asks.filter(~Exists(newer)).annotate(equal=Subquery(counted))
    return asks.filter(pk__lt=wanted.before) if wanted.before else asks


def _matching(user: User, wanted: Wanted) -> QuerySet[Ask]:
    asks = Ask.objects.all()
    if wanted.scope == MINE:
        asks = asks.filter(_mine(user))
    if wanted.status == WAITING:
        asks = asks.open()
    elif wanted.status == SETTLED:
        asks = asks.exclude(closed_at=None)
    elif wanted.status == ASKED_BACK:
        asks = asks.open().filter(subject__in=_asked_back())
    elif wanted.status == TO_REPORT:
        asks = asks.exclude(closed_at=None).filter(subject__in=_unreported())
    if wanted.risk:
        asks = asks.filter(facts__risk=wanted.risk)
    if wanted.agent:
        asks = asks.filter(facts__agent=wanted.agent)
    if wanted.team:
        asks = asks.filter(facts__owner_teams__contains=[wanted.team])
    return asks


def _mine(user: User) -> Q:
    """What this person may answer by role, and what the policy lets the agent's owner answer."""
    by_role = Q(kind__in=_kinds_of(user)) & ~Q(excluded__contains=[user.pk])
    mild = Q(facts__risk=LOW_RISK, facts__with_action=False)
    return by_role | Q(owner=user, rules__owner_may_answer=True) & mild


def _kinds_of(user: User) -> list[str]:
    return [kind for kind, permission in NEEDED.items() if has(user, permission)]


def _asked_back() -> QuerySet[Escalation, Any]:
    subject = Concat(Value(SUBJECT), Cast("pk", CharField()))
    asked = Escalation.objects.filter(status=Status.INFO_REQUESTED)
    return asked.annotate(subject_text=subject).values("subject_text")


def _unreported() -> QuerySet[Permit, Any]:
    """Cases whose permit was used and whose runner has not said what became of it."""
    used = Permit.objects.filter(reconcile_at__isnull=False, uses__gt=0)
    return used.order_by().values("source")


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
        "filtered": wanted,
        "summary": _summary(user, at),
        "empty": _empty(wanted),
        "newer": wanted.query(before=None) if wanted.before else "",
        "older": wanted.query(before=asks[-1].pk) if more else "",
        "now": at,
    }


def choices() -> dict[str, Any]:
    """What the filters of the inbox offer."""
    return {
        "risks": Tier.choices,
        "agents": list(Agent.objects.order_by("name", "pk").values_list("slug", "name")[:MOST]),
        "teams": list(Team.objects.values_list("pk", "name")),
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
    mine = Ask.objects.open().filter(_mine(user)).order_by("opened_at")
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
        int(ask.subject.removeprefix(SUBJECT)) for ask in asks if ask.subject.startswith(SUBJECT)
    ]
    wanted = Escalation.objects.filter(pk__in=ids)
    found = wanted.select_related("agent", "presence").defer("request")
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
        **(_about_case(case, at) if case else _about_other(ask)),
        **_group(ask),
    }


def _group(ask: Ask) -> dict[str, Any]:
    """A row that stands for all equal questions leads to their own page."""
    count = getattr(ask, "equal", None) or 1
    if count == 1:
        return {"equal": 1}
    return {"equal": count, "url": reverse("case-group", args=[ask.group_key]), "case_id": None}


def _about_case(case: Escalation, at: datetime) -> dict[str, Any]:
    return {
        "case_id": case.pk if case.is_unresolved else None,
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
        "runner": RUNNERS[liveness(case, at=at)] if case.is_unresolved else None,
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
        "runner": None,
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
