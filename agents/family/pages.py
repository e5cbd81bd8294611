"""What the pages of families show: plain values, no requests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from agents.family.graph import NODE_LABELS, Edge, Graph, Node
from agents.family.layout import draw
from agents.family.reading import families_for, released_graph, report_of, surroundings_of
from agents.family.report import problems_first
from agents.models import Agent, Environment, Family
from governance.base.addresses import with_query
from governance.base.pagination import one_page

PER_PAGE = 50
# A longer table of edges is folded.
MOST_OPEN = 40
NODE_TONES = {"agent": "neutral", "elsewhere": "info", "people": "good", "dangling": "warn"}


def families(principal: Any, query: Mapping[str, str]) -> dict[str, Any]:
    """One page of the families, in the order of their slugs."""
    after = query.get("after", "")
    found = families_for(principal)
    rows, more = one_page(found.filter(slug__gt=after) if after else found, PER_PAGE)
    here = reverse("families")
    on = with_query(here, after=rows[-1].slug) if more else ""
    return {"families": rows, "first": here if after else "", "next": on}


def family(found: Family, query: Mapping[str, str], *, at: datetime) -> dict[str, Any]:
    """The report of a family, and its graph: of the newest versions, or of what runs somewhere."""
    report = report_of(found, at=at)
    environments = list(Environment.objects.all()[:10])
    chosen = next((one for one in environments if one.slug == query.get("graph")), None)
    graph = released_graph(found, chosen.slug) if chosen else report.graph
    return {
        "family": found,
        "report": report,
        "rows": problems_first(report.rows),
        "drawing": draw(graph),
        "edges": edges_of(graph),
        "has_many_edges": len(graph.edges) > MOST_OPEN,
        "alone": _alone(graph),
        "segments": _segments(found, environments, chosen),
        "stats": _stats(report.numbers, has_law=bool(report.law)),
    }


def _segments(
    family: Family, environments: list[Environment], chosen: Environment | None
) -> list[dict[str, Any]]:
    here = reverse("family", args=[family.slug])
    return [
        {"label": "Newest versions", "href": f"{here}#graph", "current": chosen is None},
        *(
            {
                "label": f"In {one.name.lower()}",
                "href": f"{here}?graph={one.slug}#graph",
                "current": one == chosen,
            }
            for one in environments
        ),
    ]


def _stats(numbers: Mapping[str, int], *, has_law: bool) -> list[dict[str, Any]]:
    """The few figures that stand in large type above the sentences."""
    whole = numbers["agents"]
    claimed = numbers["claim_compliance"]
    comply = f"{numbers['comply']} of {claimed}" if has_law else f"0 of {claimed}"
    return [
        _stat("Reach people", f"{numbers['reach_people']} of {whole}", numbers["reach_nobody"]),
        _stat("Inherit every tool", f"{numbers['inherit_every_tool']} of {whole}", 0),
        _stat("Comply as they claim", comply, numbers["lack_compliance"]),
        _stat("In production", f"{numbers['in_production']} of {whole}", 0),
        _stat("Errors in the files", numbers["errors"], numbers["errors"]),
    ]


def _stat(label: str, value: Any, bad: int) -> dict[str, Any]:
    return {"label": label, "value": value, "tone": "bad" if bad else "neutral"}


def edges_of(graph: Graph) -> list[dict[str, Any]]:
    """The edges as rows of a table: who, with whom, what, and what is to be said about it."""
    nodes = {node.key: node for node in graph.nodes}
    return [
        {"source": nodes[edge.source], **_shown(edge, nodes[edge.target])} for edge in graph.edges
    ]


def _shown(edge: Edge, target: Node) -> dict[str, Any]:
    return {
        "edge": edge,
        "target": target,
        "tone": NODE_TONES[edge.kind],
        "kind": NODE_LABELS[edge.kind],
        "remark": remark_of(edge),
    }


def remark_of(edge: Edge) -> str:
    """What is odd about an edge; empty where nothing is."""
    if edge.is_self:
        return "Names itself"
    if edge.is_dangling:
        return "Nobody known has this name"
    return "One-sided" if edge.is_one_sided else ""


def _alone(graph: Graph) -> list[Node]:
    alone = set(graph.unreachable)
    return [node for node in graph.nodes if node.key in alone]


def panel(agent: Agent) -> dict[str, Any]:
    """What the page of one agent tells of its escalation, its tools and its peers."""
    found = surroundings_of(agent)
    if found is None:
        return {"surroundings": None}
    return {
        "surroundings": found,
        "own_edges": [_shown(edge, node) for edge, node in found.edges],
    }
