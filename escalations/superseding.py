"""A runner edits its question: the new case takes the place of the old one, never silently."""

import re
from datetime import datetime

from escalations.answers import decision_text
from escalations.cases import check_unresolved, locked_case_of
from escalations.ending import end_case
from escalations.models import Escalation, Status
from governance.asking import outbox
from governance.asking.models import Ask, Reason, Watcher
from governance.base.errors import Conflict, InvalidInput
from governance.people.models import Runner, User
from governance.people.services import actor_of

_REF = re.compile(r"(?:ESC-)?([1-9][0-9]{0,17})", re.IGNORECASE | re.ASCII)


def locked_old_case(runner: Runner, ref: str, *, at: datetime) -> Escalation:
    """The runner's own case that an edited question names, locked."""
    found = _REF.fullmatch(ref.strip())
    if found is None:
        raise InvalidInput("supersedes names a case, such as ESC-12.", code="bad_reference")
    return locked_case_of(runner, int(found[1]), at=at)


def check_superseded(old: Escalation, *, agent_id: int) -> None:
    """Only an unresolved case of the same agent makes room; a decision stands."""
    if old.agent_id != agent_id:
        raise Conflict(f"{old.ref} is a case of another agent.", code="other_agent")
    if old.status == Status.DECIDED:
        decision = old.decision
        raise Conflict(
            f"{decision.decided_by} has decided {old.ref} already: "
            f"{decision_text(decision.ballot)} Read that answer first.",
            code="decided",
            ref=old.ref,
            verdict=str(decision.ballot.verdict),
        )
    check_unresolved(old)


def end_superseded(old: Escalation, new: Escalation, *, at: datetime) -> None:
    """Withdraw the old case for the new one, and tell those who were at it."""
    ask = Ask.objects.open().filter(subject=old.subject).first()
    people = _people_at(ask) if ask else []
    end_case(
        old,
        Status.WITHDRAWN,
        by=actor_of(old.runner),
        at=at,
        reason=f"superseded by {new.ref}",
    )
    if ask:
        outbox.tell(ask, people, why=f"superseded:{new.pk}", at=at, reason=Reason.SETTLED)


def _people_at(ask: Ask) -> list[User]:
    """Who watches the question, and who said that they look at it."""
    watching = Watcher.objects.filter(subject=ask.subject).values("user")
    wanted = User.objects.filter(pk__in=watching) | User.objects.filter(pk=ask.claimed_by_id or 0)
    return list(wanted.filter(is_active=True).order_by("pk"))
