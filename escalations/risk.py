"""How strictly a case is handled. The runner's word can only make it stricter."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agents.models import Agent, AgentVersion, Rule, Tier, Trigger
from agents.suspensions import suspensions_on
from escalations.law import principles_named
from escalations.schema import ActionPayload, RaisePayload
from governance.base.canonical import canonical
from governance.constitution.models import Principle

# Words in the name or target of an act that make a mistake expensive.
GRAVE = frozenset(
    {
        *("credential", "delete", "deploy", "destroy", "drop", "erase", "grant", "migrate"),
        *("migration", "payment", "prod", "production", "purge", "refund", "remove", "revoke"),
        *("rm", "rotate", "secret", "sudo", "transfer", "truncate", "wipe"),
    }
)
FORBIDDING = ("never", "must_not", "must not", "do_not", "do not")
_WORD = re.compile(r"[a-z0-9]+")
_LEAST_LENGTH = 4
# A rule or trigger fits when this share of its own words is in the question.
_SHARE = 0.6
_SAY_NOTHING = (
    "always approval choose confirmation decision escalate must need never other that their this "
    "unclear when where which with without"
)


@dataclass(frozen=True, slots=True)
class Assessment:
    """``risk`` with the sentences that say why, and whether the agent stays stopped.

    ``triggers`` and ``principles`` are the keys of those that the question touches.
    """

    risk: Tier
    reasons: list[str]
    blocking: bool
    triggers: list[str] = field(default_factory=list)
    principles: list[str] = field(default_factory=list)


def assess(*, agent: Agent, version: AgentVersion | None, payload: RaisePayload) -> Assessment:
    """The highest of tier, claim, act, rules, triggers and law; mandatory escalation blocks."""
    triggers = _fitting(version, payload)
    principles = principles_named(payload.constitutional_impact)
    found = [
        (Tier(agent.tier), f"{agent.name} is an agent of the tier {agent.tier}."),
        *_claimed(payload),
        *_act(payload.action),
        *_contract(version, payload, triggers),
        *_law(principles),
        *_suspended(agent),
    ]
    blocking = payload.blocking or is_mandatory(version)
    found.sort(key=lambda one: -Tier.values.index(one[0]))
    reasons = [sentence for _, sentence in found]
    if blocking and not payload.blocking:
        reasons.append("The runner asked not to be stopped; this agent must stop when it asks.")
    return Assessment(
        found[0][0],
        reasons,
        blocking,
        triggers=sorted({trigger.key for trigger in triggers}),
        principles=sorted({principle.key for principle in principles}),
    )


def is_mandatory(version: AgentVersion | None) -> bool:
    """Whether the agent must stop; a version that the portal does not know must as well."""
    if version is None:
        return True
    return str(version.frontmatter.get("escalation", "")).strip().lower() == "mandatory"


def _claimed(payload: RaisePayload) -> Iterator[tuple[Tier, str]]:
    if payload.risk:
        yield Tier(payload.risk), f"The runner claims {payload.risk} risk."


def _act(action: ActionPayload | None) -> Iterator[tuple[Tier, str]]:
    if action is None:
        return
    yield Tier.MEDIUM, "The runner wants to act, not only to know."
    named = set(_WORD.findall(f"{action.kind} {action.target}".lower()))
    if grave := sorted(named & GRAVE):
        yield Tier.HIGH, f"The act is one that is hard to undo: {', '.join(grave)}."


def _fitting(version: AgentVersion | None, payload: RaisePayload) -> list[Trigger]:
    """The triggers of the version that the runner names, or that its question reads like."""
    if version is None:
        return []
    said = _words(_question(payload))
    return [
        trigger
        for trigger in Trigger.objects.filter(version=version)
        if trigger.key == payload.trigger or _fits(trigger.title, said)
    ]


def _contract(
    version: AgentVersion | None, payload: RaisePayload, triggers: Iterable[Trigger]
) -> Iterator[tuple[Tier, str]]:
    if version is None:
        yield Tier.MEDIUM, "The portal does not know which version of the agent asks."
        return
    act = _words(_act_text(payload.action))
    for rule in Rule.objects.filter(version=version):
        if rule.modality.lower() in FORBIDDING and _fits(rule.text, act):
            yield Tier.HIGH, f"The act touches a rule of the agent: {rule.text}"
    for trigger in triggers:
        yield Tier.MEDIUM, f"The agent must ask in this situation: {trigger.title}"


def _law(principles: Iterable[Principle]) -> Iterator[tuple[Tier, str]]:
    for principle in principles:
        if principle.non_negotiable:
            yield Tier.HIGH, f"It touches a non-negotiable principle: {principle.title}"


def _suspended(agent: Agent) -> Iterator[tuple[Tier, str]]:
    if suspensions_on(agent).exists():
        yield Tier.HIGH, f"{agent.name} is suspended."


def _question(payload: RaisePayload) -> str:
    return " ".join((payload.title, payload.task, payload.problem, payload.trigger))


def _act_text(action: ActionPayload | None) -> str:
    if action is None:
        return ""
    return f"{action.kind} {action.target} {canonical(action.arguments).decode()}"


def _fits(text: str, said: frozenset[str]) -> bool:
    """Whether the question holds most of the telling words of a rule or trigger."""
    telling = _words(text)
    return len(telling & said) >= max(2, _SHARE * len(telling))


def _words(text: str) -> frozenset[str]:
    return _stems(text) - _stems(_SAY_NOTHING)


def _stems(text: str) -> frozenset[str]:
    """``dependencies`` and ``dependency`` are one word; so are ``change`` and ``changes``."""
    found = (word for word in _WORD.findall(text.lower()) if len(word) >= _LEAST_LENGTH)
    return frozenset(re.sub(r"(ies|es|y|s|e)$", "", word) for word in found)
