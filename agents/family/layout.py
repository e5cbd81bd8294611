"""Where the nodes of a graph stand: on a ring that is drawn the same way every time.

The nodes of each half stand at even heights, their labels outside; so no label meets another.
"""

from collections import Counter
from dataclasses import dataclass
from math import hypot, sqrt

from agents.family.graph import Edge, Graph, Node, NodeKind

MOST = 40
LONGEST = 24
ROW = 28
_LABEL = 180
_DOT = 6
_GAP = 12
_MARGIN = 24


@dataclass(frozen=True, slots=True)
class Dot:
    """A node in its place; ``label`` is cut to what fits, the node has the whole name."""

    node: Node
    x: float
    y: float
    label: str
    label_x: float
    is_left: bool
    is_unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    edge: Edge
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """``left_out`` counts the nodes beyond what can be read; the list below names them all."""

    width: int
    height: int
    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]
    left_out: int = 0


def draw(graph: Graph, *, most: int = MOST) -> Drawing:
    """The family's agents first, then who has the most edges, and the edges between them."""
    nodes = _ordered(graph, most)
    # Neighbours face each other: their lines cross the middle, where there is room.
    right, left = nodes[0::2], nodes[1::2]
    rows = max(len(right), 5)
    across = min(90 + 6 * len(nodes), 300)
    centre = (_LABEL + _GAP + _DOT + across, _MARGIN + (rows - 1) * ROW / 2)
    sides = [(node, at, len(right), False) for at, node in enumerate(right)]
    sides += [(node, at, len(left), True) for at, node in enumerate(left)]
    alone = frozenset(graph.unreachable)
    dots = tuple(
        _dot(node, at, count, is_left, across, rows, centre, node.key in alone)
        for node, at, count, is_left in sides
    )
    places = {dot.node.key: dot for dot in dots}
    return Drawing(
        width=round(2 * centre[0]),
        height=round(2 * centre[1]),
        dots=dots,
        lines=tuple(
            Line(edge, _path(edge, places[edge.source], places[edge.target], centre))
            for edge in graph.edges
            if edge.source in places and edge.target in places and _is_drawn(edge)
        ),
        left_out=len(graph.nodes) - len(nodes),
    )


def _is_drawn(edge: Edge) -> bool:
    """Two that name each other share one line, with a head at both ends."""
    return not edge.mutual or edge.source < edge.target


def _ordered(graph: Graph, most: int) -> list[Node]:
    """Neighbours beside each other, as far as that goes: the best connected one first."""
    degree = Counter(end for edge in graph.edges for end in {edge.source, edge.target})
    by_weight = sorted(
        graph.nodes,
        key=lambda node: (node.kind is not NodeKind.AGENT, -degree[node.key], node.key),
    )
    chosen = by_weight[:most]
    left = {node.key: node for node in chosen}
    beside: dict[str, Counter[str]] = {key: Counter() for key in left}
    for edge in graph.edges:
        if edge.source in left and edge.target in left and not edge.is_self:
            beside[edge.source][edge.target] += 1
            beside[edge.target][edge.source] += 1
    placed: list[Node] = []
    while left:
        recent = [node.key for node in placed[-4:]]
        key = min(left, key=lambda key: (-sum(beside[key][r] for r in recent), -degree[key], key))
        placed.append(left.pop(key))
    return placed


def _dot(
    node: Node,
    at: int,
    count: int,
    is_left: bool,
    across: float,
    rows: int,
    centre: tuple[float, float],
    is_unreachable: bool,
) -> Dot:
    high = rows * ROW / 2
    down = (at - (count - 1) / 2) * ROW
    out = across * sqrt(max(0.0, 1 - (down / high) ** 2))
    x = centre[0] + (-out if is_left else out)
    aside = _DOT + 4
    label = node.label if len(node.label) <= LONGEST else f"{node.label[: LONGEST - 1]}…"
    label_x = x - aside if is_left else x + aside
    place = (round(x, 1), round(centre[1] + down, 1), label, round(label_x, 1))
    return Dot(node, *place, is_left, is_unreachable)


def _path(edge: Edge, start: Dot, end: Dot, centre: tuple[float, float]) -> str:
    if edge.is_self:
        inward = 34 if start.is_left else -34
        x = start.x + inward
        return (
            f"M{start.x} {start.y} C{x} {start.y - 20} {x} {start.y + 20} "
            f"{_near(end, (x, end.y + 12))}"
        )
    middle = ((start.x + end.x) / 2, (start.y + end.y) / 2)
    bend = (middle[0] * 0.55 + centre[0] * 0.45, middle[1] * 0.55 + centre[1] * 0.45)
    control = f"{bend[0]:.1f} {bend[1]:.1f}"
    return f"M{_near(start, bend)} Q{control} {_near(end, bend)}"


def _near(dot: Dot, other: tuple[float, float]) -> str:
    """The point just outside a dot, towards another point."""
    far = hypot(other[0] - dot.x, other[1] - dot.y) or 1
    step = (_DOT + 3) / far
    return f"{dot.x + (other[0] - dot.x) * step:.1f} {dot.y + (other[1] - dot.y) * step:.1f}"
