"""Which policy a question falls under: the first whose conditions all hold, else the default.

Conditions and facts are plain data, so that a kept copy can be explained as well as a policy.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from governance.asking.models import Policy

Conditions = Mapping[str, Any]
Facts = Mapping[str, Any]
# Condition: the fact it is about, what is said where it holds, and where it does not.
ONE_OF = {
    "agents": ("agent", "the agent is {}", "the agent is {}, not {}"),
    "environments": ("environment", "the environment is {}", "the environment is {}, not {}"),
    "risks": ("risk", "the risk is {}", "the risk is {}, not {}"),
    "action_kinds": (
        "action_kind",
        "the act is of the kind {}",
        "the act is of the kind {}, not {}",
    ),
}
ANY_OF = {
    "owner_teams": ("the agent belongs to {}", "the agent does not belong to {}"),
    "triggers": ("it fits the trigger {}", "it does not fit the trigger {}"),
    "principles": ("it touches the principle {}", "it does not touch the principle {}"),
    "authorities": (
        "an option asks for the authority {}",
        "no option asks for the authority {}",
    ),
}
YES_OR_NO = {
    "blocking": ("the agent stands still", "the agent goes on meanwhile"),
    "with_action": ("it asks for an act", "it asks for no act"),
}


@dataclass(frozen=True, slots=True)
class Considered:
    """A policy that was tried, and a sentence that says why it was taken or not."""

    policy: Policy
    fits: bool
    because: str


def pick(kind: str, facts: Facts) -> tuple[Policy | None, str]:
    """The policy of a question of this kind, and why; None where the kind has none at all."""
    tried = considered(kind, facts)
    if tried and tried[-1].fits:
        return tried[-1].policy, tried[-1].because
    return None, "No policy fits: the rules that a new portal starts with hold."


def considered(kind: str, facts: Facts) -> list[Considered]:
    """The policies in the order they are tried, up to the one that is taken."""
    return considered_among(in_order(kind), facts)


def considered_among(policies: Iterable[Policy], facts: Facts) -> list[Considered]:
    """The same for policies that are at hand, in their order."""
    tried = []
    for policy in policies:
        tried.append(_considered(policy, facts))
        if tried[-1].fits:
            break
    return tried


def in_order(kind: str) -> list[Policy]:
    """The active policies of a kind as they are tried; the default comes last."""
    found = Policy.objects.filter(kind=kind, is_active=True)
    ordered = found.order_by("is_default", "position", "name", "pk")
    return list(ordered.prefetch_related("owner_teams"))


def _considered(policy: Policy, facts: Facts) -> Considered:
    if policy.is_default:
        return Considered(
            policy, True, f"The policy {policy.name} is taken: it holds where no other fits."
        )
    names = {team.pk: team.name for team in policy.owner_teams.all()}
    conditions = conditions_of(policy)
    if misfit := why_not(conditions, facts, names):
        return Considered(policy, False, f"The policy {policy.name} is not taken: {misfit}.")
    return Considered(
        policy, True, f"The policy {policy.name} is taken: {why(conditions, facts, names)}."
    )


def conditions_of(policy: Policy) -> dict[str, Any]:
    """The conditions of a policy as plain data; none of them for a default, which has no say."""
    return {
        **{name: sorted(getattr(policy, name)) for name in ONE_OF},
        **{name: sorted(getattr(policy, name)) for name in ANY_OF if name != "owner_teams"},
        "owner_teams": sorted(team.pk for team in policy.owner_teams.all()),
        **{name: getattr(policy, name) for name in YES_OR_NO},
    }


def takes_everything(policy: Policy) -> bool:
    """Whether a policy has no condition at all."""
    return not any(value not in ([], None) for value in conditions_of(policy).values())


def why(conditions: Conditions, facts: Facts, names: Mapping[int, str]) -> str:
    """What of the question makes the conditions hold, in words without a full stop."""
    said = [yes for yes, _ in _judged(conditions, facts, names)]
    return " and ".join(said) or "it has no conditions"


def why_not(conditions: Conditions, facts: Facts, names: Mapping[int, str]) -> str:
    """The first condition that does not hold, in words; empty where all hold."""
    return next((no for yes, no in _judged(conditions, facts, names) if not yes), "")


def _judged(
    conditions: Conditions, facts: Facts, names: Mapping[int, str]
) -> Iterator[tuple[str, str]]:
    """For each condition that is set: what is said where it holds, else what is missing."""
    for name, (fact, yes, no) in ONE_OF.items():
        if wanted := conditions.get(name):
            given = str(facts.get(fact) or "")
            holds = _plain(given) in set(map(_plain, wanted))
            yield yes.format(given) if holds else "", _other(no, given, wanted)
    for name, (yes, no) in ANY_OF.items():
        if wanted := conditions.get(name):
            found = set(map(_plain, facts.get(name) or ()))
            held = [one for one in wanted if _plain(one) in found]
            yield (
                yes.format(_named(name, held, names, "and")) if held else "",
                no.format(_named(name, wanted, names, "or")),
            )
    for name, words in YES_OR_NO.items():
        if (wish := conditions.get(name)) is not None:
            is_so = bool(facts.get(name))
            said = words[0] if is_so else words[1]
            yield (said, "") if is_so == wish else ("", said)


def _other(sentence: str, given: str, wanted: Iterable[str]) -> str:
    if given:
        return sentence.format(given, _list(wanted, "or"))
    return f"{sentence.split(' is ')[0]} is not {_list(wanted, 'or')}"


def _named(name: str, values: Iterable[Any], names: Mapping[int, str], word: str) -> str:
    if name == "owner_teams":
        return _list((f"team {names.get(pk, 'that is gone')}" for pk in values), word)
    return _list(map(str, values), word)


def _list(values: Iterable[str], word: str) -> str:
    """``a, b or c``."""
    *before, last = list(values)
    return f"{', '.join(before)} {word} {last}" if before else last


def _plain(value: Any) -> Any:
    """Case and outer space make no difference to words."""
    return value.strip().casefold() if isinstance(value, str) else value
