"""What the portal knows of a question when it is asked: policies and groups go by it.

All of it is computed here; what the runner claims can name a trigger or principle that exists,
and never make the case milder.
"""

import unicodedata
from typing import Any

from agents.models import Agent
from escalations.models import Escalation
from escalations.risk import Assessment
from escalations.schema import ActionPayload, RaisePayload
from governance.base.canonical import digest_of

LONGEST_KIND = 80
LONGEST_TRIGGER = 120


def kept_facts(
    agent: Agent, payload: RaisePayload, assessed: Assessment, *, environment: str
) -> dict[str, Any]:
    """The columns of the case that say what the question touches, and which questions equal it."""
    return {
        "triggers": [key[:LONGEST_TRIGGER] for key in assessed.triggers],
        "principles": assessed.principles,
        "action_kind": _kind(payload.action),
        "group_key": group_key(agent, payload, environment=environment),
    }


def facts_of(case: Escalation, payload: RaisePayload) -> dict[str, Any]:
    """What the policy of a case is matched on."""
    return {
        "agent": case.agent.slug,
        "owner_teams": teams_of(case.agent),
        "environment": case.environment,
        "triggers": case.triggers,
        "principles": case.principles,
        "risk": str(case.risk),
        "authorities": _authorities(payload),
        "action_kind": case.action_kind,
        "blocking": case.blocking,
        "with_action": case.has_action,
    }


def teams_of(agent: Agent) -> list[int]:
    """The teams of the agent's owner, and the agent's own team."""
    teams = set(agent.owner.teams.values_list("pk", flat=True))
    return sorted(teams | ({agent.team_id} if agent.team_id else set()))


def group_key(agent: Agent, payload: RaisePayload, *, environment: str) -> str:
    """The same for all questions of an agent that ask the same, in whatever run and project."""
    action = payload.action
    return digest_of(
        {
            "agent": agent.slug,
            "trigger": _plain(payload.trigger),
            "problem": _plain(payload.problem or payload.task or payload.title),
            "options": [[option.key, _plain(option.label)] for option in payload.options],
            "action": [action.kind, action.target, action.arguments] if action else None,
            "environment": environment,
        }
    )


def _authorities(payload: RaisePayload) -> list[str]:
    named = (option.authority.strip().lower() for option in payload.options)
    return sorted(set(filter(None, named)))


def _kind(action: ActionPayload | None) -> str:
    return action.kind.strip()[:LONGEST_KIND] if action else ""


def _plain(text: str) -> str:
    """Without the differences that are none: case, white space, forms of the same letters."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
