"""Judge rules, confirm what loosens one, refuse it or take it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from agents.ledger.matchers import Matcher, covers, read_matchers, stored
from agents.ledger.permissions import check_may_confirm, check_may_judge, check_may_loosen
from agents.ledger.reading import BITING, sha_of, stances_of, version_of
from agents.ledger.suggesting import suggest
from agents.models import Agent, AgentVersion, Rule, RuleClass, RuleMode, RuleStance
from agents.permissions import no_such_agent
from governance.audit.services import append
from governance.base.canonical import digest_of
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.people.models import User
from governance.people.services import actor_of

LONGEST_REASON = 4000
_STRENGTH = (RuleClass.ADVISORY, RuleClass.REVIEWED, RuleClass.GATED, RuleClass.ENFORCED)


@dataclass(frozen=True, slots=True)
class _Judged:
    rule_class: str
    mode: str
    matchers: tuple[Matcher, ...]


@transaction.atomic
def judge_rule(
    *,
    agent_slug: str,
    key: str,
    rule_class: str,
    mode: str,
    matchers: Any,
    reason: str,
    by: User,
    at: datetime,
) -> RuleStance:
    """Say what a rule is. What tightens counts at once; what loosens waits for a second person.

    A rule that begins to be enforced or gated observes first. The same judgement again returns
    the same row.
    """
    check_may_judge(by)
    agent = _locked(agent_slug)
    rule = _rule(agent, key)
    judged = _checked(rule_class, mode, matchers)
    current = stances_of(agent.pk).filter(key=key).first()
    if current and _is_same(current, judged, rule):
        return current
    _check_start(current, judged)
    loosens = current is not None and _loosens(current, judged)
    return _record(agent, rule, judged, reason, by, at, loosens=loosens)


@transaction.atomic
def accept_suggestions(
    *, agent_slug: str, keys: Sequence[str], by: User, at: datetime
) -> list[RuleStance]:
    """Take the suggestions for these rules, all or none; what bites observes first."""
    if not keys:
        raise InvalidInput("Choose at least one rule.", code="no_rules")
    return [_accept(agent_slug, key, by, at) for key in dict.fromkeys(keys)]


def _accept(agent_slug: str, key: str, by: User, at: datetime) -> RuleStance:
    check_may_judge(by)
    agent = _locked(agent_slug)
    rule = _rule(agent, key)
    current = stances_of(agent.pk).filter(key=key).first()
    if current and current.rule_sha256 == sha_of(rule):
        raise Conflict(f"The rule {key} is judged already. Load the page again.", code="judged")
    suggestion = suggest(rule.text)
    # A rule that was reworded keeps the mode it had.
    kept = current.mode if current and current.rule_class in BITING else RuleMode.OBSERVE.value
    return judge_rule(
        agent_slug=agent_slug,
        key=key,
        rule_class=suggestion.rule_class,
        mode=kept if suggestion.rule_class in BITING else "",
        matchers=suggestion.matchers,
        reason=f"As suggested. {suggestion.reason}",
        by=by,
        at=at,
    )


@transaction.atomic
def confirm_stance(*, stance_id: int, by: User, at: datetime) -> RuleStance:
    """A second person agrees that a rule is loosened."""
    check_may_judge(by)
    stance, agent = _waiting(stance_id)
    rule = _rule(agent, stance.key)
    check_may_confirm(by, stance, rule.version)
    if stance.rule_sha256 != sha_of(rule):
        raise Conflict("The rule was reworded since. Judge it anew.", code="reworded")
    stance.confirmed_by, stance.confirmed_at = by, at
    stance.save(update_fields=["confirmed_by", "confirmed_at"])
    _tell(agent, stance, "rule.loosening_confirmed", by, at)
    return stance


@transaction.atomic
def refuse_stance(*, stance_id: int, reason: str, by: User, at: datetime) -> RuleStance:
    """Turn down what would loosen a rule; who asked takes it back."""
    check_may_judge(by)
    stance, agent = _waiting(stance_id)
    withdraws = stance.asked_by_id == by.pk
    said = _said(reason)
    if not said and not withdraws:
        raise InvalidInput("Say why the rule stays as it is.", code="reason_needed")
    _close(stance, said or "Taken back.", by, at)
    kind = "rule.loosening_withdrawn" if withdraws else "rule.loosening_refused"
    _tell(agent, stance, kind, by, at)
    return stance


def _locked(slug: str) -> Agent:
    agent = Agent.objects.select_for_update(of=("self",), no_key=True).filter(slug=slug).first()
    if agent is None:
        raise no_such_agent(slug)
    return agent


def _waiting(stance_id: int) -> tuple[RuleStance, Agent]:
    """The request under the lock of its agent, still open."""
    slug = RuleStance.objects.filter(pk=stance_id).values_list("agent__slug", flat=True).first()
    if slug is None:
        raise NotThere("There is no such request.", code="unknown_stance")
    agent = _locked(slug)
    stance = RuleStance.objects.select_related("asked_by", "agent").get(pk=stance_id)
    if stance.confirmed_at or stance.closed_at:
        raise Conflict("This request is settled already.", code="settled")
    return stance, agent


def _rule(agent: Agent, key: str) -> Rule:
    """The rule of the version that counts, or of the newest one, which may bring new rules."""
    newest = agent.versions.order_by("-sequence").values_list("pk", flat=True).first()
    counting: AgentVersion | None = version_of(agent)
    found = Rule.objects.select_related("version__proposed_by").filter(key=key)
    for version_id in dict.fromkeys((counting.pk if counting else None, newest)):
        if rule := found.filter(version_id=version_id).first():
            return rule
    raise NotThere(f"{agent} has no rule {key[:80]}.", code="unknown_rule")


def _checked(rule_class: str, mode: str, matchers: Any) -> _Judged:
    if rule_class not in RuleClass.values:
        raise InvalidInput(f"A class is one of {', '.join(RuleClass.values)}.")
    read = read_matchers(matchers or [])
    if rule_class not in BITING:
        if read or mode:
            raise InvalidInput(
                "Only an enforced or gated rule has a mode and matchers.", code="no_matchers_here"
            )
        return _Judged(rule_class, "", ())
    if mode not in RuleMode.values:
        raise InvalidInput(f"A mode is one of {', '.join(RuleMode.values)}.")
    if not read:
        raise InvalidInput("Say by a matcher which acts it is about.", code="matcher_needed")
    return _Judged(rule_class, mode, read)


def _is_same(current: RuleStance, judged: _Judged, rule: Rule) -> bool:
    known = (current.rule_class, current.mode, current.matchers, current.rule_sha256)
    return known == (judged.rule_class, judged.mode, stored(judged.matchers), sha_of(rule))


def _check_start(current: RuleStance | None, judged: _Judged) -> None:
    begins = current is None or current.rule_class not in BITING
    if begins and judged.mode == RuleMode.ENFORCE:
        raise Conflict(
            "A rule observes first. Enforce it after a look at what it would have stopped.",
            code="observe_first",
        )


def _loosens(current: RuleStance, judged: _Judged) -> bool:
    """Whether the rule would bite less; one that only observes is free to be put right."""
    if current.rule_class not in BITING:
        return False
    if judged.rule_class not in BITING:
        return True
    if current.mode != RuleMode.ENFORCE:
        return False
    weaker = _STRENGTH.index(RuleClass(judged.rule_class)) < _STRENGTH.index(
        RuleClass(current.rule_class)
    )
    narrower = not covers(judged.matchers, read_matchers(current.matchers))
    return weaker or narrower or judged.mode != RuleMode.ENFORCE


def _record(
    agent: Agent,
    rule: Rule,
    judged: _Judged,
    reason: str,
    by: User,
    at: datetime,
    *,
    loosens: bool,
) -> RuleStance:
    said = _said(reason)
    waiting = RuleStance.objects.filter(
        agent=agent, key=rule.key, confirmed_at=None, closed_at=None
    ).first()
    if loosens:
        check_may_loosen(by, agent, rule.version)
        if waiting:
            raise Conflict("A request to loosen this rule waits already.", code="waiting")
        if not said:
            raise InvalidInput("Say why the rule may be loosened.", code="reason_needed")
    elif waiting:
        _close(waiting, "Judged anew.", by, at)
    stance = RuleStance.objects.create(
        agent=agent,
        key=rule.key,
        rule_sha256=sha_of(rule),
        rule_class=judged.rule_class,
        mode=judged.mode,
        matchers=stored(judged.matchers),
        reason=said,
        loosens=loosens,
        asked_by=by,
        asked_at=at,
        confirmed_by=None if loosens else by,
        confirmed_at=None if loosens else at,
    )
    _tell(agent, stance, "rule.loosening_asked" if loosens else "rule.judged", by, at)
    return stance


def _close(stance: RuleStance, because: str, by: User, at: datetime) -> None:
    stance.closed_by, stance.closed_at, stance.closed_because = by, at, because
    stance.save(update_fields=["closed_by", "closed_at", "closed_because"])


def _said(reason: str) -> str:
    said = reason.strip()
    if len(said) > LONGEST_REASON or "\x00" in said:
        raise InvalidInput(f"A reason has at most {LONGEST_REASON} characters, and no NUL.")
    return said


def _tell(agent: Agent, stance: RuleStance, kind: str, by: User, at: datetime) -> None:
    append(
        stream=agent.subject,
        kind=kind,
        by=actor_of(by),
        at=at,
        data={
            "stance": stance.pk,
            "rule": stance.key,
            "rule_sha256": stance.rule_sha256,
            "class": stance.rule_class,
            "mode": stance.mode,
            "matchers_sha256": digest_of(stance.matchers),
        },
    )
