"""What the pages of the ledger show: queries and plain values, no requests."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from agents.ledger.actions import normalise
from agents.ledger.forms import OWN_FIELDS, ReasonForm, RuleForm, TryForm
from agents.ledger.matchers import in_words, read_matchers
from agents.ledger.matching import Fit, matches
from agents.ledger.permissions import check_may_confirm, check_may_judge
from agents.ledger.reading import (
    WINDOW,
    Counts,
    Coverage,
    Row,
    coverage_of,
    ledger_of,
)
from agents.models import Agent, Family, RuleClass, RuleMode, RuleStance
from governance.base.addresses import with_query
from governance.base.errors import NotThere, sentence_of
from governance.base.pagination import one_page
from governance.people.models import User

PER_PAGE = 100
MOST_WAITING = 100
BAR_WIDTH, BAR_HEIGHT = 8, 28
ANSWERS = {
    "deny": "denied",
    "approval_required": "sent for approval",
    "permitted": "opened by a permit",
    "would_deny": "would have been denied",
    "would_ask": "would have asked",
}


@dataclass(frozen=True, slots=True)
class Bar:
    x: int
    y: int
    height: int


def bars(counts: Counts) -> list[Bar]:
    """The days of a rule as bars of one drawing; an empty day keeps its place."""
    most = max((day.count for day in counts.days), default=0) or 1
    found = []
    for place, day in enumerate(counts.days):
        height = max(2, round(BAR_HEIGHT * day.count / most)) if day.count else 1
        found.append(Bar(place * (BAR_WIDTH + 2), BAR_HEIGHT - height, height))
    return found


def said(counts: Counts) -> str:
    """``12 would have asked, 3 denied``."""
    parts = [f"{n} {ANSWERS.get(name, name)}" for name, n in sorted(counts.by_answer.items())]
    return ", ".join(parts) or "Nothing yet"


def agent_rules(agent: Agent, user: User, *, at: datetime) -> dict[str, Any]:
    """The ledger of an agent, the requests that wait, and what may be accepted at once."""
    ledger = ledger_of(agent, today=at.date())
    return {
        "agent": agent,
        "ledger": ledger,
        "coverage": ledger.coverage,
        "rows": [_shown(row) for row in ledger.rows],
        "unjudged": [row.rule.key for row in ledger.rows if not row.is_judged],
        "waiting": [_request(row, row.waiting, user) for row in ledger.rows if row.waiting],
        "why_not": sentence_of(check_may_judge, user),
        "window": WINDOW,
        "reason_form": ReasonForm(),
    }


def _shown(row: Row) -> dict[str, Any]:
    return {
        "row": row,
        "rule": row.rule,
        "stance": row.stance,
        "bars": bars(row.counts),
        "said": said(row.counts),
        "total": row.counts.total,
    }


def _request(row: Row, stance: RuleStance, user: User) -> dict[str, Any]:
    return {
        "stance": stance,
        "rule": row.rule,
        "now": row.stance,
        "words": [in_words(one) for one in read_matchers(stance.matchers)],
        "why_not": sentence_of(check_may_confirm, user, stance, row.rule.version),
        "is_mine": stance.asked_by_id == user.pk,
    }


def agent_rule(
    agent: Agent,
    key: str,
    user: User,
    *,
    at: datetime,
    form: RuleForm | None = None,
    try_form: TryForm | None = None,
    tried: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One rule: its sentence, where it stands, what it said, and the form to judge it."""
    ledger = ledger_of(agent, today=at.date())
    row = ledger.row(key) or _newest_row(agent, key, at)
    stance = row.stance
    shown = form or _form(row)
    own_fields = [shown[name] for name in OWN_FIELDS]
    return {
        "agent": agent,
        "ledger": ledger,
        **_shown(row),
        "days": row.counts.days,
        "form": shown,
        "own_fields": own_fields,
        "own_matcher": any(field.value() for field in (*own_fields, shown["others"])),
        "stance_json": json.dumps(stance.matchers) if stance else "",
        "try_form": try_form or TryForm(),
        "tried": tried,
        "why_not": sentence_of(check_may_judge, user),
        "waits": _request(row, row.waiting, user) if row.waiting else None,
        "can_enforce": stance is not None and stance.mode == RuleMode.OBSERVE,
        "observed_days": (at - stance.confirmed_at).days if stance and stance.confirmed_at else 0,
        "past": _past(agent, key),
        "reason_form": ReasonForm(),
    }


def _newest_row(agent: Agent, key: str, at: datetime) -> Row:
    """A rule that only the newest version states may be judged before its release."""
    newest = agent.versions.order_by("-sequence").defer("raw", "text", "contract").first()
    row = ledger_of(agent, newest, today=at.date()).row(key) if newest else None
    if row is None:
        raise NotThere(f"{agent} has no rule {key[:80]}.", code="unknown_rule")
    return row


def _form(row: Row) -> RuleForm:
    if row.stance:
        return RuleForm.of(row.stance.rule_class, row.stance.mode, row.stance.matchers)
    suggestion = row.suggestion
    return RuleForm.of(suggestion.rule_class, RuleMode.OBSERVE, suggestion.matchers)


def _past(agent: Agent, key: str) -> Sequence[RuleStance]:
    found = RuleStance.objects.filter(agent=agent, key=key)
    return list(found.select_related("asked_by", "confirmed_by", "closed_by")[:20])


def tried(form: RuleForm, try_form: TryForm) -> dict[str, Any]:
    """What the matchers of the form say to an act. Nothing is kept."""
    cleaned = form.cleaned_data
    act = normalise(**try_form.action())
    fit = matches(read_matchers(cleaned["matchers"]), act)
    words = {
        Fit.NO: ("allow", "good", "The rule does not speak of it."),
        Fit.MAYBE: ("approval required", "warn", "It cannot be judged before it runs."),
        Fit.SURE: ("approval required", "warn", "The rule asks for approval."),
    }
    answer, tone, sentence = words[fit]
    if fit is Fit.SURE and cleaned["rule_class"] == RuleClass.ENFORCED:
        answer, tone, sentence = "deny", "bad", "The rule forbids it."
    return {
        "answer": answer,
        "tone": tone,
        "sentence": sentence,
        "commands": [" ".join((one.program, *one.words)) for one in act.commands],
        "touches": act.touches,
        "opaque": act.opaque,
    }


def rules(query: Mapping[str, str], user: User) -> dict[str, Any]:
    """Coverage of all families, or of the agents of one; and the requests that wait."""
    family = query.get("family", "")
    agents = Agent.objects.select_related("family").order_by("slug")
    shown = agents.filter(family__slug=family) if family else agents
    if after := query.get("after", ""):
        shown = shown.filter(slug__gt=after)
    page, more = one_page(shown, PER_PAGE)
    coverage = coverage_of(Agent.objects.values_list("pk", flat=True))
    return {
        "families": _families(coverage, family),
        "agents": [(one, coverage.get(one.pk, Coverage())) for one in page],
        "whole": sum(coverage.values(), Coverage()),
        "chosen": family,
        "next": _url(family, page[-1].slug) if more else "",
        "first": _url(family) if after else "",
        "waiting": _all_waiting(user),
    }


def _families(coverage: Mapping[int, Coverage], chosen: str) -> list[dict[str, Any]]:
    found: dict[int, Coverage] = {}
    for pk, family_id in Agent.objects.values_list("pk", "family_id"):
        found[family_id] = found.get(family_id, Coverage()) + coverage.get(pk, Coverage())
    return [
        {
            "family": family,
            "coverage": found.get(family.pk, Coverage()),
            "href": _url(family.slug),
            "current": family.slug == chosen,
        }
        for family in Family.objects.all()
    ]


def _all_waiting(user: User) -> list[dict[str, Any]]:
    open_ones = RuleStance.objects.filter(confirmed_at=None, closed_at=None)
    found = open_ones.select_related("agent", "asked_by").order_by("id")[:MOST_WAITING]
    return [{"stance": one, "is_mine": one.asked_by_id == user.pk} for one in found]


def _url(family: str, after: str = "") -> str:
    return with_query(reverse("rules"), family=family, after=after)
