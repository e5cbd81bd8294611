"""Agents with where each of them stands, at the same number of queries for any page of them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from agents.comparing import CHANGE_TONES
from agents.models import (
    HEAVY,
    HEAVY_OF_VERSION,
    Agent,
    AgentVersion,
    Release,
    Suspension,
    newest_version,
)
from agents.standing import STANDING_TONES, is_overdue, label_of, standing_of, with_status

NONE = "none"
SEVERITIES = {"error": ("bad", "error"), "warning": ("warn", "warning"), "info": ("info", "note")}


@dataclass(frozen=True, slots=True)
class Overview:
    """One agent: its newest version, what is released where, whether it is suspended."""

    agent: Agent
    newest: AgentVersion | None
    standing: str
    label: str
    findings: dict[str, int]
    releases: list[Release] = field(default_factory=list)
    suspended: bool = False
    overdue: bool = False

    @property
    def tone(self) -> str:
        return STANDING_TONES.get(self.standing, "neutral")

    @property
    def change_tone(self) -> str:
        return CHANGE_TONES.get(self.newest.change_class if self.newest else "", "neutral")

    @property
    def inherits_all_tools(self) -> bool:
        return self.newest is not None and self.newest.tools is None

    @property
    def badges(self) -> list[dict[str, str]]:
        """The findings, counted, as badges."""
        return badges_of(self.findings)

    @property
    def production(self) -> Release | None:
        """What runs in production."""
        return next((r for r in self.releases if r.environment.slug == "production"), None)


def for_overview(agents: QuerySet[Agent]) -> QuerySet[Agent]:
    """Annotate what :func:`overviews` reads."""
    whole = Q(agent=OuterRef("pk"), version=None) | Q(family=OuterRef("family"))
    suspended = Suspension.objects.filter(whole, lifted_at=None)
    return agents.select_related("family", "owner").annotate(
        newest_id=newest_version("pk", of="pk"), is_suspended=Exists(suspended)
    )


def overviews(agents: Sequence[Any], *, at: datetime) -> list[Overview]:
    """The overview of each agent from :func:`for_overview`, in their order."""
    wanted = [agent.newest_id for agent in agents if agent.newest_id]
    listed = with_status(AgentVersion.objects.filter(pk__in=wanted)).defer(*HEAVY)
    versions = {version.pk: version for version in listed}
    releases = released([agent.pk for agent in agents])
    return [
        _overview(agent, versions.get(agent.newest_id), releases[agent.pk], at) for agent in agents
    ]


def _overview(agent: Any, newest: Any, releases: list[Release], at: datetime) -> Overview:
    return Overview(
        agent=agent,
        newest=newest,
        standing=standing_of(newest, at=at) if newest else NONE,
        label=label_of(newest, at=at) if newest else "No version",
        findings=severities(newest) if newest else {},
        releases=releases,
        suspended=agent.is_suspended,
        overdue=newest is not None and is_overdue(newest, at=at),
    )


def released(agent_ids: Sequence[int]) -> dict[int, list[Release]]:
    """The release in force of each environment, by agent."""
    current = (
        Release.objects.filter(agent__in=agent_ids)
        .order_by("agent_id", "environment_id", "-id")
        .distinct("agent_id", "environment_id")
        .select_related("environment", "version", "review")
        .defer(*HEAVY_OF_VERSION)
    )
    found: defaultdict[int, list[Release]] = defaultdict(list)
    for release in current:
        found[release.agent_id].append(release)
    return found


def severities(version: AgentVersion) -> dict[str, int]:
    """How many findings of each severity a version has."""
    counted = Counter(finding["severity"] for finding in version.findings)
    return {severity: counted[severity] for severity in SEVERITIES}


def badges_of(counts: Mapping[str, int]) -> list[dict[str, str]]:
    """``2 errors``, ``1 note``: value, tone and label of a badge for each severity found."""
    return [
        {"value": severity, "tone": tone, "label": f"{count} {noun}{'' if count == 1 else 's'}"}
        for severity, (tone, noun) in SEVERITIES.items()
        if (count := counts.get(severity, 0))
    ]
