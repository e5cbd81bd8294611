"""Who may decide a case, and the sentence for those who may not."""

from typing import Any

from escalations.cases import NO_SUCH_CASE
from escalations.models import Escalation, EscalationQuerySet
from governance.asking.models import Ask
from governance.asking.policies.rules import Rules, owner_answers
from governance.base.errors import NotPermitted, NotThere, sentence_of
from governance.people.models import Runner, User
from governance.people.permissions import Permission, check, has

ONLY_PEOPLE = "Only people decide; a runner's key never does."


def excluded_people(case: Escalation) -> dict[int, str]:
    """Who may not decide this case, with the reason: four eyes.

    The runner's owner always; where an act is asked for, also the agent's owner, the author of
    the version and the owner of the runner that proposed it.
    """
    found = {case.runner.owner_id: "you own the runner that asks"}
    if case.has_action:
        found.setdefault(case.agent.owner_id, "you own the agent that wants to act")
        if case.version:
            if case.version.author_id:
                found.setdefault(case.version.author_id, "you wrote the version that wants to act")
            if case.version.proposed_by:
                owner = case.version.proposed_by.owner_id
                found.setdefault(owner, "your runner proposed the version that wants to act")
    return found


def check_may_decide(by: Any, case: Escalation, ask: Ask | None = None) -> None:
    """Raise with the sentence unless this person may decide; superusers are not exempt."""
    if isinstance(by, Runner) or not isinstance(by, User):
        raise NotPermitted(ONLY_PEOPLE, code="only_people")
    if answers_as_owner(by, case, ask):
        return
    check(by, Permission.DECIDE)
    reason = excluded_people(case).get(by.pk)
    if reason is None and ask is not None and by.pk in ask.excluded:
        reason = "you were part of it when it was asked"
    if reason:
        raise NotPermitted(f"Somebody else has to decide {case.ref}: {reason}.", code="four_eyes")


def answers_as_owner(by: User, case: Escalation, ask: Ask | None) -> bool:
    """By policy only: the agent's owner, on a question of low risk that carries no act."""
    if ask is None or by.pk != case.agent.owner_id or not has(by, Permission.VIEW):
        return False
    facts = {"risk": case.risk, "with_action": case.has_action}
    return owner_answers(Rules.of(ask.rules), facts)


def may_decide(by: Any, case: Escalation, ask: Ask | None = None) -> tuple[bool, str]:
    """Whether this person may decide, and why not."""
    why_not = sentence_of(check_may_decide, by, case, ask)
    return not why_not, why_not


def check_may_ask(by: Any) -> None:
    """Raise unless this is a person who may ask runners and dismiss what nobody waits for."""
    if not isinstance(by, User):
        raise NotPermitted(ONLY_PEOPLE, code="only_people")
    check(by, Permission.DECIDE)


def may_ask(by: Any) -> tuple[bool, str]:
    """Whether this person may ask the runner and dismiss, and why not."""
    why_not = sentence_of(check_may_ask, by)
    return not why_not, why_not


def cases_for(principal: Any) -> EscalationQuerySet:
    """All cases for people who may see things; its own for a runner; none for anybody else."""
    if isinstance(principal, Runner):
        return Escalation.objects.filter(runner=principal)
    return (
        Escalation.objects.all() if has(principal, Permission.VIEW) else Escalation.objects.none()
    )


def case_for(principal: Any, escalation_id: int) -> Escalation:
    """One case; :class:`NotThere` for one of somebody else as for none at all."""
    case = cases_for(principal).filter(pk=escalation_id).first()
    if case is None:
        raise NotThere(NO_SUCH_CASE)
    return case
