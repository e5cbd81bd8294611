"""Words and likeness: which item of one list is which of another, the same way every time."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
_TOKENS = re.compile(r"`[^`\n]+`|\w+|!=|~~|[<>=≤≥≠%$€£]+")
_SIMPLE_CODE = re.compile(r"`([\w \-/.]+)`")
# Comparing every pair costs lost times added, and the words of each; beyond this, items only
# meet by their keys.
MOST_PAIRS = 40_000
_MOST_WORDS = 2_000_000
LIKE = 0.6


def tokens(text: str) -> tuple[str, ...]:
    """The words of a text in small letters, with comparing signs, and code as written."""
    return tuple(_TOKENS.findall(_SIMPLE_CODE.sub(r"\1", text).casefold()))


def likeness(one: Counter[str], other: Counter[str]) -> float:
    """How many words two texts share, from 0 to 1."""
    size = one.total() + other.total()
    return 2 * (one & other).total() / size if size else 1.0


def pair(
    old: Sequence[T],
    new: Sequence[T],
    text: Callable[[T], str],
    *,
    least: float = LIKE,
    ignored: frozenset[str] = frozenset(),
) -> tuple[list[tuple[T, T]], list[T], list[T]]:
    """Pairs by key, then by likeness, the likest first; then what is lost and what is added."""
    of_key = {_key(item): item for item in new}
    pairs = [(item, of_key[_key(item)]) for item in old if _key(item) in of_key]
    known = {_key(item) for item, _ in pairs}
    lost = [item for item in old if _key(item) not in known]
    added = [item for item in new if _key(item) not in known]
    alike = _alike(lost, added, text, least, ignored)
    pairs += [(lost[i], added[j]) for i, j in alike]
    gone, come = {i for i, _ in alike}, {j for _, j in alike}
    return (
        pairs,
        [item for i, item in enumerate(lost) if i not in gone],
        [item for j, item in enumerate(added) if j not in come],
    )


def _key(item: Any) -> str:
    return item if isinstance(item, str) else str(item.key)


def _alike(
    lost: Sequence[T],
    added: Sequence[T],
    text: Callable[[T], str],
    least: float,
    ignored: frozenset[str],
) -> list[tuple[int, int]]:
    if len(lost) * len(added) > MOST_PAIRS:
        return []
    befores = [bag(text(item), ignored) for item in lost]
    afters = [bag(text(item), ignored) for item in added]
    words = len(lost) * sum(map(len, afters)) + len(added) * sum(map(len, befores))
    if words > _MOST_WORDS:
        return []
    scored = sorted(
        (-score, i, j)
        for i, before in enumerate(befores)
        for j, after in enumerate(afters)
        if (score := likeness(before, after)) >= least
    )
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in scored:
        if i not in found and j not in taken:
            found[i] = j
            taken.add(j)
    return sorted(found.items())


def bag(text: str, ignored: frozenset[str] = frozenset()) -> Counter[str]:
    return Counter(token for token in tokens(text) if token not in ignored)
