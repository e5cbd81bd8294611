"""What the page about a change shows: the meaning first, then the texts."""

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from agents.comparing import Comparison, comparison_of, comparison_with
from agents.models import AgentVersion, ReviewBasis
from agents.review_policy import policy_for, votes_of
from agents.services import no_such_version
from agents.textdiff import inline, side_by_side
from governance.base.errors import InvalidInput

SIDE, INLINE = "side", "inline"
MOST_OFFERED = 100


def comparison_for(version: AgentVersion, chosen: str = "") -> Comparison:
    """With the version that was chosen, else with what its review compared, else as of now."""
    if chosen:
        return comparison_with(version, _numbered(version, chosen))
    basis = ReviewBasis.objects.filter(version=version).select_related("base").last()
    return comparison_with(version, basis.base) if basis else comparison_of(version)


def _numbered(version: AgentVersion, sequence: str) -> AgentVersion:
    if not sequence.isdecimal() or len(sequence) > 9:
        raise InvalidInput("Name the version to compare with by its number.")
    found = version.agent.versions.filter(sequence=int(sequence)).first()
    if found is None:
        raise no_such_version(version.agent, int(sequence))
    return found


def votes_for(comparison: Comparison, version: AgentVersion) -> int:
    """How many approvals this change needs, as the policies are now."""
    return votes_of(policy_for(comparison, tier=version.agent.tier))


def diff_page(version: AgentVersion, *, chosen: str, view: str) -> dict[str, Any]:
    """The comparison, what it asks for, the texts in one or two columns, and what else to pick."""
    comparison = comparison_for(version, chosen)
    view = INLINE if view == INLINE else SIDE
    return {
        "agent": version.agent,
        "version": version,
        "comparison": comparison,
        "votes": votes_for(comparison, version),
        "view": view,
        "tabs": _tabs(version, comparison, view),
        "sequences": _sequences(version),
        **_texts(version, comparison, view),
    }


def _texts(version: AgentVersion, comparison: Comparison, view: str) -> dict[str, Any]:
    if comparison.base is None:
        return {}
    if view == INLINE:
        return {"lines": inline(comparison.base.text, version.text)}
    return {"rows": side_by_side(comparison.base.text, version.text)}


def _tabs(version: AgentVersion, comparison: Comparison, view: str) -> list[dict[str, Any]]:
    base = {"from": comparison.base.sequence} if comparison.base else {}
    url = reverse("agent-version-diff", args=[version.agent.slug, version.sequence])
    return [
        {
            "label": label,
            "href": f"{url}?{urlencode({**base, 'view': name})}#text",
            "current": name == view,
        }
        for name, label in ((SIDE, "Side by side"), (INLINE, "In one column"))
    ]


def _sequences(version: AgentVersion) -> list[int]:
    """The other versions, the newest first, to compare with."""
    others = version.agent.versions.exclude(pk=version.pk).order_by("-sequence")
    return list(others.values_list("sequence", flat=True)[:MOST_OFFERED])
