"""Make a standing decision of a decision, and end one; both are acts of people."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from agents.models import Environment, Tier
from escalations.acts import act_sha256_of
from escalations.answers import agreeing
from escalations.cases import ask_about, locked_case
from escalations.demands import reaches
from escalations.models import Decision, Escalation, StandingDecision
from escalations.permissions import check_may_ask, excluded_people
from governance.asking.models import Ask, Authentication
from governance.asking.policies.rules import Rules
from governance.audit.services import append
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import User
from governance.people.permissions import Permission, check
from governance.people.services import actor_of

LONGEST_REASON = 2_000
LONGEST_WHY = 500
EQUAL = "question"
TRIGGER = "trigger:"


def check_may_make(by: User, case: Escalation) -> None:
    """Refuse everybody but those who decided the case, where its policy allows it at all."""
    check(by, Permission.DECIDE)
    decision = _decision(case)
    votes = agreeing(decision.ballot, list(case.ballots.all()))
    own = next((vote for vote in votes if vote.voter_id == by.pk), None)
    if decision.ballot.standing_id:
        raise Conflict("A standing decision answered this case itself.", code="standing")
    if own is None:
        raise NotPermitted("Only somebody who decided this case may let it stand.", code="decider")
    if own.by_owner:
        raise NotPermitted("What an owner answered alone cannot stand for later.", code="four_eyes")
    ask = ask_of(case)
    if by.pk in {*excluded_people(case), *ask.excluded}:
        raise NotPermitted("Somebody else has to decide cases like this one.", code="four_eyes")
    _check_policy(case, ask)


def _decision(case: Escalation) -> Decision:
    decision: Decision | None = getattr(case, "decision", None)
    if decision is None:
        raise Conflict(f"Nobody has decided {case.ref}.", code="not_decided")
    return decision


def ask_of(case: Escalation) -> Ask:
    """The question to people about a case, open or closed."""
    ask = ask_about(case)
    if ask is None:
        raise Conflict(f"Nobody was asked about {case.ref}.", code="not_asked")
    return ask


def _check_policy(case: Escalation, ask: Ask) -> None:
    rules = Rules.of(ask.rules)
    if not (rules.standing_uses and rules.standing_days and case.risk in rules.standing_risks):
        risk = case.get_risk_display().lower()
        raise Conflict(
            f"The policy {ask.policy_name} allows no standing decisions for {risk}.", code="policy"
        )
    if ask.required_votes != 1 or rules.teams:
        raise Conflict(
            "The policy asks several people; one person cannot answer for them.", code="policy"
        )
    if case.version_id is None:
        raise Conflict("The portal does not know which version of the agent asked.", code="version")


@transaction.atomic(durable=True)
def make_standing(
    *,
    escalation_id: int,
    by: User,
    answers: str,
    environments: Sequence[str],
    most_uses: int,
    days: int,
    reason: str,
    at: datetime,
    level: str = Authentication.SIGNED_IN,
) -> StandingDecision:
    """Let a decision answer later cases of its agent, in the name of ``by``.

    ``answers`` is ``question`` for equal questions or ``trigger:<key>``; it holds for the risk of
    the source case and below, as far as the policy allows.
    """
    case = locked_case(escalation_id)
    check_may_make(by, case)
    rules = Rules.of(ask_of(case).rules)
    _check_level(rules, level)
    reason = _reason(reason, LONGEST_REASON, "Say why later cases need no look of their own.")
    _check_bounds(rules, most_uses, days)
    key = answers.removeprefix(TRIGGER) if answers.startswith(TRIGGER) else ""
    _check_answers(case, answers, key)
    standing = StandingDecision.objects.create(
        source=case.decision,
        agent=case.agent,
        author=by,
        reason=reason,
        trigger=key,
        group_key="" if key else case.group_key,
        environments=_environments(case, environments),
        act_sha256=act_sha256_of(case),
        risks=_risks(case, rules),
        most_uses=most_uses,
        made_at=at,
        expires_at=at + timedelta(days=days),
    )
    _record_made(standing, case, at)
    return standing


def _check_level(rules: Rules, level: str) -> None:
    asked = Authentication(rules.authentication)
    needed = asked if reaches(asked, Authentication.SIGNED_IN) else Authentication.SIGNED_IN
    if not reaches(level, needed):
        raise NotPermitted(
            f"The policy asks for more: {needed.label.lower()}.",
            code="authentication",
            needs=str(needed),
        )


def _reason(text: str, most: int, sentence: str) -> str:
    reason = text.replace("\0", "").strip()
    if not reason:
        raise InvalidInput(sentence, code="reason_needed")
    return reason[:most]


def _check_bounds(rules: Rules, most_uses: int, days: int) -> None:
    if not 1 <= most_uses <= rules.standing_uses:
        raise InvalidInput(f"Between 1 and {rules.standing_uses} uses: the policy allows no more.")
    if not 1 <= days <= rules.standing_days:
        raise InvalidInput(f"Between 1 and {rules.standing_days} days: the policy allows no more.")


def _check_answers(case: Escalation, answers: str, key: str) -> None:
    if answers == EQUAL and case.group_key:
        return
    if not key or key not in case.triggers:
        raise InvalidInput("Choose equal questions, or a trigger that this question touches.")


def _environments(case: Escalation, named: Sequence[str]) -> list[str]:
    known = {*Environment.objects.values_list("slug", flat=True), case.environment}
    chosen = sorted(set(named))
    if not chosen or not set(chosen) <= known:
        raise InvalidInput("Choose the environments in which it holds.")
    return chosen


def _risks(case: Escalation, rules: Rules) -> list[str]:
    """The risk that was decided and milder ones; never a higher one."""
    milder = Tier.values[: Tier.values.index(case.risk) + 1]
    return [risk for risk in milder if risk in rules.standing_risks]


def _record_made(standing: StandingDecision, case: Escalation, at: datetime) -> None:
    data = {
        "standing": standing.pk,
        "source": case.ref,
        "agent": case.agent.slug,
        "trigger": standing.trigger,
        "group_key": standing.group_key,
        "act_sha256": standing.act_sha256,
        "environments": standing.environments,
        "risks": standing.risks,
        "most_uses": standing.most_uses,
        "expires_at": standing.expires_at.isoformat(),
    }
    by = actor_of(standing.author)
    append(stream=case.subject, kind="standing.made", by=by, at=at, data=data)
    append(stream=standing.subject, kind="standing.made", by=by, at=at, data=data)


@transaction.atomic(durable=True)
def revoke_standing(*, standing_id: int, by: User, reason: str, at: datetime) -> StandingDecision:
    """End it: any approver may, with a reason. It answers nothing from then on."""
    check_may_ask(by)
    reason = _reason(reason, LONGEST_WHY, "Say why it must not answer any more.")
    rows = StandingDecision.objects.select_for_update(no_key=True, of=("self",))
    standing = rows.select_related("agent", "source__escalation").filter(pk=standing_id).first()
    if standing is None:
        raise NotThere("There is no such standing decision.")
    if standing.revoked_at:
        raise Conflict("It is revoked already.", code="revoked")
    standing.revoked_at, standing.revoked_by, standing.revoked_because = at, by, reason
    standing.save(update_fields=["revoked_at", "revoked_by", "revoked_because"])
    append(
        stream=standing.subject,
        kind="standing.revoked",
        by=actor_of(by),
        at=at,
        data={"standing": standing.pk, "uses": standing.uses},
    )
    return standing
