"""Whether a standing decision answers a case: every condition, each with its sentence."""

from collections.abc import Callable
from datetime import datetime, timedelta

from agents.changes import ChangeClass
from agents.comparing import comparison_with
from agents.models import Permit
from agents.suspensions import suspensions_on
from escalations.acts import act_sha256_of
from escalations.cases import ask_about
from escalations.demands import asked_option, reaches
from escalations.demands import why_not as not_for
from escalations.models import Escalation, Option, Outcome, StandingDecision, subject_of
from escalations.permissions import excluded_people
from governance.asking.models import Ask
from governance.asking.policies.rules import Rules
from governance.constitution.models import Principle, Ratification
from governance.constitution.services import MAIN
from governance.people.permissions import Permission, has

Check = Callable[[StandingDecision, Escalation, Ask, datetime], str]


def why_not(standing: StandingDecision, case: Escalation, ask: Ask, *, at: datetime) -> str:
    """The first reason why it does not answer this case; empty where it does."""
    for check in _CHECKS:
        if sentence := check(standing, case, ask, at):
            return sentence
    return ""


def answered_option(standing: StandingDecision, case: Escalation) -> Option | None:
    """The option of this case that is the one chosen then: the same key and the same label."""
    chosen = standing.source.ballot.option
    if chosen is None:
        return None
    return case.options.filter(key=chosen.key, label=chosen.label).first()


def _is_usable(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> str:
    if standing.revoked_at is not None:
        return "It is revoked."
    if standing.expires_at <= at or standing.made_at > at:
        return "It has expired."
    return "All its uses are spent." if standing.uses >= standing.most_uses else ""


def _fits(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> str:
    if standing.agent_id != case.agent_id:
        return "It is of another agent."
    if standing.group_key and standing.group_key != case.group_key:
        return "It answers another question."
    if standing.trigger and standing.trigger not in case.triggers:
        return "The question does not touch its trigger."
    if case.environment not in standing.environments:
        return f"It does not hold in {case.environment}."
    return ""


def _risk(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> str:
    rules = Rules.of(ask.rules)
    if case.risk not in standing.risks:
        return f"It was not made for {case.get_risk_display().lower()}."
    if case.risk not in rules.standing_risks:
        policy = ask.policy_name
        return f"The policy {policy} allows none for {case.get_risk_display().lower()}."
    if standing.uses >= rules.standing_uses:
        return "The policy allows no more uses."
    if at >= standing.made_at + timedelta(days=rules.standing_days):
        return "The policy lets none answer for so long."
    return ""


def _one_person_is_enough(
    standing: StandingDecision, case: Escalation, ask: Ask, at: datetime
) -> str:
    """One person's word never stands for several, nor for more proof than they once gave."""
    rules, then = Rules.of(ask.rules), rules_then(standing)
    if ask.required_votes != 1 or rules.teams:
        return "The policy asks several people."
    if not reaches(then.authentication, rules.authentication):
        return "The policy asks its deciders to prove more than they did then."
    option = standing.source.ballot.option
    if option is not None and not_for(asked_option(case, option.key), rules, standing.author):
        return "The policy says by now who may choose this option."
    return ""


def rules_then(standing: StandingDecision) -> Rules:
    """What the source case was decided under."""
    ask = ask_about(standing.source.escalation)
    return Rules.of(ask.rules if ask else {})


def _authority(case: Escalation, key: str) -> str:
    return str(asked_option(case, key).get("authority", "")).strip().lower()


def _author(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> str:
    if not has(standing.author, Permission.DECIDE):
        return "Its author may not decide any more."
    if standing.author_id in {*excluded_people(case), *ask.excluded}:
        return "Its author is not a second pair of eyes for this case."
    key = getattr(standing.source.ballot.option, "key", "")
    if _authority(case, key) != _authority(standing.source.escalation, key):
        return "The option asks for another authority than then."
    return ""


def _act(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> str:
    if standing.act_sha256 != act_sha256_of(case):
        return "It is not exactly the act that was decided."
    return ""


def _option(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> str:
    if standing.source.ballot.option and answered_option(standing, case) is None:
        return "The option that was chosen is not offered."
    return ""


def _outcome(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> str:
    return went_wrong(standing)


def went_wrong(standing: StandingDecision) -> str:
    """What became of its source or of a case that it answered; people look the next time."""
    source = standing.source.escalation
    answered = Escalation.objects.filter(ballots__standing=standing.pk)
    cases = [source.pk, *answered.values_list("pk", flat=True)]
    broken = [{"kept": False}]
    if Outcome.objects.filter(escalation__in=cases, constraints__contains=broken).exists():
        return "A constraint of it was reported as broken."
    permits = Permit.objects.filter(source__in=[subject_of(pk) for pk in cases])
    if permits.exclude(revoked_at=None).exists():
        return "A permit of it was taken back."
    return ""


def _agent(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> str:
    if suspensions_on(case.agent, version_id=case.version_id).exists():
        return "The agent is suspended."
    return ""


def _version(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> str:
    then, now = standing.source.escalation.version, case.version
    if then is None or now is None:
        return "The portal does not know which version of the agent asks."
    if then.pk == now.pk:
        return ""
    changed = comparison_with(now, then).change_class
    if changed is ChangeClass.PRIVILEGE:
        return "What the agent may do changed since."
    return ""


def _law(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> str:
    touched = {*case.principles, *standing.source.escalation.principles}
    if touched and _articles(touched, standing.made_at) != _articles(touched, at):
        return "A principle that it touches was amended since."
    return ""


def _articles(keys: set[str], at: datetime) -> set[tuple[object, ...]]:
    """What these principles said at a moment."""
    laws = Ratification.objects.filter(constitution__slug=MAIN, at__lte=at).order_by("-pk")
    version = laws.values_list("version", flat=True).first()
    found = Principle.objects.filter(version=version, key__in=keys)
    return set(found.values_list("key", "title", "text", "level", "non_negotiable"))


_CHECKS: tuple[Check, ...] = (
    _is_usable,
    _fits,
    _act,
    _option,
    _outcome,
    _agent,
    _version,
    _law,
    _author,
    _one_person_is_enough,
    _risk,
)
