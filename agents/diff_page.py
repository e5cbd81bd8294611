"""What the page about a change shows: the meaning first, then the texts."""

from collections.abc import Mapping
from typing import Any

from agents.comparing import Comparison, comparison_of, comparison_with
from agents.editor.opened import INLINE, SIDE, opening
from agents.models import Agent, AgentVersion, ReviewBasis
from agents.permissions import no_such_version
from agents.review_policy import Requirement, policy_for
from governance.base.errors import InvalidInput
from governance.base.textdiff import both
from governance.people.models import User

MOST_OFFERED = 100


def comparison_for(version: AgentVersion, chosen: str = "") -> Comparison:
    """With the version that was chosen, else with what its review compared, else as of now."""
    if chosen:
        return comparison_with(version, chosen_version(version.agent, chosen))
    basis = ReviewBasis.objects.filter(version=version).select_related("base").last()
    return comparison_with(version, basis.base) if basis else comparison_of(version)


def chosen_version(agent: Agent, sequence: str) -> AgentVersion:
    """The version that an address names by its number."""
    if not sequence.isdecimal() or len(sequence) > 9:
        raise InvalidInput("Name a version by its number.")
    found = agent.versions.filter(sequence=int(sequence)).first()
    if found is None:
        raise no_such_version(agent, int(sequence))
    return found


def votes_for(comparison: Comparison, version: AgentVersion) -> Requirement:
    """Whose and how many approvals this change needs, as the policies are now."""
    return policy_for(comparison, tier=version.agent.tier)


def diff_page(version: AgentVersion, user: User, *, chosen: str, view: str) -> dict[str, Any]:
    """The comparison, what it asks for, the texts in two ways, who opened them, what else to pick.

    ``view`` is the part that a link wants open from the start.
    """
    comparison = comparison_for(version, chosen)
    base = comparison.base
    return {
        "agent": version.agent,
        "version": version,
        "comparison": comparison,
        "votes": votes_for(comparison, version),
        "view": view if view in {SIDE, INLINE} else "",
        "texts": both(base.text, version.text) if base else None,
        "findings": _new_findings(version, base),
        "sequences": _sequences(version),
        "line_url": f"{version.get_absolute_url()}?line=",
        **opening(version, user),
    }


def _new_findings(
    version: AgentVersion, base: AgentVersion | None
) -> list[tuple[str, list[dict[str, Any]]]]:
    """What was noticed in this version and not in the base; and what no longer is."""
    before = {_identity(finding): finding for finding in (base.findings if base else [])}
    now = {_identity(finding): finding for finding in version.findings}
    groups = [
        ("Noticed now", [finding for key, finding in now.items() if key not in before]),
        ("Gone", [finding for key, finding in before.items() if key not in now]),
        ("As before", [finding for key, finding in now.items() if key in before]),
    ]
    return [(title, found) for title, found in groups if found]


def _identity(finding: Mapping[str, Any]) -> tuple[str, str]:
    """The line is left out: it moves with every line above it."""
    return finding["code"], finding.get("excerpt") or finding["message"]


def _sequences(version: AgentVersion) -> list[int]:
    """The other versions, the newest first, to compare with."""
    others = version.agent.versions.exclude(pk=version.pk).order_by("-sequence")
    return list(others.values_list("sequence", flat=True)[:MOST_OFFERED])
