"""Who works with whom in a family: agents and people, and the names that lead nowhere."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agents.family.members import Member, Names
from agents.family.names import plain_name
from governance.base.keys import slug


class NodeKind(StrEnum):
    AGENT = "agent"
    ELSEWHERE = "elsewhere"
    PEOPLE = "people"
    DANGLING = "dangling"


NODE_LABELS = {
    NodeKind.AGENT: "Agent",
    NodeKind.ELSEWHERE: "Agent of another family",
    NodeKind.PEOPLE: "People",
    NodeKind.DANGLING: "Not in the portal",
}


@dataclass(frozen=True, slots=True)
class Node:
    """``slug`` is empty for what is no agent of the portal."""

    key: str
    label: str
    kind: NodeKind
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """“With X: do Y” on a line of the source's text. ``mutual``: X names the source too."""

    source: str
    target: str
    kind: NodeKind
    text: str
    line: int
    mutual: bool = False

    @property
    def is_self(self) -> bool:
        return self.source == self.target

    @property
    def is_dangling(self) -> bool:
        return self.kind is NodeKind.DANGLING

    @property
    def is_one_sided(self) -> bool:
        """An agent of the family is named and does not name the source."""
        return self.kind is NodeKind.AGENT and not self.mutual and not self.is_self


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    unreachable: tuple[str, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        return {node.key: node.label for node in self.nodes}

    @property
    def dangling(self) -> tuple[Edge, ...]:
        return tuple(edge for edge in self.edges if edge.is_dangling)

    def edges_of(self, key: str) -> tuple[Edge, ...]:
        """What one agent says about others."""
        return tuple(edge for edge in self.edges if edge.source == key)


def graph_of(
    members: Sequence[Member],
    *,
    elsewhere: Iterable[Member] = (),
    also_reached: Iterable[str] = (),
) -> Graph:
    """The graph of a family; ``elsewhere`` are agents of the portal outside of it.

    ``also_reached`` are agents that others call on in another way, such as the stuck agent.
    """
    family, others = Names(members), Names(elsewhere)
    nodes = {one.slug: Node(one.slug, one.name, NodeKind.AGENT, one.slug) for one in members}
    found: dict[tuple[str, str], Edge] = {}
    for member in members:
        for part in member.parts("coordination"):
            node = _meant(part["peer"], part["peer_kind"], family, others)
            nodes.setdefault(node.key, node)
            edge = Edge(member.slug, node.key, node.kind, str(part["text"]), int(part["line"]))
            found.setdefault((edge.source, edge.target), edge)
    edges = tuple(_with_mutual(edge, found) for edge in found.values())
    touched = Counter(
        end for edge in edges if not edge.is_self for end in (edge.source, edge.target)
    )
    reached = {*touched, *also_reached}
    return Graph(
        nodes=tuple(nodes.values()),
        edges=edges,
        unreachable=tuple(one.slug for one in members if one.slug not in reached),
    )


def _meant(peer: str, kind: str, family: Names, others: Names) -> Node:
    """An agent with that name even where the words sound like people."""
    if member := family.find(peer):
        return Node(member.slug, member.name, NodeKind.AGENT, member.slug)
    if kind == "people":
        return Node(f"people:{slug(peer)}", peer, NodeKind.PEOPLE)
    if member := others.find(peer):
        return Node(f"elsewhere:{member.slug}", member.name, NodeKind.ELSEWHERE, member.slug)
    return Node(f"unknown:{plain_name(peer)}", peer, NodeKind.DANGLING)


def _with_mutual(edge: Edge, found: dict[tuple[str, str], Edge]) -> Edge:
    mutual = (edge.target, edge.source) in found and not edge.is_self
    return Edge(edge.source, edge.target, edge.kind, edge.text, edge.line, mutual)
