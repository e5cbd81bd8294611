"""Who sees which agents, and what a person may do with a version, with the sentence why not."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from agents.models import Agent, AgentVersion, Environment
from governance.base.errors import NotPermitted, NotThere, sentence_of
from governance.people.models import Runner, User
from governance.people.permissions import Permission, check, has


def agents_for(principal: Any) -> QuerySet[Agent]:
    """All agents for people who may see things; for a runner those it may act for."""
    if isinstance(principal, Runner):
        if not principal.is_active:
            return Agent.objects.none()
        return Agent.objects.all() if "*" in principal.agents else _named(principal.agents)
    return Agent.objects.all() if has(principal, Permission.VIEW) else Agent.objects.none()


def _named(slugs: list[str]) -> QuerySet[Agent]:
    return Agent.objects.filter(slug__in=slugs)


def agent_for(principal: Any, slug: str) -> Agent:
    """One agent, or :class:`NotThere` for strangers as for agents that do not exist."""
    agent = agents_for(principal).select_related("family", "owner").filter(slug=slug).first()
    if agent is None:
        raise no_such_agent(slug)
    return agent


def version_for(
    principal: Any, slug: str, sequence: int, *, without: Iterable[str] = ()
) -> AgentVersion:
    """One version of an agent that this principal sees; columns named in ``without`` wait."""
    agent = agent_for(principal, slug)
    related = agent.versions.select_related("agent__family", "author", "proposed_by__owner")
    version = related.defer(*without).filter(sequence=sequence).first()
    if version is None:
        raise no_such_version(agent, sequence)
    return version


def no_such_agent(slug: str) -> NotThere:
    return NotThere(f"There is no agent {slug[:120]} for you.", code="unknown_agent")


def no_such_version(agent: Agent, sequence: int) -> NotThere:
    return NotThere(f"{agent} has no version {sequence}.", code="unknown_version")


def no_such_environment(slug: str) -> NotThere:
    return NotThere(f"There is no environment {slug[:40]}.", code="unknown_environment")


def environment_named(slug: str) -> Environment:
    """The environment with this slug and its team."""
    found = Environment.objects.select_related("team").filter(slug=slug).first()
    if found is None:
        raise no_such_environment(slug)
    return found


def check_may_propose(principal: Any, slug: str) -> None:
    """People who propose may for every agent; a runner for the agents it may act for."""
    if isinstance(principal, Runner):
        if not principal.may_act_for(slug):
            raise NotPermitted(f"This runner may not act for {slug}.", code="other_agent")
        return
    check(principal, Permission.PROPOSE)


def check_may_submit(user: User, agent: Agent) -> None:
    """People who propose may; so may the members of the agent's team."""
    is_of_the_team = agent.team_id is not None and user.teams.filter(pk=agent.team_id).exists()
    if not (is_of_the_team and has(user, Permission.VIEW)):
        check(user, Permission.PROPOSE)


def check_person(principal: Any, act: str) -> None:
    """Refuse a runner with a sentence of its own; no role would help it."""
    if not isinstance(principal, User):
        raise NotPermitted(f"Only people {act}; a runner never does.", code="people_only")


def why_not(principal: Any, permission: Permission) -> str:
    """The sentence for a disabled button; empty where the person may."""
    return sentence_of(check, principal, permission)


def excluded_from(version: AgentVersion) -> set[int]:
    """The people who wrote the version, or own the machine that did: they cannot approve it."""
    excluded = set()
    if version.author_id:
        excluded.add(version.author_id)
    if version.proposed_by:
        excluded.add(version.proposed_by.owner_id)
    return excluded | set(version.co_authors)
