"""What a text would be as a version: read and compared, but not kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.comparing import Comparison, compare_with_base
from agents.contract import ParsedDefinition
from agents.importing import check_size, storable
from agents.models import Agent, Tier, TriggerKind
from agents.parsing import parse_definition
from agents.review_policy import policy_for, votes_of
from governance.base.findings import Finding, Severity

_GRAVITY = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Preview:
    """``findings`` by gravity, then by line; ``lines`` is what their numbers count."""

    parsed: ParsedDefinition
    comparison: Comparison
    votes: int
    contract: dict[str, Any]
    triggers: list[tuple[str, list[dict[str, Any]]]]
    peers: list[dict[str, Any]]

    @property
    def findings(self) -> list[Finding]:
        return sorted(self.parsed.findings, key=lambda one: (_GRAVITY[one.severity], one.line))

    @property
    def lines(self) -> list[str]:
        return self.parsed.text.split("\n")

    @property
    def fixable(self) -> int:
        return sum(finding.replacement is not None for finding in self.parsed.findings)


def preview_of(raw: bytes, *, filename: str, agent: Agent | None) -> Preview:
    """The findings, the contract and what it changes, as saving it now would have them."""
    check_size(raw)
    parsed = parse_definition(raw, filename=filename)
    comparison = compare_with_base(parsed, agent)
    contract: dict[str, Any] = storable(parsed.as_dict())
    tier = agent.tier if agent else Tier.MEDIUM.value
    return Preview(
        parsed=parsed,
        comparison=comparison,
        votes=votes_of(policy_for(comparison, tier=tier)),
        contract=contract,
        triggers=_by_kind(contract["triggers"]),
        peers=_peers(contract["coordination"]),
    )


def _by_kind(triggers: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    grouped = [
        (str(label), [one for one in triggers if one["kind"] == kind])
        for kind, label in TriggerKind.choices
    ]
    return [(label, found) for label, found in grouped if found]


def _peers(edges: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [edge["peer"] for edge in edges]
    known = set(Agent.objects.filter(slug__in=names).values_list("slug", flat=True))
    return [
        {
            **edge,
            "is_people": edge["peer_kind"] == "people",
            "is_known": edge["peer"] in known,
        }
        for edge in edges
    ]
