"""What one set of rules asks less than another, a sentence each. Pure: plain data in and out.

Parts that one of the two does not have are not compared.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from governance.asking.models import Authentication, PermitScope
from governance.asking.spans import span_text
from governance.people.models import Role

Rules = Mapping[str, Any]
Names = Mapping[str, str]


def milder(before: Rules, after: Rules, names: Names) -> list[str]:
    """Everything in which ``after`` asks less than ``before``, or tells people less loudly."""
    said = asks_less(before, after, names)
    if "rules" in before and "rules" in after:
        said += _answered_easier(before["rules"], after["rules"], names)
    said += _told_later(before, after)
    if "ladder" in before and "ladder" in after:
        said += ladder_loosens(before["ladder"], after["ladder"], names)
    return said


def asks_less(before: Rules, after: Rules, names: Names) -> list[str]:
    """Fewer votes, or none of a team that had to give one."""
    said = []
    if after["votes"] < before["votes"]:
        said.append(f"It takes {_votes(after['votes'])} instead of {before['votes']}.")
    for team in before["teams"]:
        if team not in after["teams"]:
            said.append(f"The vote of team {names[f'team:{team}']} is no longer needed.")
    return said


def _votes(number: int) -> str:
    return f"{number} vote" if number == 1 else f"{number} votes"


def _answered_easier(before: Rules, after: Rules, names: Names) -> Iterator[str]:
    was, now = (Authentication(one["authentication"]) for one in (before, after))
    if now.strength < was.strength:
        yield f"It takes less to answer: {_lower(now.label)}; before: {_lower(was.label)}."
    if before["reason_required"] and not after["reason_required"]:
        yield "A reason is no longer required."
    if before["one_rejection_ends"] and not after["one_rejection_ends"]:
        yield "One rejection no longer ends it."
    if after["owner_may_answer"] and not before["owner_may_answer"]:
        yield "The agent’s owner may answer alone."
    for scope in sorted(set(after["permit_scopes"]) - set(before["permit_scopes"])):
        yield f"A permit may reach further: {_lower(PermitScope(scope).label)}."
    yield from _stands_longer(before, after)
    yield from _chosen_by_others(before["authorities"], after["authorities"], names)


def _stands_longer(before: Rules, after: Rules) -> Iterator[str]:
    for risk in sorted(set(after["standing_risks"]) - set(before["standing_risks"])):
        yield f"Standing decisions may answer questions of {risk} risk."
    if after["standing_uses"] > before["standing_uses"]:
        yield (
            f"A standing decision may answer {after['standing_uses']} times "
            f"instead of {before['standing_uses']}."
        )
    if after["standing_days"] > before["standing_days"]:
        yield (
            f"A standing decision may answer for {after['standing_days']} days "
            f"instead of {before['standing_days']}."
        )


def _chosen_by_others(before: Rules, after: Rules, names: Names) -> Iterator[str]:
    for option, who in sorted(before.items()):
        if option not in after:
            yield f"The option {option} is no longer kept for {who_may(who, names)}."
        elif after[option] != who:
            yield (
                f"The option {option} is kept for {who_may(after[option], names)} "
                f"instead of {who_may(who, names)}."
            )


def who_may(who: Rules, names: Names) -> str:
    """Whom an option is kept for."""
    role = f"the role {_lower(Role(who['role']).label)}" if who["role"] else ""
    team = names.get(f"team:{who['team']}", "that is gone") if who["team"] else ""
    return " and ".join(filter(None, (role, f"team {team}" if team else "")))


def _told_later(before: Rules, after: Rules) -> Iterator[str]:
    if after.get("in_digest") and not before.get("in_digest", True):
        yield "People are told in the daily digest first, not at once."
    if before.get("wakes_people") and not after.get("wakes_people", True):
        yield "It no longer reaches people in their quiet hours."


def audience_of(rung: Rules) -> str:
    """Who a step names, as a key of ``names``."""
    return f"{rung['audience']}:{rung['role'] or rung['team'] or rung['person']}"


def ladder_loosens(before: list[Any], after: list[Any], names: Names) -> list[str]:
    """Each time that an audience is told must still be there, as early and as often."""
    later, said = _times(after), []
    for audience, times in _times(before).items():
        for n, was in enumerate(times):
            now = later.get(audience, [])[n : n + 1]
            who = names[audience]
            said += _less_loud(who, was, now[0]) if now else [_not_told(who, was)]
    return said


def _times(ladder: list[Any]) -> dict[str, list[tuple[int, int, int]]]:
    """When each audience is told, first and again: seconds after the question."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    reached = 0
    for rung in ladder:
        reached += rung["delay_s"]
        found.setdefault(audience_of(rung), []).append((reached, rung["repeat_s"], rung["cap_s"]))
    return found


def _not_told(who: str, was: tuple[int, int, int]) -> str:
    first = f"after {span_text(was[0])}" if was[0] else "at once"
    return f"{who} is no longer told {first}."


def _less_loud(who: str, was: tuple[int, int, int], now: tuple[int, int, int]) -> list[str]:
    words = ("is told after", "is reminded after", "is reminded at least every")
    return [
        f"{who} {word} {span_text(new)} instead of {span_text(old)}."
        for word, old, new in zip(words, was, now, strict=True)
        if new > old
    ]


def _lower(label: str) -> str:
    return label[:1].lower() + label[1:]
