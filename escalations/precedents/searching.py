"""Look among decided cases: for words, and for those that are like another one."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import OperationalError, connection, transaction
from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet

from escalations.answers import agreeing, decision_text, joint_constraints, request_of
from escalations.models import (
    VERDICT_TONES,
    Ballot,
    Escalation,
    EscalationQuerySet,
    Precedent,
    Status,
)
from governance.base.canonical import stamp
from governance.base.errors import InvalidInput
from governance.people.models import Runner

T = TypeVar("T")
LONGEST_QUERY = 200
# What matches a group, a trigger, a principle or the words is looked at this far back.
NEWEST = 60
MANY = 2_000
MOST_MILLISECONDS = 3_000
MOST_WORDS = 12
_WORD = re.compile(r"[a-z0-9]{4,40}")
_WORTH_TELLING = 0.1
_SAME_QUESTION, _SAME_TRIGGER, _SAME_PRINCIPLE, _SAME_AGENT = 8.0, 3.0, 2.0, 1.0
ADVICE = (
    "What people decided on questions like this one. It decides nothing here: wait for the answer."
)


def decided_cases() -> EscalationQuerySet:
    """Every case that people decided; without the texts that only its own page shows."""
    found: EscalationQuerySet = Escalation.objects.filter(status=Status.DECIDED)
    return found.defer("request", "findings", "search")


def with_answers(cases: QuerySet[Escalation]) -> QuerySet[Escalation]:
    """With all that :func:`told` reads, in a fixed number of queries."""
    marks = Precedent.objects.filter(withdrawn_at=None).order_by("pk")
    return cases.select_related(
        "agent", "decision__ballot__option", "decision__ballot__standing", "outcome"
    ).prefetch_related(
        Prefetch("ballots", Ballot.objects.select_related("voter").order_by("pk")),
        Prefetch("decision__precedents", marks, to_attr="marks"),
    )


def told(case: Escalation) -> dict[str, Any]:
    """A decided case as a line: what was asked, what was decided, by whom, what came of it."""
    ballot = case.decision.ballot
    votes = agreeing(ballot, list(case.ballots.all()))
    outcome = getattr(case, "outcome", None)
    return {
        "case": case,
        "verdict": ballot.verdict,
        "tone": VERDICT_TONES[ballot.verdict],
        "label": ballot.get_verdict_display(),
        "decision": decision_text(ballot),
        "approach": ballot.approach,
        "constraints": joint_constraints(votes),
        "decided_by": ", ".join(str(vote.voter) for vote in votes),
        "decided_at": case.decision.at,
        "standing": ballot.standing,
        "outcome": outcome.get_result_display() if outcome else "",
        "marks": getattr(case.decision, "marks", ()),
    }


# --- words ------------------------------------------------------------------------------------


def matching(cases: EscalationQuerySet, words: str) -> EscalationQuerySet:
    """Those that hold the words, as they are written or in another form of theirs.

    ``websearch_to_tsquery`` reads whatever people or machines write: it knows no syntax errors.
    """
    query = " ".join(words.replace("\0", " ").split())[:LONGEST_QUERY]
    if not query:
        return cases
    return cases.filter(search=_query(query))


def _query(words: str) -> SearchQuery:
    plain = SearchQuery(words, config="simple", search_type="websearch")
    combined: SearchQuery = plain | SearchQuery(words, config="english", search_type="websearch")
    return combined


def in_time(look: Callable[[], T]) -> T:
    """What a search finds, or a refusal where the database takes too long over it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {MOST_MILLISECONDS}")
            found = look()
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
            return found
    except OperationalError as error:
        raise InvalidInput(
            "This search takes too long. Add a word or a filter.", code="search_too_long"
        ) from error


def newest(found: QuerySet[Escalation], limit: int) -> list[int]:
    """The newest of what was found, as fast for a word of one case as for a word of all.

    The database guesses badly how rare a word is: asked for the newest, it walks through every
    case there is to find the one. So a few thousand are taken as they come; only where there are
    more of them is walking back from the newest the shorter way.
    """
    numbers = found.values_list("pk", flat=True)
    some = list(numbers.order_by()[: MANY + 1])
    if len(some) > MANY:
        return list(numbers.order_by("-pk")[:limit])
    return sorted(some, reverse=True)[:limit]


# --- cases like this one ----------------------------------------------------------------------


def similar(
    case: Escalation, limit: int = 5, *, among: EscalationQuerySet | None = None
) -> list[dict[str, Any]]:
    """Decided cases like this one, the most alike first; advice, decides nothing.

    The same question counts most, then a trigger or a principle in common, then the words. The
    number of queries depends on nothing but how many of these there are to look for. Where the
    database takes too long there is no advice: nothing waits for it.
    """
    try:
        return in_time(lambda: _similar(case, limit, among))
    except InvalidInput:
        return []


def _similar(
    case: Escalation, limit: int, among: EscalationQuerySet | None
) -> list[dict[str, Any]]:
    decided = (decided_cases() if among is None else among).exclude(pk=case.pk)
    candidates = _candidates(case, decided)
    if not candidates:
        return []
    found = with_answers(decided_cases().filter(pk__in=candidates))
    query = _telling(case)
    if query is not None:
        found = found.annotate(rank=SearchRank(F("search"), query))
    scored = [(_score(case, other), other.pk, other) for other in found]
    best = sorted((one for one in scored if one[0] > 0), key=lambda one: one[:2], reverse=True)
    return [told(other) for _, _, other in best[:limit]]


def _candidates(case: Escalation, decided: EscalationQuerySet) -> set[int]:
    ways = []
    if case.group_key:
        ways.append(decided.filter(group_key=case.group_key))
    if case.triggers:
        ways.append(decided.filter(triggers__overlap=case.triggers))
    if case.principles:
        ways.append(decided.filter(principles__overlap=case.principles))
    query = _telling(case)
    if query is not None:
        ways.append(decided.filter(search=query))
    return {number for way in ways for number in newest(way, NEWEST)}


def _telling(case: Escalation) -> SearchQuery | None:
    """The longest words of the question, any of them; nothing where it holds none."""
    request = request_of(case)
    said = f"{case.title} {request.get('problem', '')} {request.get('task', '')}".lower()
    words = sorted(dict.fromkeys(_WORD.findall(said)), key=len, reverse=True)[:MOST_WORDS]
    if not words:
        return None
    return SearchQuery(" or ".join(words), config="english", search_type="websearch")


def _score(case: Escalation, other: Any) -> float:
    is_same = bool(case.group_key) and bool(other.group_key == case.group_key)
    shared = _SAME_TRIGGER * bool({*case.triggers} & {*other.triggers})
    shared += _SAME_PRINCIPLE * bool({*case.principles} & {*other.principles})
    rank = float(getattr(other, "rank", 0) or 0)
    if not (is_same or shared) and rank < _WORTH_TELLING:
        return 0.0
    return (
        _SAME_QUESTION * is_same
        + shared
        + _SAME_AGENT * bool(case.agent_id == other.agent_id)
        + rank
    )


# --- advice for runners -----------------------------------------------------------------------


def open_to(runner: Runner) -> EscalationQuerySet:
    """The decided cases that a runner may be told of.

    Only of agents that it may act for now. What the runners of somebody else asked, and were
    told, is their own, unless people held it up as a precedent for all.
    """
    marked = Precedent.objects.filter(decision__escalation=OuterRef("pk"), withdrawn_at=None)
    found: EscalationQuerySet = decided_cases().filter(
        Q(runner__owner=runner.owner_id) | Q(Exists(marked))
    )
    if not runner.is_active:
        return found.none()
    return found if "*" in runner.agents else found.filter(agent__slug__in=runner.agents)


def advice_for(runner: Runner, case: Escalation, limit: int = 3) -> dict[str, Any] | None:
    """For the answer to the runner of an unresolved case; nothing where nothing is alike."""
    if not case.is_unresolved:
        return None
    found = similar(case, limit, among=open_to(runner))
    return {"note": ADVICE, "similar": [_advised(one) for one in found]} if found else None


def _advised(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "ref": one["case"].ref,
        "verdict": str(one["verdict"]),
        "decision": one["decision"],
        "constraints": one["constraints"],
        "decided_at": stamp(one["decided_at"]),
    }
