"""Vote on several cases, each in a transaction of its own: a refusal holds up no other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from escalations.deciding import decide
from escalations.models import Escalation
from governance.base.errors import NotThere, Refusal
from governance.people.models import User

MOST = 50


@dataclass(frozen=True, slots=True)
class Vote:
    """What is said about one case, in the words of :func:`decide`."""

    escalation_id: int
    words: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one vote; ``refusal`` where nothing did."""

    escalation_id: int
    sentence: str
    is_decided: bool = False
    refusal: Refusal | None = None

    @property
    def ref(self) -> str:
        return f"ESC-{self.escalation_id}"


def decide_each(
    votes: Sequence[Vote],
    *,
    by: User,
    method: str,
    level: str,
    at: datetime,
    shown_as: str,
) -> list[Result]:
    """One result for each vote, in order; each case has its own ballot and decision."""
    how = {"by": by, "method": method, "level": level, "at": at, "shown_as": shown_as}
    return [_decide(vote, how) for vote in votes[:MOST]]


def _decide(vote: Vote, how: dict[str, Any]) -> Result:
    try:
        decision = decide(escalation_id=vote.escalation_id, **how, **vote.words)
    except Refusal as refusal:
        return Result(vote.escalation_id, refusal.sentence, refusal=refusal)
    if decision is None:
        sentence = "Your vote is recorded. It takes more people to decide."
        return Result(vote.escalation_id, sentence)
    return Result(vote.escalation_id, "Decided. The runner gets the answer.", is_decided=True)


def equal_cases(group_key: str) -> list[Escalation]:
    """The unresolved cases that ask the same, the longest waiting first."""
    found = _whole(Escalation.objects.unresolved()).filter(group_key=group_key)
    return list(found.order_by("pk")[:MOST])


def listed_cases(ids: Sequence[int]) -> list[Escalation]:
    """The cases of an explicit list, in its order; raises where one of them is not there."""
    found = _whole(Escalation.objects.all()).in_bulk(ids)
    if missing := [f"ESC-{pk}" for pk in ids if pk not in found]:
        raise NotThere(f"There is no case {', '.join(missing)}.")
    return [found[pk] for pk in dict.fromkeys(ids)]


def _whole(cases: QuerySet[Escalation]) -> QuerySet[Escalation]:
    """With all that a row of these pages shows."""
    related = ("agent", "runner__owner", "version__proposed_by", "presence")
    return cases.select_related(*related).prefetch_related("options")
