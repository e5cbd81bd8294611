"""Parts that are written but taken back: struck through, or inside a comment."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agents.contract import ParsedDefinition

_TAKEN_BACK = re.compile(r"<!--.*?(?:-->|\Z)|~~[^~\n]+~~", re.DOTALL)
_WORD = re.compile(r"\w")
_PARTS = (
    "responsibilities",
    "principles",
    "triggers",
    "escalation_steps",
    "payload_fields",
    "rules",
    "workflow",
    "coordination",
    "quality",
)


def without_withdrawn(parsed: ParsedDefinition) -> ParsedDefinition:
    """The definition with only those parts that stand; its text stays whole."""
    lines = set(_withdrawn(parsed.text))
    if not lines:
        return parsed
    standing: dict[str, Any] = {
        name: tuple(part for part in getattr(parsed, name) if part.line not in lines)
        for name in _PARTS
    }
    return replace(parsed, **standing)


def _withdrawn(text: str) -> Iterator[int]:
    """The numbers of the lines whose every word is taken back."""
    both = zip(text.split("\n"), standing_text(text).split("\n"), strict=True)
    for number, (line, left) in enumerate(both, 1):
        if _WORD.search(line) and not _WORD.search(left):
            yield number


def standing_text(text: str) -> str:
    """A text without what is taken back; its lines keep their numbers."""
    return _TAKEN_BACK.sub(lambda found: "\n" * found[0].count("\n"), text)
