"""What runners and people do with cases, through the services, in as few words as tests need."""

from datetime import datetime
from typing import Any

from agents.models import Agent, AgentVersion, Family
from escalations.deciding import decide
from escalations.models import Decision, Escalation
from escalations.raising import raise_case
from escalations.schema import read_payload
from governance.asking.models import Ask, Authentication
from governance.base.canonical import canonical
from governance.people.models import Role, Runner, User
from tests.factories import NOW, RunnerFactory, UserFactory

BODY: dict[str, Any] = {
    "agent": "worker",
    "task": "Implementing user login",
    "problem": "Multiple authentication approaches are available",
    "attempted": ["Read the specification"],
    "options": [
        {"key": "jwt", "label": "JWT tokens", "description": "Stateless."},
        {"key": "session", "label": "Server sessions"},
    ],
    "impact": "How every request is authenticated",
    "constitutional_impact": "Security First",
}
ACT: dict[str, Any] = {
    "kind": "shell",
    "target": "db-staging",
    "arguments": {"argv": ["psql", "-f", "add_index.sql"]},
}


def approver(**fields: Any) -> User:
    return UserFactory(**{"roles": [Role.APPROVER], **fields})


def agent(slug: str = "worker", **fields: Any) -> Agent:
    found = Agent.objects.filter(slug=slug).first()
    if found:
        return found
    family, _ = Family.objects.get_or_create(slug="sample", defaults={"name": "Sample"})
    defaults = {"name": slug.title(), "tier": "low", "created_at": NOW}
    owner = fields.pop("owner", None) or UserFactory(roles=[Role.OWNER])
    return Agent.objects.create(family=family, slug=slug, owner=owner, **defaults | fields)


def version(of: Agent, **fields: Any) -> AgentVersion:
    sequence = of.versions.count() + 1
    known: dict[str, Any] = {
        "sequence": sequence,
        "raw": b"text",
        "sha256": f"{of.pk}{sequence}".rjust(64, "a"),
        "text": "text",
        "text_sha256": "b" * 64,
        "encoding": "utf-8",
        "frontmatter": {"escalation": "mandatory"},
        "author": of.owner,
        "created_at": NOW,
    }
    return AgentVersion.objects.create(agent=of, **known | fields)


def ask(
    runner: Runner | None = None,
    *,
    key: str = "",
    at: datetime = NOW,
    body: dict[str, Any] | None = None,
    **changes: Any,
) -> Escalation:
    """A case; the agent is made where there is none yet."""
    whole = (BODY if body is None else body) | changes
    agent(whole["agent"])
    case, _ = raise_case(
        runner=runner or RunnerFactory(),
        payload=read_payload(whole),
        idempotency_key=key,
        body=canonical(whole),
        source_format="json",
        at=at,
    )
    return case


def approve(case: Escalation, by: User | None = None, **changes: Any) -> Decision | None:
    """A vote for the first option, unless told otherwise."""
    said: dict[str, Any] = {
        "verdict": "approved_option",
        "option_key": "jwt" if case.options.filter(key="jwt").exists() else "carry-out",
        "seen_sha256": case.request_sha256,
        "method": "session",
        "level": Authentication.FRESH,
        "at": NOW,
    }
    return decide(escalation_id=case.pk, by=by or approver(), **said | changes)


def reject(case: Escalation, by: User | None = None, **changes: Any) -> Decision | None:
    said = {"verdict": "rejected", "option_key": "", "reason": "Too risky."}
    return approve(case, by, **said | changes)


def rules_of(case: Escalation, *, votes: int | None = None, **rules: Any) -> Escalation:
    """The same case, its question asked under other rules."""
    asked = Ask.objects.get(subject=case.subject)
    asked.rules = asked.rules | rules
    asked.required_votes = votes or asked.required_votes
    asked.save()
    return case
