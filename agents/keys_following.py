"""Keys that follow: a part whose wording moved keeps the key it had in the version before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from agents.contract import Modality, ParsedDefinition
from agents.diffing.pairing import pair, tokens
from governance.base.keys import words

_PROHIBITIONS = frozenset({Modality.NEVER.value, Modality.MUST_NOT.value})
_MODAL = frozenset(words("never always must not do don t shall should"))


@dataclass(frozen=True, slots=True)
class Known:
    """A part as an earlier version holds it."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class _Sort:
    """Where one sort of part stands in the contract, and the words it is known again by.

    Parts of different ``side`` are never the same: a prohibition is no duty in other words.
    """

    field: str
    text: Callable[[Mapping[str, Any]], str]
    side: Callable[[Mapping[str, Any]], str] = lambda part: ""
    ignored: frozenset[str] = frozenset()


def _text(part: Mapping[str, Any]) -> str:
    return str(part.get("text", ""))


def _titled(part: Mapping[str, Any]) -> str:
    title, text = str(part.get("title", "")), _text(part)
    return text if title == text else f"{title} {text}".strip()


def _side_of_rule(rule: Mapping[str, Any]) -> str:
    return "no" if rule.get("modality") in _PROHIBITIONS else "yes"


# Principles are not among them: their key is that of the constitution's principle.
_SORTS = (
    _Sort("rules", _text, _side_of_rule, _MODAL),
    _Sort("triggers", _titled, lambda trigger: str(trigger.get("kind", ""))),
    _Sort("escalation_steps", _text),
    _Sort("workflow", _titled),
    _Sort("quality", _text),
    _Sort("coordination", lambda edge: str(edge.get("peer", ""))),
)


def follow(parsed: ParsedDefinition, base: Mapping[str, Any]) -> ParsedDefinition:
    """The definition with the keys that its parts have in ``base``, the contract before it."""
    now = parsed.as_dict()
    changed: dict[str, Any] = {}
    for sort in _SORTS:
        parts = getattr(parsed, sort.field)
        keys = _followed(sort, base.get(sort.field) or [], now[sort.field])
        changed[sort.field] = tuple(
            part if part.key == key else replace(part, key=key)
            for part, key in zip(parts, keys, strict=True)
        )
    return replace(parsed, **changed)


def _followed(
    sort: _Sort, before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> list[str]:
    kept: dict[int, str] = {}
    sides = dict.fromkeys(sort.side(part) for part in now)
    for side in sides:
        old = [Known(str(p["key"]), sort.text(p)) for p in before if sort.side(p) == side]
        places = [at for at, part in enumerate(now) if sort.side(part) == side]
        new = [Known(str(now[at]["key"]), sort.text(now[at])) for at in places]
        for at, key in _partners(old, new, sort.ignored).items():
            kept[places[at]] = key
    return _unique([str(part["key"]) for part in now], kept)


def _partners(
    old: Sequence[Known], new: Sequence[Known], ignored: frozenset[str]
) -> dict[int, str]:
    """The key of the partner by place in ``new``: the same words first, then key, then likeness."""
    said: dict[tuple[str, ...], list[Known]] = {}
    for part in old:
        said.setdefault(tokens(part.text), []).append(part)
    found: dict[int, str] = {}
    for at, part in enumerate(new):
        if same := said.get(tokens(part.text)):
            found[at] = same.pop(0).key
    taken = set(found.values())
    lost = [part for part in old if part.key not in taken]
    place = {part.key: at for at, part in enumerate(new) if at not in found}
    rest = [new[at] for at in place.values()]
    pairs, _, _ = pair(lost, rest, lambda part: part.text, ignored=ignored)
    return found | {place[now.key]: was.key for was, now in pairs}


def _unique(keys: Sequence[str], kept: Mapping[int, str]) -> list[str]:
    """Kept keys stand; a new part whose own key is one of them gets another."""
    taken = set(kept.values())
    unique = []
    for at, key in enumerate(keys):
        if at not in kept:
            key = _free(key, taken)
            taken.add(key)
        unique.append(kept.get(at, key))
    return unique


def _free(key: str, taken: set[str]) -> str:
    free, number = key, 0
    while free in taken:
        number += 1
        free = f"{key[:150]}-{sha256(f'{key} {number}'.encode()).hexdigest()[:6]}"
    return free
