"""Decided cases, and what people make of them, in as few words as tests need."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from agents.models import Agent, AgentVersion
from escalations.models import Escalation, Precedent, Proposal, StandingDecision
from escalations.precedents.making import EQUAL, make_standing
from escalations.precedents.marking import mark_precedent
from escalations.precedents.standing import answer
from governance.asking.models import Ask
from governance.people.models import Runner, User
from tests.agents import acts as agent_acts
from tests.escalations import acts
from tests.factories import NOW

GROUP = "a" * 64
FORM = {
    "answers": "question",
    "environments": ["production"],
    "most_uses": 2,
    "days": 5,
    "reason": "Every week the same.",
}


def decided(by: User | None = None, *, said: dict[str, Any] | None = None, **asked: Any) -> Any:
    """A case that people decided; ``facts`` are put in place of what the portal found."""
    facts = asked.pop("facts", {})
    case = acts.ask(**asked)
    settled(case, by, **(said or {}))
    return found(case, **facts)


def settled(case: Escalation, by: User | None = None, **said: Any) -> None:
    act = acts.reject if said.get("verdict") == "rejected" else acts.approve
    act(case, by, **{"at": NOW, **said})


def found(case: Escalation, **facts: Any) -> Escalation:
    """The case as the portal would have filed it."""
    if facts:
        Escalation.objects.filter(pk=case.pk).update(**facts)
    return Escalation.objects.get(pk=case.pk)


# --- standing decisions -----------------------------------------------------------------------

ALLOWING = {"standing_risks": ["low", "medium"], "standing_uses": 3, "standing_days": 30}


def allow(case: Escalation, **rules: Any) -> Escalation:
    """As if the policy of the case had these rules when it was asked."""
    Ask.objects.filter(subject=case.subject).update(rules={**ALLOWING, **rules})
    return case


def source(by: User, *, said: dict[str, Any] | None = None, **asked: Any) -> Escalation:
    """A decided case that may stand for later ones: a known version asked, the policy allows."""
    worker = acts.agent(asked.get("agent", "worker"))
    sequence = asked.pop("version", None) or known_version(worker).sequence
    facts = {"group_key": GROUP, "triggers": ["login"], **asked.pop("facts", {})}
    case = found(allow(acts.ask(version=sequence, **asked)), **facts)
    settled(case, by, **{"constraints": ["Sessions end after an hour"], **(said or {})})
    return Escalation.objects.get(pk=case.pk)


def known_version(worker: Agent) -> AgentVersion:
    return worker.versions.order_by("sequence").first() or acts.version(worker)


def stand(case: Escalation, by: User, **changes: Any) -> StandingDecision:
    said: dict[str, Any] = {
        "answers": EQUAL,
        "environments": ["production"],
        "most_uses": 3,
        "days": 30,
        "reason": "The same every week.",
        "at": NOW,
    }
    return make_standing(escalation_id=case.pk, by=by, **said | changes)


def again(key: str = "again", *, runner: Runner | None = None, **asked: Any) -> Escalation:
    """An equal question, asked later, of the same version; nobody has answered it yet."""
    facts = {"group_key": GROUP, "triggers": ["login"], **asked.pop("facts", {})}
    rules = asked.pop("rules", {})
    worker = acts.agent(asked.get("agent", "worker"))
    whole = {"version": known_version(worker).sequence, **asked}
    return found(allow(acts.ask(runner, key=key, **whole), **rules), **facts)


# --- one of everything ------------------------------------------------------------------------


def kept_up(
    runner: Runner, *, owner: User, by: User, at: datetime, slug: str = "kept"
) -> SimpleNamespace:
    """A decided case that is a precedent, stands, answered once, and is proposed as a rule."""
    version = agent_acts.bring_in(owner, raw=agent_acts.definition(slug), at=at)
    asked = {"agent": slug, "version": version.sequence, "at": at}
    case = found(
        allow(acts.ask(runner, key=f"{slug} source", **asked)),
        group_key=GROUP,
        triggers=["login", "logout"],
        risk="low",
    )
    settled(case, by, at=at, constraints=["Sessions end after an hour"])
    case.refresh_from_db()
    precedent = mark_precedent(
        escalation_id=case.pk, subject="trigger:login", note="As the law asks.", by=by, at=at
    )
    standing = stand(case, by, at=at)
    later = allow(acts.ask(runner, key=f"{slug} again", run="again", **asked))
    later = found(later, group_key=GROUP, triggers=["login", "logout"], risk="low")
    answer(later, at)
    proposal = Proposal.objects.create(
        agent=version.agent, group_key=GROUP, answer_sha256="b" * 64, made_at=at
    )
    proposal.cases.set([case])
    return SimpleNamespace(
        case=case,
        later=Escalation.objects.get(pk=later.pk),
        precedent=Precedent.objects.get(pk=precedent.pk),
        standing=standing,
        proposal=proposal,
    )
