"""Which parts of a version each person opened before voting: noted for all, and never a bar."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from agents.models import AgentVersion, Opened
from governance.base.errors import InvalidInput
from governance.people.models import User

SIDE, INLINE, TEXT = "side", "inline", "text"
FINDINGS, CONTRACT, MATRIX = "findings", "contract", "matrix"
PARTS = (SIDE, INLINE, TEXT, FINDINGS, CONTRACT, MATRIX)
# The text counts as opened however it was shown.
_NAMES = {
    "the text": frozenset({SIDE, INLINE, TEXT}),
    "the findings": frozenset({FINDINGS}),
    "the contract": frozenset({CONTRACT}),
    "the matrix": frozenset({MATRIX}),
}


def open_part(*, version_id: int, part: str, by: User, at: datetime) -> None:
    """Note that a person opened a part; only the first time counts."""
    if part not in PARTS:
        raise InvalidInput("There is no such part of a version.", code="unknown_part")
    Opened.objects.bulk_create(
        [Opened(version_id=version_id, user=by, part=part, at=at)], ignore_conflicts=True
    )


def opened_by(version: AgentVersion) -> dict[int, set[str]]:
    """The parts that each person opened, by the person's number; at the cost of one query."""
    found: dict[int, set[str]] = defaultdict(set)
    for user_id, part in Opened.objects.filter(version=version).values_list("user_id", "part"):
        found[user_id].add(part)
    return found


def told(parts: Collection[str]) -> str:
    """``opened the text and the findings; not the contract or the matrix``."""
    seen = [name for name, kinds in _NAMES.items() if kinds & set(parts)]
    unseen = [name for name in _NAMES if name not in seen]
    if not seen:
        return "opened nothing yet"
    rest = f"; not {_listed(unseen, 'or')}" if unseen else ""
    return f"opened {_listed(seen, 'and')}{rest}"


def text_note(parts: Collection[str]) -> str:
    """What stands at the vote of somebody who has not looked at the text."""
    return "" if _NAMES["the text"] & set(parts) else "You have not opened the text yet."


def _listed(names: list[str], word: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def opening(version: AgentVersion, user: User, votes: Iterable[Any] = ()) -> dict[str, Any]:
    """For the pages: what this person opened, and others; each vote is told what its voter did."""
    by_person = opened_by(version)
    mine = by_person.get(user.pk, set())
    for vote in votes:
        vote.opened = told(by_person.get(vote.voter_id, set()))
    others = User.objects.filter(pk__in=set(by_person) - {user.pk}).order_by("name", "pk")
    return {
        "opened": mine,
        "you_opened": told(mine),
        "text_note": text_note(mine),
        "others_opened": [(other, told(by_person[other.pk])) for other in others],
    }
