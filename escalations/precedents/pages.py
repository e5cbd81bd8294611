"""What the pages about past decisions show, in a fixed number of queries each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Prefetch, Q
from django.http import QueryDict

from escalations.answers import decision_text
from escalations.models import (
    About,
    Ballot,
    Escalation,
    EscalationQuerySet,
    Precedent,
    Proposal,
    StandingDecision,
)
from escalations.permissions import check_may_ask
from escalations.precedents.forms import DeclineForm, MarkForm, RevokeForm, SearchForm, StandingForm
from escalations.precedents.making import ask_of, check_may_make
from escalations.precedents.matching import went_wrong
from escalations.precedents.searching import (
    decided_cases,
    in_time,
    matching,
    newest,
    similar,
    told,
    with_answers,
)
from escalations.proposing import check_may_settle
from governance.asking.policies.rules import Rules
from governance.base.errors import Refusal, sentence_of
from governance.base.pagination import key_in, one_page
from governance.people.models import User

PAGE = 20
MOST_CASES = 10


# --- the search -------------------------------------------------------------------------------


def search_page(user: User, query: QueryDict) -> dict[str, Any]:
    """One page of decided cases, the newest first; a refusal stands on the page."""
    form = SearchForm(query)
    wanted = form.wanted()
    before = key_in(query.get("before", ""))
    found = _wanted(decided_cases(), wanted)
    if before:
        found = found.filter(pk__lt=before)
    refusal, rows = "", []
    try:
        rows = in_time(lambda: _rows(found, is_filtered=bool(wanted)))
    except Refusal as refused:
        refusal = refused.sentence
    cases, more = rows[:PAGE], len(rows) > PAGE
    return {
        "form": form,
        "rows": [told(case) for case in cases],
        "refusal": refusal,
        "is_filtered": bool(wanted),
        "first": _address(wanted) if before else "",
        "older": _address(wanted | {"before": cases[-1].pk}) if more else "",
        "why_not_withdraw": sentence_of(check_may_ask, user),
    }


def _rows(found: EscalationQuerySet, *, is_filtered: bool) -> list[Escalation]:
    if is_filtered:
        found = decided_cases().filter(pk__in=newest(found, PAGE + 1))
    return list(with_answers(found).order_by("-pk")[: PAGE + 1])


def _wanted(cases: EscalationQuerySet, wanted: Mapping[str, Any]) -> EscalationQuerySet:
    found = matching(cases, wanted.get("q", ""))
    if "agent" in wanted:
        found = found.filter(agent__slug=wanted["agent"])
    if "trigger" in wanted:
        found = found.filter(triggers__contains=[wanted["trigger"]])
    if "principle" in wanted:
        found = found.filter(principles__contains=[wanted["principle"]])
    if "verdict" in wanted:
        found = found.filter(decision__ballot__verdict=wanted["verdict"])
    if "marked" in wanted:
        marks = Precedent.objects.filter(decision__escalation=OuterRef("pk"), withdrawn_at=None)
        found = found.filter(Exists(marks))
    return found


def _address(wanted: Mapping[str, Any]) -> str:
    said = {name: "on" if value is True else value for name, value in wanted.items()}
    return f"?{urlencode(said)}"


# --- beside a case ----------------------------------------------------------------------------


def beside(case: Escalation, user: User) -> dict[str, Any]:
    """For the page of a case: what is like it while it waits, what to make of it once decided."""
    if case.is_unresolved:
        return {"similar": similar(case)}
    decision = getattr(case, "decision", None)
    if decision is None:
        return {}
    standing = StandingDecision.objects.filter(source=decision).select_related("author")
    why_no_mark = sentence_of(check_may_ask, user)
    return {
        "answered_by": decision.ballot.standing if decision.ballot.standing_id else None,
        "marks": list(decision.precedents.filter(withdrawn_at=None).select_related("marked_by")),
        "mark_form": None if why_no_mark else MarkForm(case=case, auto_id="mark_%s"),
        "why_no_mark": why_no_mark,
        "standing": list(standing),
        "why_no_standing": sentence_of(check_may_make, user, case),
        "proposals": list(Proposal.objects.filter(cases=case)),
    }


def standing_form_page(case: Escalation, form: StandingForm) -> dict[str, Any]:
    """The form that lets a decision stand for later cases, beside that decision."""
    ask = ask_of(case)
    return {
        "case": case,
        "told": told(with_answers(decided_cases()).get(pk=case.pk)),
        "form": form,
        "policy": ask.policy_name,
        "rules": Rules.of(ask.rules),
    }


# --- standing decisions -----------------------------------------------------------------------


def standing_page(query: QueryDict, *, at: datetime) -> dict[str, Any]:
    """All of them, the newest first, each with the cases that it answered last."""
    rows = _standing_rows()
    if before := key_in(query.get("before", "")):
        rows = rows.filter(pk__lt=before)
    found, more = one_page(rows, PAGE)
    return {
        "rows": [_standing(one, at) for one in found],
        "first": "?" if before else "",
        "older": f"?before={found[-1].pk}" if more else "",
    }


def _standing_rows() -> Any:
    votes = Ballot.objects.select_related("escalation").defer(
        "escalation__request", "escalation__search", "escalation__findings"
    )
    rows = StandingDecision.objects.select_related(
        "agent", "author", "revoked_by", "source__ballot__option", "source__escalation"
    ).defer("source__escalation__request", "source__escalation__search")
    return rows.prefetch_related(Prefetch("ballots", votes.order_by("-pk"))).order_by("-pk")


def _standing(one: StandingDecision, at: datetime) -> dict[str, Any]:
    tone, label = _state(one, at)
    answered = list(one.ballots.all())
    return {
        "standing": one,
        "tone": tone,
        "label": label,
        "decision": decision_text(one.source.ballot),
        "answered": [ballot.escalation for ballot in answered[:MOST_CASES]],
        "more": max(0, len(answered) - MOST_CASES),
    }


def _state(one: StandingDecision, at: datetime) -> tuple[str, str]:
    if one.revoked_at:
        return "bad", "Revoked"
    if one.expires_at <= at:
        return "neutral", "Expired"
    if one.uses >= one.most_uses:
        return "neutral", "Used up"
    if went_wrong(one):
        return "bad", "Stopped"
    return "good", "Answers"


def one_standing_page(
    standing_id: int, user: User, *, at: datetime, form: RevokeForm | None = None
) -> dict[str, Any] | None:
    """One of them with every case that it answered."""
    found = _standing_rows().filter(pk=standing_id).first()
    if found is None:
        return None
    why_not = sentence_of(check_may_ask, user)
    is_over = found.revoked_at is not None
    return {
        **_standing(found, at),
        "answered": [ballot.escalation for ballot in found.ballots.all()],
        "went_wrong": "" if is_over else went_wrong(found),
        "form": None if why_not or is_over else form or RevokeForm(),
        "why_not": "" if is_over else why_not,
    }


# --- proposals --------------------------------------------------------------------------------


def proposals_page(user: User, query: QueryDict) -> dict[str, Any]:
    """What owners are asked to make a rule of: the open ones first, each with its answer."""
    rows = Proposal.objects.select_related("agent__owner", "settled_by").prefetch_related(
        Prefetch("cases", with_answers(decided_cases()).order_by("-pk"))
    )
    if before := key_in(query.get("before", "")):
        rows = rows.filter(pk__lt=before)
    is_open = query.get("state") != "settled"
    rows = rows.filter(settled_at__isnull=is_open).order_by("-pk")
    found, more = one_page(rows, PAGE)
    state = "" if is_open else "&state=settled"
    return {
        "rows": [_proposal(one, user) for one in found],
        "segments": [
            {"label": "Open", "href": "?", "current": is_open, "count": None},
            {"label": "Settled", "href": "?state=settled", "current": not is_open, "count": None},
        ],
        "older": f"?before={found[-1].pk}{state}" if more else "",
    }


def _proposal(one: Proposal, user: User) -> dict[str, Any]:
    cases = list(one.cases.all())
    return {
        "proposal": one,
        "told": told(cases[0]) if cases else None,
        "cases": cases,
        "why_not": sentence_of(check_may_settle, user, one),
        "form": DeclineForm(auto_id=f"p{one.pk}_%s"),
    }


# --- on other pages ---------------------------------------------------------------------------


def marks_by_key(about: str, keys: Sequence[str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """The precedents of triggers or principles, by key, as small lines."""
    marks = Precedent.objects.filter(withdrawn_at=None, about=About(about))
    if keys is not None:
        marks = marks.filter(Q(key__in=list(keys)))
    marks = marks.select_related(
        "decision__ballot__option", "decision__escalation", "marked_by"
    ).defer("decision__escalation__request", "decision__escalation__search")
    found: dict[str, list[dict[str, Any]]] = {}
    for mark in marks.order_by("-pk")[:200]:
        line = {"mark": mark, "decision": decision_text(mark.decision.ballot)}
        found.setdefault(mark.key, []).append(line)
    return found
