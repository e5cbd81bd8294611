"""From the tables to a family's graph and report, at the same number of queries for any size."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from agents.compliance.matrix import MatrixSummary, summaries_of
from agents.family.capabilities import Power, inherited_by
from agents.family.claims import claims_compliance, gaps_of, why_not_compliant
from agents.family.graph import Edge, Graph, Node, graph_of
from agents.family.members import Member, Names
from agents.family.names import plain_name, possible_slugs
from agents.family.reaching import Find, Reach, reach_of
from agents.family.report import Compliance, Report, Row, amount
from agents.family.routes import Way
from agents.ledger.reading import Coverage, coverage_of
from agents.models import Agent, AgentVersion, Coordination, Family, Release, newest_version
from agents.overview import Overview, for_overview, overviews
from agents.permissions import agents_for
from governance.base.errors import NotPermitted, NotThere
from governance.constitution.services import current
from governance.people.models import Runner

# More agents than this are no family that anybody reads about in ten minutes.
MOST_AGENTS = 500
_MOST_NAMES = 2000
_MOST_NAMED_BY = 50
# From an agent over the one that it asks to the one that this asks.
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Loaded:
    """A member with what the report shows of its version besides the contract."""

    member: Member
    version_id: int
    agent_id: int
    filename: str
    text_sha256: str


def sized_families() -> QuerySet[Any]:
    """The families in the order of their slugs, each with its ``size``."""
    sizes = (
        Agent.objects.filter(family=OuterRef("pk"))
        .order_by()
        .values("family")
        .annotate(size=Count("pk"))
        .values("size")
    )
    return Family.objects.order_by("slug").annotate(
        size=Coalesce(Subquery(sizes, output_field=IntegerField()), 0)
    )


def families_for(principal: Any) -> QuerySet[Any]:
    """All families for people; for a runner those that hold an agent it may act for."""
    found = sized_families()
    if isinstance(principal, Runner):
        theirs = agents_for(principal).filter(family=OuterRef("pk"))
        return found.filter(Exists(theirs))
    return found


def family_for(principal: Any, slug: str) -> Family:
    """One family whole. A runner that may not act for all of it is refused."""
    family: Family | None = families_for(principal).filter(slug=slug).first()
    if family is None:
        raise NotThere(f"There is no family {slug[:80]} for you.", code="unknown_family")
    if isinstance(principal, Runner) and "*" not in principal.agents:
        raise NotPermitted("This runner may not act for the whole family.", code="other_agent")
    return family


def report_of(family: Family, *, at: datetime) -> Report:
    """Everything that is computed about a family, from the newest versions of its agents."""
    agents = list(_with_state(family.agents.order_by("slug"))[:MOST_AGENTS])
    seen = overviews(agents, at=at)
    loaded = _load(agents)
    members = [one.member for one in loaded.values()]
    outside = _outside(members, without=family.agents.all())
    graph = _graph(members, outside)
    find = _finder(members, outside)
    law = current()
    judged = _Judged(
        find=find,
        graph=graph,
        has_law=law is not None,
        rules=coverage_of([one.agent_id for one in loaded.values()]),
        matrices=summaries_of([one.version_id for one in loaded.values()], law, at=at),
        same_text=_same_text(loaded.values()),
    )
    rows = [_row(one, loaded[one.agent.pk], judged) for one in seen if one.agent.pk in loaded]
    whole = family.agents.count() if len(agents) == MOST_AGENTS else len(agents)
    title = f"Constitution version {law.sequence}" if law else ""
    return Report(
        slug=family.slug,
        name=family.name,
        rows=tuple(rows),
        graph=graph,
        law=title,
        at=at,
        left_out=whole - len(agents),
    )


def released_graph(family: Family, environment: str) -> Graph:
    """The graph of what runs in an environment."""
    running = (
        Release.objects.filter(agent=OuterRef("pk"), environment__slug=environment)
        .order_by("-id")
        .values("version")[:1]
    )
    agents = _with_state(family.agents.order_by("slug")).annotate(newest_id=Subquery(running))
    members = [one.member for one in _load(list(agents[:MOST_AGENTS])).values()]
    return _graph(members, _outside(members, without=family.agents.all()))


def _graph(members: Sequence[Member], outside: Sequence[Member]) -> Graph:
    names = Names(members)
    asked = (names.find(name) for member in members for name in _asked_agents(member))
    gateways = {member.slug for member in asked if member}
    asking = {member.slug for member in members if any(map(names.find, _asked_agents(member)))}
    return graph_of(members, elsewhere=outside, also_reached=gateways | asking)


def _with_state(agents: QuerySet[Agent]) -> QuerySet[Any]:
    """Annotate the newest version and whether the agent is suspended or released anywhere."""
    # No EXISTS: the planner may answer that by reading all releases.
    release = Release.objects.filter(agent=OuterRef("pk")).order_by("environment_id", "-id")
    return for_overview(agents).annotate(release_id=Subquery(release.values("pk")[:1]))


def _load(agents: Sequence[Any]) -> dict[int, Loaded]:
    """The agents that have a version, by their ids."""
    newest = {agent.newest_id: agent for agent in agents if agent.newest_id}
    rows = AgentVersion.objects.filter(pk__in=newest).values_list(
        "pk", "contract", "text", "filename", "text_sha256"
    )
    found = {pk: _loaded(newest[pk], pk, *rest) for pk, *rest in rows}
    return {agent.pk: found[pk] for pk, agent in newest.items() if pk in found}


def _loaded(
    agent: Any, pk: int, contract: Mapping[str, Any], text: str, filename: str, text_sha256: str
) -> Loaded:
    member = Member(
        slug=agent.slug,
        name=agent.name,
        contract=contract,
        text=text,
        released=agent.release_id is not None,
        suspended=agent.is_suspended,
    )
    return Loaded(member, pk, agent.pk, filename, text_sha256)


def _asked_agents(member: Member) -> list[str]:
    return [route.name for route in member.routes if route.way is Way.AGENT]


def _outside(members: Sequence[Member], *, without: QuerySet[Agent]) -> list[Member]:
    """The agents of other families that these name, each with its newest version."""
    names = Names(members)
    wanted: set[str] = set()
    for member in members:
        peers = [part["peer"] for part in member.parts("coordination")]
        for said in (*peers, *_asked_agents(member)):
            if not names.find(said):
                wanted |= possible_slugs(said)
    agents = _with_state(
        Agent.objects.filter(slug__in=sorted(wanted)[:_MOST_NAMES]).exclude(pk__in=without)
    )
    return [one.member for one in _load(list(agents)).values()]


def _finder(family: Iterable[Member], outside: Iterable[Member]) -> Find:
    near, far = Names(family), Names(outside)
    return lambda said: near.find(said) or far.find(said)


def _same_text(loaded: Iterable[Loaded]) -> dict[str, list[str]]:
    by_text: defaultdict[str, list[str]] = defaultdict(list)
    for one in loaded:
        by_text[one.text_sha256].append(one.member.slug)
    return by_text


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is known about the whole family, of which each row takes its own."""

    find: Find
    graph: Graph
    has_law: bool
    rules: Mapping[int, Coverage]
    matrices: Mapping[int, MatrixSummary]
    same_text: Mapping[str, Sequence[str]]


def _row(seen: Overview, loaded: Loaded, judged: _Judged) -> Row:
    member, newest = loaded.member, seen.newest
    reach = reach_of(member, judged.find)
    matrix = judged.matrices.get(loaded.version_id, MatrixSummary())
    lacking = _lacking(member, matrix, has_law=judged.has_law)
    edges = judged.graph.edges_of(member.slug)
    return Row(
        slug=member.slug,
        name=member.name,
        url=seen.agent.get_absolute_url(),
        sequence=newest.sequence if newest else 0,
        standing=seen.standing,
        label=seen.label,
        tone=seen.tone,
        suspended=seen.suspended,
        in_production=seen.production.version.sequence if seen.production else None,
        findings=seen.findings,
        badges=seen.badges,
        reach=reach,
        inherits=member.tools is None,
        demands_escalation=member.demands("escalation"),
        compliance=_compliance(member, matrix, lacking),
        gaps=gaps_of(member, reach, lacking),
        rules=_rules(judged.rules.get(loaded.agent_id, Coverage())),
        matrix={
            "pass": matrix.passed,
            "fail": matrix.failed,
            "waived": matrix.waived,
            "not_applicable": matrix.not_applicable,
            "unknown": matrix.unknown,
        },
        dangling=tuple(edge for edge in edges if edge.is_dangling),
        same_as=tuple(slug for slug in judged.same_text[loaded.text_sha256] if slug != member.slug),
    )


def _lacking(member: Member, matrix: MatrixSummary, *, has_law: bool) -> str:
    """Why a claim to comply does not hold; empty where nothing speaks against it."""
    if not has_law:
        return "No constitution is ratified that it could comply with."
    if matrix.failed:
        return f"{amount(matrix.failed, 'principle')} of the constitution matrix failed."
    return why_not_compliant(member)


def _compliance(member: Member, matrix: MatrixSummary, lacking: str) -> Compliance:
    if not claims_compliance(member):
        return Compliance.SILENT
    if lacking:
        return Compliance.LACKS
    return Compliance.COMPLIES if matrix.complies else Compliance.UNJUDGED


def _rules(coverage: Coverage) -> dict[str, int]:
    return {**asdict(coverage), "total": coverage.total}


# --- one agent --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One agent among those it works with."""

    reach: Reach
    edges: tuple[tuple[Edge, Node], ...]
    named_by: tuple[Coordination, ...]
    powers: tuple[Power, ...]


def surroundings_of(agent: Agent) -> Surroundings | None:
    """Whom an agent reaches, names and is named by; ``None`` before its first version."""
    own = list(_load(list(_with_state(Agent.objects.filter(pk=agent.pk)))).values())
    if not own:
        return None
    member = own[0].member
    near, far = _around(member, agent)
    graph = graph_of([member, *near], elsewhere=far)
    nodes = {node.key: node for node in graph.nodes}
    return Surroundings(
        reach=reach_of(member, _finder([member, *near], far)),
        edges=tuple((edge, nodes[edge.target]) for edge in graph.edges_of(member.slug)),
        named_by=_named_by(agent),
        powers=inherited_by(member, own[0].filename),
    )


def _around(member: Member, agent: Agent) -> tuple[list[Member], list[Member]]:
    """Who the agent names, whom those ask, and so on: of its family, and of others."""
    near: dict[str, Member] = {}
    far: dict[str, Member] = {}
    known, asking = {member.slug}, [member]
    names = {str(part["peer"]) for part in member.parts("coordination")}
    for _ in range(_ROUNDS):
        names |= {name for one in asking for name in _asked_agents(one)}
        wanted = sorted({slug for name in names for slug in possible_slugs(name)} - known)
        found = list(_with_state(Agent.objects.filter(slug__in=wanted[:_MOST_NAMES])))
        known |= set(wanted)
        loaded = _load(found)
        for other in found:
            if other.pk in loaded:
                place = near if other.family_id == agent.family_id else far
                place[other.slug] = loaded[other.pk].member
        asking = [one.member for one in loaded.values()]
        names = set()
        if not asking:
            break
    return list(near.values()), list(far.values())


def _named_by(agent: Agent) -> tuple[Coordination, ...]:
    """The edges of the newest versions of its family that lead here."""
    others = Agent.objects.filter(family=agent.family_id).exclude(pk=agent.pk).order_by("slug")
    versions = others.values_list(newest_version("pk", of="pk"), flat=True)[:MOST_AGENTS]
    found = (
        Coordination.objects.filter(version__in=filter(None, versions))
        .select_related("version__agent")
        .only("peer", "text", "line", "version__agent__slug", "version__agent__name")
        .order_by("version__agent__slug", "position")
    )
    own = {plain_name(agent.slug), plain_name(agent.name)}
    return tuple(edge for edge in found if plain_name(edge.peer) in own)[:_MOST_NAMED_BY]
