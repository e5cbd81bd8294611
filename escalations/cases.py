"""What every service of a case begins and ends with: the locked row, and the news of it."""

from datetime import datetime
from typing import Any

from django.db import connection

from agents.ledger.halts import lift_halt
from escalations.models import Escalation, Presence
from governance.asking.models import Ask
from governance.base.errors import Conflict, NotThere
from governance.people.models import Runner

CHANNEL = "escalation"
RELATED = ("agent", "runner", "version__proposed_by")
NO_SUCH_CASE = "There is no such case."


def locked_case(escalation_id: int) -> Escalation:
    """The case, locked until the transaction ends. Lock order: case, ask, permit, history."""
    found = Escalation.objects.select_for_update(of=("self",), no_key=True)
    case = found.select_related(*RELATED).filter(pk=escalation_id).first()
    if case is None:
        raise NotThere(NO_SUCH_CASE)
    return case


def locked_case_of(runner: Any, escalation_id: int, *, at: datetime) -> Escalation:
    """The runner's own case, locked; a sign of life. A case of another runner is not there."""
    case = locked_case(escalation_id)
    # A person may carry the number of a runner: the number alone proves nothing.
    if not isinstance(runner, Runner) or case.runner_id != runner.pk:
        raise NotThere(NO_SUCH_CASE)
    Presence.objects.filter(pk=case.pk).update(last_seen_at=at)
    return case


def case_for_page(escalation_id: int) -> Escalation:
    """The case with what its page needs."""
    found = Escalation.objects.select_related(
        "agent",
        "version__proposed_by",
        "runner__owner",
        "presence",
        "outcome",
        "decision__ballot__option",
        "decision__decided_by",
    ).prefetch_related("options", "messages__author", "messages__runner")
    case = found.filter(pk=escalation_id).first()
    if case is None:
        raise NotThere(NO_SUCH_CASE)
    return case


def locked_ask(case: Escalation) -> Ask:
    """The open question to people about an unresolved case."""
    return Ask.objects.select_for_update(no_key=True).get(subject=case.subject, closed_at=None)


def ask_about(case: Escalation) -> Ask | None:
    """The question to people about a case, open or not, for reading."""
    return Ask.objects.filter(subject=case.subject).order_by("-pk").first()


def latest_ask(case: Escalation) -> Ask:
    """The question to people about a case, locked; closed where the case is settled."""
    asks = Ask.objects.select_for_update(no_key=True).filter(subject=case.subject)
    ask = asks.order_by("-pk").first()
    if ask is None or (case.is_unresolved and ask.closed_at is not None):
        raise Conflict(f"Nobody is asked about {case.ref}. The portal repairs this by itself.")
    return ask


def check_unresolved(case: Escalation) -> None:
    """Refuse to touch a case that is settled already."""
    if not case.is_unresolved:
        label = case.get_status_display().lower()
        raise Conflict(
            f"{case.ref} is settled already: {label}.", code="settled", now=str(case.status)
        )


def settle(case: Escalation, status: str, *, at: datetime, reason: str = "") -> None:
    """Move to a final state, saved by :func:`tell`; the instance that asked may go on."""
    case.move_to(status)
    case.settled_at, case.settled_reason = at, reason
    lift_halt(source=case.subject, at=at)


def tell(case: Escalation) -> None:
    """Save the case as a new revision and wake whoever waits for it, with the commit."""
    case.revision += 1
    case.save(update_fields=["status", "settled_at", "settled_reason", "revision"])
    notify(case)


def notify(case: Escalation) -> None:
    """PostgreSQL delivers this when the transaction commits, and not if it does not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(case.pk)])
