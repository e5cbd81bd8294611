"""Which questions another policy would take, and whether that one asks less.

Conditions, positions and the switch decide who takes what. Whatever may change hands is
compared: a change that could move one question to milder rules loosens. Pure, and never too
mild: where it cannot tell, it says so.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from governance.asking.policies.matching import ANY_OF, ONE_OF, YES_OR_NO
from governance.configuration.milder import milder

Known = Mapping[str, Any]
_NEW = float("inf")


def falls(before: Known, after: Known) -> list[str]:
    """The policies that questions would change to or come from, where it is milder there."""
    if "others" not in after or "conditions" not in after:
        return []
    names = {**before.get("names", {}), **after.get("names", {})}
    said = [*_lost(before, after, names)] if _takes(before) else []
    return said + ([*_gained(before, after, names)] if _takes(after) else [])


def _takes(state: Known) -> bool:
    return bool("conditions" in state and state["active"])


def _lost(before: Known, after: Known, names: Mapping[str, str]) -> Iterator[str]:
    """What this policy took and may not take any more."""
    for other in after["others"]:
        region = (_conditions(before), _conditions(other))
        if not (_precedes(before, other) and _overlap(*region)):
            continue
        kept = _takes(after) and _precedes(after, other) and _covers(_conditions(after), region)
        if kept or _caught(after["others"], other, region):
            continue
        if less := milder(before, other, names):
            yield _sentence(f"Some questions would fall under {other['name']} instead", less)


def _gained(before: Known, after: Known, names: Mapping[str, str]) -> Iterator[str]:
    """What others took and this policy may take now."""
    for other in after["others"]:
        region = (_conditions(after), _conditions(other))
        if not (_precedes(after, other) and _overlap(*region)):
            continue
        had = _takes(before) and _precedes(before, other) and _covers(_conditions(before), region)
        if had or _caught(after["others"], after, region):
            continue
        if less := milder(other, after, names):
            yield _sentence(
                f"Some questions would fall under this instead of {other['name']}", less
            )


def _sentence(start: str, less: list[str]) -> str:
    parts = (part[:1].lower() + part[1:].rstrip(".") for part in less)
    return f"{start}: {'; '.join(parts)}."


def _conditions(state: Known) -> Known:
    found: Known = {} if state["is_default"] else state["conditions"]
    return found


def _precedes(one: Known, other: Known) -> bool:
    return _order(one) < _order(other)


def _order(state: Known) -> tuple[bool, int, str, float]:
    return (state["is_default"], state["position"], state["name"], state.get("pk") or _NEW)


def _caught(others: Iterable[Known], end: Known, region: tuple[Known, Known]) -> bool:
    """Whether a policy before ``end`` takes all of the region: it is looked at by itself."""
    return any(
        other is not end and _precedes(other, end) and _covers(_conditions(other), region)
        for other in others
    )


def _overlap(one: Known, other: Known) -> bool:
    """Whether a question could fulfil both."""
    for name in ONE_OF:
        if one.get(name) and other.get(name) and not _plain(one[name]) & _plain(other[name]):
            return False
    return all(
        one.get(name) is None or other.get(name) is None or one[name] == other[name]
        for name in YES_OR_NO
    )


def _covers(conditions: Known, region: tuple[Known, Known]) -> bool:
    """Whether the conditions hold for every question that fulfils both of the region."""
    for name in (*ONE_OF, *ANY_OF):
        if wanted := conditions.get(name):
            given = [_plain(part[name]) for part in region if part.get(name)]
            if name in ONE_OF and given:
                given = [set.intersection(*given)]
            if not any(one <= _plain(wanted) for one in given):
                return False
    return all(
        conditions.get(name) is None or any(part.get(name) == conditions[name] for part in region)
        for name in YES_OR_NO
    )


def _plain(values: Iterable[Any]) -> set[Any]:
    return {one.strip().casefold() if isinstance(one, str) else one for one in values}
