"""What a text would be as a version: read and compared, but not kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.comparing import Comparison, compare_with_base
from agents.contract import ParsedDefinition
from agents.contract_panel import peers_of, triggers_by_kind
from agents.importing import check_size, storable
from agents.intake.fixing import apply_fixes, in_rounds, is_fixable, safe_fixes
from agents.models import Agent, Tier
from agents.parsing import parse_definition
from agents.review_policy import Requirement, policy_for
from governance.base.editing import FIX
from governance.base.errors import InvalidInput, NotThere
from governance.base.findings import Finding, by_gravity


@dataclass(frozen=True, slots=True)
class Preview:
    """``findings`` by gravity, then by line; ``lines`` is what their numbers count.

    ``fixable`` holds the keys of the findings that a click mends.
    """

    parsed: ParsedDefinition
    comparison: Comparison
    votes: Requirement
    fixable: frozenset[str]
    contract: dict[str, Any]
    triggers: list[tuple[str, list[Mapping[str, Any]]]]
    peers: list[dict[str, Any]]

    @property
    def findings(self) -> list[Finding]:
        return sorted(self.parsed.findings, key=lambda one: by_gravity(one.severity, one.line))

    @property
    def lines(self) -> list[str]:
        return self.parsed.text.split("\n")


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
        votes=policy_for(comparison, tier=tier),
        fixable=frozenset(one.key for one in _safe(raw, filename, parsed, agent)),
        contract=contract,
        triggers=triggers_by_kind(contract["triggers"]),
        peers=peers_of(contract["coordination"]),
    )


def _safe(
    raw: bytes, filename: str, parsed: ParsedDefinition, agent: Agent | None
) -> list[Finding]:
    """What a click mends: an agent that is there keeps its name; a new one may get a better one."""
    try:
        found = safe_fixes(raw, filename, parsed) if agent else parsed.findings
    except InvalidInput:
        # The text names no agent at all, so no fix can take its name away.
        found = parsed.findings
    return [finding for finding in found if is_fixable(finding)]


def mended(
    raw: bytes, act: str, *, filename: str, agent: Agent | None
) -> tuple[bytes, list[Finding]]:
    """The bytes after the fix of one finding (``fix:<key>``), and what was mended."""
    check_size(raw)
    parsed = parse_definition(raw, filename=filename)
    key = act.removeprefix(FIX)
    chosen = [one for one in _safe(raw, filename, parsed, agent) if one.key == key]
    if chosen:
        return apply_fixes(raw, chosen), chosen
    if any(finding.key == key for finding in parsed.findings):
        raise InvalidInput("There is no safe fix for this: change the line yourself.")
    raise NotThere("The text changed since: this finding is gone.", code="unknown_finding")


def all_mended(raw: bytes, *, filename: str, agent: Agent | None) -> tuple[bytes, list[Finding]]:
    """The bytes after every safe fix, and what was mended."""
    return in_rounds(
        raw, lambda now: _safe(now, filename, parse_definition(now, filename=filename), agent)
    )
