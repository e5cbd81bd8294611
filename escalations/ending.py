"""The ends of a case that are no verdict: nobody decided, so the runner does not proceed."""

from datetime import datetime

from escalations.cases import settle, tell
from escalations.models import Escalation, Status
from governance.asking.services import close_ask
from governance.audit.actors import Actor
from governance.audit.services import append
from governance.base.canonical import sha256_hex


def end_case(
    case: Escalation, status: Status, *, by: Actor, at: datetime, reason: str
) -> Escalation:
    """Settle a locked case without a decision: ladder and halt end, whoever waits is woken."""
    settle(case, status, at=at, reason=reason)
    close_ask(subject=case.subject, because=status.value, by=by, at=at)
    append(
        stream=case.subject,
        kind=f"escalation.{status.value}",
        by=by,
        at=at,
        data={"reason_sha256": sha256_hex(reason.encode())},
    )
    tell(case)
    return case
