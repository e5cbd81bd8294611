"""Which lines of a version may be evidence for a principle: offered, never judged."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.compliance.matrix import Row
from agents.models import AgentVersion, Rule
from governance.constitution.models import Principle
from governance.constitution.names import plain_title

MOST = 4
_WORD = re.compile(r"[a-z][a-z-]{4,}")


@dataclass(frozen=True, slots=True)
class Hint:
    line: int
    text: str


def hints_for(version: AgentVersion, row: Row, rules: Sequence[Rule]) -> list[Hint]:
    """The claim's own line first, then lines that name the principle, then rules like it."""
    lines = version.text.split("\n")
    found: dict[int, Hint] = {}
    for number in _numbers(lines, row, rules):
        if 0 < number <= len(lines) and lines[number - 1].strip():
            found.setdefault(number, Hint(number, lines[number - 1].strip()))
        if len(found) == MOST:
            break
    return list(found.values())


def _numbers(lines: Sequence[str], row: Row, rules: Sequence[Rule]) -> Iterator[int]:
    if row.claim:
        yield row.claim.line
    if row.principle is None:
        return
    names = [plain_title(name).lower() for name in (row.principle.title, *row.principle.aliases)]
    for number, line in enumerate(lines, start=1):
        if any(name and name in line.lower() for name in names):
            yield number
    yield from (rule.line for rule in rules if _is_alike(rule, row.principle))


def _is_alike(rule: Rule, principle: Principle) -> bool:
    """Two long words in common."""
    common = _words(rule.text) & _words(f"{principle.title} {principle.text}")
    return len(common) >= 2


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
