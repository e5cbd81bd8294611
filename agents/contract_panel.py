"""What pages show of a contract, of a version as of a text that is still being written."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.models import Agent, TriggerKind

Edges = Sequence[Mapping[str, Any]]


def triggers_by_kind(triggers: Edges) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The triggers under the name of their kind; kinds without any are left out."""
    grouped = [
        (str(label), [trigger for trigger in triggers if trigger["kind"] == kind])
        for kind, label in TriggerKind.choices
    ]
    return [(label, found) for label, found in grouped if found]


def peers_of(edges: Edges) -> list[dict[str, Any]]:
    """The edges to peers; a named agent that the portal does not hold is marked."""
    names = [edge["peer"] for edge in edges]
    known = set(Agent.objects.filter(slug__in=names).values_list("slug", flat=True))
    return [
        {**edge, "is_people": edge["peer_kind"] == "people", "is_known": edge["peer"] in known}
        for edge in edges
    ]
