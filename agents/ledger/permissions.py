"""Who may judge rules, and who may loosen one: never those whose work it binds."""

import json
from typing import Any

from agents.models import Agent, AgentVersion, RuleStance
from agents.permissions import check_person
from governance.audit.models import AuditEvent
from governance.base.errors import NotPermitted
from governance.people.permissions import Permission, check


def check_may_judge(by: Any) -> None:
    """Raise unless this is a person who reviews."""
    check_person(by, "judge rules")
    check(by, Permission.REVIEW)


def bound_people(agent: Agent, version: AgentVersion) -> dict[int, str]:
    """Who may not loosen a rule of the agent, with the reason: four eyes."""
    found = {agent.owner_id: "you own the agent"}
    if version.author_id:
        found.setdefault(version.author_id, "you wrote the version")
    for person in version.co_authors:
        found.setdefault(person, "you wrote a part of the version")
    if version.proposed_by:
        found.setdefault(version.proposed_by.owner_id, "your runner proposed the version")
    for person in _owned_before(agent, version):
        found.setdefault(person, "you owned the agent when this version came in")
    return found


def _owned_before(agent: Agent, version: AgentVersion) -> set[int]:
    """Who has handed the agent over since: that does not make its rules somebody else's."""
    handed_over = AuditEvent.objects.filter(
        stream=agent.subject, kind="agent.handed_over", at__gte=version.created_at
    )
    said = (json.loads(bytes(body)) for body in handed_over.values_list("body", flat=True))
    return {int(one["data"]["before"]["owner"].removeprefix("user:")) for one in said}


def check_may_loosen(by: Any, agent: Agent, version: AgentVersion) -> None:
    """Raise with the sentence unless the rule binds somebody else's work."""
    check_may_judge(by)
    if reason := bound_people(agent, version).get(by.pk):
        raise NotPermitted(f"Somebody else has to loosen this rule: {reason}.", code="four_eyes")


def check_may_confirm(by: Any, stance: RuleStance, version: AgentVersion) -> None:
    """Raise unless somebody else asked for it, and the rule binds somebody else's work."""
    if stance.asked_by_id == by.pk:
        raise NotPermitted("Somebody else has to confirm what you asked for.", code="four_eyes")
    check_may_loosen(by, stance.agent, version)
