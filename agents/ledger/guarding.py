"""The guard: may this agent do this, here, now? A tripwire with a record, not a sandbox."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, F, Max, Q

from agents.ledger.actions import Act, act_digest, normalise
from agents.ledger.halts import open_halt
from agents.ledger.matchers import read_matchers
from agents.ledger.matching import Fit, Hit, RuleSet
from agents.ledger.reading import BITING, stances_of
from agents.ledger.scoping import lies_within, read_pattern
from agents.models import Agent, Permit, Rule, RuleClass, RuleMode, RuleStance, Trigger
from agents.permissions import no_such_agent
from agents.resolving import Standing, stand
from governance.asking.models import PermitScope
from governance.audit.services import append
from governance.base.errors import Refusal
from governance.base.keys import words
from governance.people.models import Runner
from governance.people.services import actor_of

ALLOW, DENY, ASK, HALTED = "allow", "deny", "approval_required", "halted"
WOULD_DENY, WOULD_ASK = "would_deny", "would_ask"
# Allows are counted under no rule.
EVERY_RULE = ""
_MOST_KEPT = 512
_LEAST_LENGTH = 4
_MOST_PERMITS = 20
_COUNT = """
INSERT INTO agents_ruleobservation (agent_id, key, day, answer, count) VALUES {rows}
ON CONFLICT (agent_id, key, day, answer)
DO UPDATE SET count = agents_ruleobservation.count + EXCLUDED.count
"""


@dataclass(frozen=True, slots=True)
class Question:
    """What a runner is about to do, and as whom."""

    agent: str
    environment: str
    run: str
    instance: str
    kind: str
    target: str = ""
    arguments: Any = None

    @property
    def action(self) -> dict[str, Any]:
        return {"kind": self.kind, "target": self.target, "arguments": self.arguments or {}}


@dataclass(frozen=True, slots=True)
class RuleSaid:
    """One rule that the act meets, and what it says or would say."""

    key: str
    text: str
    line: int
    rule_class: str
    mode: str
    is_sure: bool
    answer: str
    trigger: str


@dataclass(frozen=True, slots=True)
class Answer:
    """``observed`` are rules that only count so far; ``case`` is the one that halts."""

    answer: str
    sentence: str
    code: str = ""
    rules: tuple[RuleSaid, ...] = ()
    observed: tuple[RuleSaid, ...] = ()
    opaque: tuple[str, ...] = ()
    permit: str = ""
    case: str = ""
    trigger: str = ""
    standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    rule: Rule
    stance: RuleStance
    trigger: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """The biting rules of one version, as they stood at one moment."""

    rule_set: RuleSet
    known: dict[str, _Known] = field(default_factory=dict)


class _Kept:
    """Compiled rules by what they depend on; the oldest are forgotten."""

    def __init__(self) -> None:
        self.rows: OrderedDict[tuple[Any, ...], Compiled] = OrderedDict()
        self.lock = Lock()

    def get(self, key: tuple[Any, ...]) -> Compiled | None:
        with self.lock:
            if key in self.rows:
                self.rows.move_to_end(key)
            return self.rows.get(key)

    def put(self, key: tuple[Any, ...], compiled: Compiled) -> None:
        with self.lock:
            self.rows[key] = compiled
            while len(self.rows) > _MOST_KEPT:
                self.rows.popitem(last=False)


KEPT = _Kept()


def guard(*, question: Question, runner: Runner, at: datetime) -> Answer:
    """Allow, deny, approval_required or halted, counted; :class:`NotThere` for others' agents.

    What cannot be answered is denied with the reason. Deny beats approval_required beats allow.
    """
    if not runner.may_act_for(question.agent):
        raise no_such_agent(question.agent)
    try:
        standing = stand(
            slug=question.agent, environment=question.environment, principal=runner, at=at
        )
    except Refusal as refusal:
        answer = Answer(DENY, refusal.sentence, code=refusal.code)
        if Agent.objects.filter(slug=question.agent).exists():
            _record(question, answer, runner, at)
        return answer
    act = normalise(kind=question.kind, target=question.target, arguments=question.arguments)
    halted = open_halt(
        agent_id=standing.agent_id, runner=runner, instance=question.instance, run=question.run
    )
    if halted and not act.only_reads:
        answer = _halted(halted.source, standing)
    else:
        answer = _judged(question, act, standing, runner, at)
    _count(standing.agent_id, answer, at)
    _record(question, answer, runner, at)
    return answer


def _halted(source: str, standing: Standing) -> Answer:
    ref = source.rpartition(":")[2]
    sentence = f"{ref} is open: this instance stands still until people have decided it."
    return Answer(HALTED, sentence, code="halted", case=ref, standing=standing)


def _judged(
    question: Question, act: Act, standing: Standing, runner: Runner, at: datetime
) -> Answer:
    compiled = compiled_rules(standing.agent_id, standing.version_id)
    said = [_said(compiled.known[hit.key], hit) for hit in compiled.rule_set.hits(act)]
    biting = tuple(one for one in said if one.mode == RuleMode.ENFORCE)
    observed = tuple(one for one in said if one.mode == RuleMode.OBSERVE)
    denying = tuple(one for one in biting if one.answer == DENY)
    if denying:
        return Answer(
            DENY,
            f"A rule forbids it: {denying[0].text}",
            code="rule",
            rules=(*denying, *(one for one in biting if one.answer != DENY)),
            observed=observed,
            trigger=denying[0].trigger,
            standing=standing,
        )
    if biting:
        return _asking(question, act, biting, observed, standing, runner, at)
    return Answer(ALLOW, "No enforced rule forbids it.", observed=observed, standing=standing)


def _asking(
    question: Question,
    act: Act,
    biting: tuple[RuleSaid, ...],
    observed: tuple[RuleSaid, ...],
    standing: Standing,
    runner: Runner,
    at: datetime,
) -> Answer:
    permit = _permit(question, standing.agent_id, runner, at)
    if permit:
        ref = permit.source.rpartition(":")[2]
        sentence = f"{ref} permits {_permitted(permit)}. Consume it before you act."
        return Answer(
            ALLOW, sentence, code="permitted", rules=biting, observed=observed, permit=ref,
            standing=standing,
        )  # fmt: skip
    sure = [one for one in biting if one.is_sure]
    if sure:
        sentence = f"A rule asks for approval first: {sure[0].text}"
    else:
        sentence = f"It cannot be judged before it runs: {'; '.join(act.opaque) or 'too open'}."
    return Answer(
        ASK,
        sentence,
        code="rule" if sure else "opaque",
        rules=biting,
        observed=observed,
        opaque=act.opaque,
        trigger=(sure or biting)[0].trigger,
        standing=standing,
    )


def _said(known: _Known, hit: Hit) -> RuleSaid:
    stance, is_sure = known.stance, hit.fit is Fit.SURE
    denies = stance.rule_class == RuleClass.ENFORCED and is_sure
    if stance.mode == RuleMode.ENFORCE:
        answer = DENY if denies else ASK
    else:
        answer = WOULD_DENY if denies else WOULD_ASK
    return RuleSaid(
        key=known.rule.key,
        text=known.rule.text,
        line=known.rule.line,
        rule_class=stance.rule_class,
        mode=stance.mode,
        is_sure=is_sure,
        answer=answer,
        trigger=known.trigger,
    )


def _permit(question: Question, agent_id: int, runner: Runner, at: datetime) -> Permit | None:
    """A usable permit of this runner: for exactly this act in this environment, or wider."""
    digest = act_digest(environment=question.environment, **question.action)
    within = Q(act_sha256=digest) & ~Q(scope=PermitScope.PATTERN)
    within |= Q(scope=PermitScope.PATTERN, environment=question.environment)
    usable = Permit.objects.filter(
        within, runner=runner, agent_id=agent_id, spent_at=None, revoked_at=None, use_before__gt=at
    ).filter(Q(run="") | Q(run=question.run))
    # The exact act before a pattern, so that a pattern keeps its uses.
    found = usable.order_by(F("pattern").asc(nulls_first=True), "use_before")[:_MOST_PERMITS]
    return next((one for one in found if _covers(one, question)), None)


def _covers(permit: Permit, question: Question) -> bool:
    if permit.pattern is None:
        return True
    return lies_within(read_pattern(permit.pattern), question.action)


def _permitted(permit: Permit) -> str:
    if permit.scope == PermitScope.ONCE:
        return "exactly this act"
    left = permit.most_uses - permit.uses
    what = "acts like this one" if permit.pattern else "exactly this act"
    return f"{what}, {left} more time{'' if left == 1 else 's'}"


# --- compiled rules -------------------------------------------------------------------------


def compiled_rules(agent_id: int, version_id: int) -> Compiled:
    """The biting rules of a version. One query tells whether what is kept still holds.

    Confirmed stances only grow in number, so that their number and newest moment name a state.
    """
    state = RuleStance.objects.filter(agent_id=agent_id, confirmed_at__isnull=False).aggregate(
        Count("id"), Max("confirmed_at")
    )
    key = (agent_id, version_id, *state.values())
    found = KEPT.get(key)
    if found is None:
        found = _compiled(agent_id, version_id)
        KEPT.put(key, found)
    return found


def _compiled(agent_id: int, version_id: int) -> Compiled:
    stances = {one.key: one for one in stances_of(agent_id) if one.rule_class in BITING}
    rules = Rule.objects.filter(version_id=version_id, key__in=stances)
    triggers = list(Trigger.objects.filter(version_id=version_id))
    known = {
        rule.key: _Known(rule, stances[rule.key], trigger_of(rule, triggers)) for rule in rules
    }
    matchers = [(key, read_matchers(one.stance.matchers)) for key, one in known.items()]
    return Compiled(RuleSet(matchers), known)


def trigger_of(rule: Rule, triggers: Iterable[Trigger]) -> str:
    """The key of the situation to escalate in that speaks of the same; empty where none does."""
    about = _telling(rule.text)
    best = max(
        ((len(about & _telling(f"{one.title} {one.text}")), one.key) for one in triggers),
        default=(0, ""),
        key=lambda pair: pair[0],
    )
    return best[1] if best[0] >= 2 else ""


def _telling(text: str) -> set[str]:
    return {word.rstrip("s") for word in words(text) if len(word) >= _LEAST_LENGTH}


# --- counted and recorded -------------------------------------------------------------------


def _count(agent_id: int, answer: Answer, at: datetime) -> None:
    """One statement for all rules that spoke, in a fixed order, so that two never deadlock."""
    said = {(one.key, one.answer) for one in (*answer.rules, *answer.observed)}
    if answer.permit:
        said = {(key, "permitted" if one == ASK else one) for key, one in said}
    if answer.answer in {ALLOW, HALTED}:
        said.add((EVERY_RULE, answer.answer))
    _upsert(agent_id, sorted(said), at)


def _upsert(agent_id: int, said: Sequence[tuple[str, str]], at: datetime) -> None:
    day = at.date()
    values = [part for key, answer in said for part in (agent_id, key, day, answer)]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(rows=", ".join(["(%s, %s, %s, %s, 1)"] * len(said))), values)


def _record(question: Question, answer: Answer, runner: Runner, at: datetime) -> None:
    """Every deny and every approval_required goes to the history; allows are only counted."""
    if answer.answer not in {DENY, ASK}:
        return
    with transaction.atomic():
        append(
            stream=f"guard:{question.agent}",
            kind=f"guard.{answer.answer}",
            by=actor_of(runner),
            at=at,
            data={
                "environment": question.environment,
                "run": question.run,
                "instance": question.instance,
                "act_sha256": act_digest(environment=question.environment, **question.action),
                "rules": [one.key for one in answer.rules],
                "code": answer.code,
            },
        )


def escalation_for(question: Question, answer: Answer) -> dict[str, Any]:
    """The fields of a case to raise for this act, filled in as far as the portal knows them."""
    rule = answer.rules[0] if answer.rules else None
    said = {
        "agent": question.agent,
        "environment": question.environment,
        "run": question.run,
        "instance": question.instance,
        "version": answer.standing.sha256 if answer.standing else "",
        "title": f"May I do this: {question.target or question.kind}"[:200],
        "problem": answer.sentence,
        "trigger": answer.trigger or (rule.key if rule else ""),
        "action": question.action,
        "blocking": True,
    }
    return {name: value for name, value in said.items() if value not in ("", None)}
