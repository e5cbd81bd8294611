"""Who works with whom: names resolved, what leads nowhere, and a drawing that can be read."""

from itertools import combinations

import pytest

from agents.family.graph import NodeKind, graph_of
from agents.family.layout import LONGEST, MOST, ROW, draw
from agents.family.members import Member, Names
from agents.family.names import plain_name, possible_slugs


def member(slug, *peers, name="", people=()):
    edges = [
        {"peer": peer, "peer_kind": "agent", "text": f"do {n}", "line": n + 1}
        for n, peer in enumerate(peers)
    ]
    edges += [{"peer": who, "peer_kind": "people", "text": "talk", "line": 90} for who in people]
    return Member(slug, name or slug, {"coordination": edges})


def kinds(graph):
    return {edge.target: edge.kind for edge in graph.edges}


@pytest.mark.parametrize(
    "said",
    ["qa-engineer", "QA Engineer", "qa_engineers", "the QA engineer agent", "`qa-engineer`"],
)
def test_an_agent_is_found_by_any_way_of_writing_its_name(said):
    qa = member("qa-engineer")
    assert Names([member("qa"), qa]).find(said) is qa


def test_an_agent_is_found_by_its_title_where_no_slug_says_so():
    architect = member("db-1", name="Database Architect")
    assert Names([architect]).find("database-architects") is architect


def test_a_slug_goes_before_a_title():
    first, second = member("one", name="two"), member("two", name="one")
    assert Names([first, second]).find("two") is second


def test_a_name_without_letters_means_nobody():
    assert Names([member("one")]).find("—") is None
    assert plain_name("…") == ""
    assert possible_slugs("…") == set()


def test_edges_lead_to_agents_to_people_elsewhere_and_nowhere():
    graph = graph_of(
        [member("a", "b", "far-off", "gone", people=["frontend teams"]), member("b")],
        elsewhere=[member("far-off")],
    )
    assert kinds(graph) == {
        "b": NodeKind.AGENT,
        "elsewhere:far-off": NodeKind.ELSEWHERE,
        "unknown:gone": NodeKind.DANGLING,
        "people:frontend-teams": NodeKind.PEOPLE,
    }
    assert [edge.text for edge in graph.dangling] == ["do 2"]


def test_words_that_sound_like_people_mean_the_agent_of_that_name():
    graph = graph_of([member("a", people=["Frontend Engineers"]), member("frontend-engineer")])
    assert kinds(graph) == {"frontend-engineer": NodeKind.AGENT}


def test_edges_are_mutual_one_sided_or_to_oneself():
    graph = graph_of([member("a", "b", "c", "a"), member("b", "a"), member("c")])
    remarks = {edge.target: (edge.mutual, edge.is_one_sided) for edge in graph.edges_of("a")}
    assert remarks == {"b": (True, False), "c": (False, True), "a": (False, False)}
    assert [edge.source for edge in graph.edges if edge.is_self] == ["a"]


def test_who_names_nobody_and_is_named_by_nobody_is_unreachable():
    graph = graph_of([member("a", "b"), member("b"), member("alone"), member("self", "self")])
    assert graph.unreachable == ("alone", "self")


def test_who_is_called_on_by_an_escalation_is_reachable():
    assert graph_of([member("a"), member("stuck")], also_reached=["stuck"]).unreachable == ("a",)


def test_the_same_edge_twice_is_drawn_once():
    assert len(graph_of([member("a", "b", "b"), member("b")]).edges) == 1


def a_graph(size):
    names = [f"agent-with-a-long-name-{n}" for n in range(size)]
    return graph_of([member(name, names[n // 2], names[-1]) for n, name in enumerate(names)])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 39, 40])
def test_no_label_lies_on_another_or_outside(size):
    drawing = draw(a_graph(size))
    assert len(drawing.dots) == size
    for dot in drawing.dots:
        width = LONGEST * 7.2
        start = dot.label_x - width if dot.is_left else dot.label_x
        assert start >= 0
        assert start + width <= drawing.width
        assert 0 < dot.y < drawing.height
    for one, other in combinations(drawing.dots, 2):
        apart = one.is_left != other.is_left or abs(one.y - other.y) >= ROW - 0.2
        assert apart, (one, other)
        assert (one.x, one.y) != (other.x, other.y)


def test_the_same_graph_is_drawn_the_same_way_whatever_its_order():
    graph = a_graph(12)
    members = [
        member(node.key, *(e.target for e in graph.edges_of(node.key))) for node in graph.nodes
    ]
    again = graph_of(members[::-1])
    assert {dot.node.key: (dot.x, dot.y) for dot in draw(graph).dots} == {
        dot.node.key: (dot.x, dot.y) for dot in draw(again).dots
    }


def test_beyond_what_can_be_read_the_best_connected_are_drawn():
    graph = a_graph(100)
    drawing = draw(graph)
    assert len(drawing.dots) == MOST
    assert drawing.left_out == 60
    assert "agent-with-a-long-name-99" in {dot.node.key for dot in drawing.dots}


def test_a_mutual_edge_is_one_line_and_a_self_edge_a_loop():
    lines = draw(graph_of([member("a", "b", "a"), member("b", "a")])).lines
    assert sorted((line.edge.source, line.edge.target) for line in lines) == [
        ("a", "a"),
        ("a", "b"),
    ]
    assert all("nan" not in line.path for line in lines)


def test_an_empty_family_is_an_empty_drawing():
    drawing = draw(graph_of([]))
    assert drawing.dots == ()
    assert drawing.height > 0
