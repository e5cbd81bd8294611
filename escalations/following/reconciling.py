"""Permits that nobody used, and acts that nobody reported: people are reminded, nothing is decided.

What is due stands in ``Permit.reconcile_at``. A look that comes late makes one reminder, not all
that were missed.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, transaction

from agents.models import Permit
from agents.permits import REPORT_AFTER
from escalations.cases import ask_about, locked_case
from escalations.models import SUBJECT, Escalation, Outcome
from governance.asking import outbox
from governance.asking.models import Reason, Watcher
from governance.audit.actors import Actor, system
from governance.audit.services import append
from governance.people.models import User

RECONCILER: Actor = system("reconciler")
LIMIT = 200
# After the first reminder of a missing report, the next ones; the last pause is repeated.
PAUSES = (timedelta(days=1), timedelta(days=1), timedelta(days=2), timedelta(days=4))
LONGEST_PAUSE = timedelta(days=7)
POISON_PAUSE = timedelta(hours=1)
# By the state of a permit that was never used.
NOT_DONE = {
    "unspent": "The act is permitted and not done yet.",
    "expired": "The act was permitted; the time ended, and it was not done.",
}
log = structlog.get_logger()


def reconcile(*, at: datetime, limit: int = LIMIT) -> int:
    """Look after the permits that are due, the longest waiting first; how many people were told.

    One permit that cannot be looked after is pushed forward and holds up no other.
    """
    due = Permit.objects.filter(reconcile_at__lte=at, source__startswith=SUBJECT)
    rows = due.order_by("reconcile_at", "id").values_list("pk", "source")[:limit]
    return sum(_guarded(permit_id, source, at) for permit_id, source in list(rows))


def _guarded(permit_id: int, source: str, at: datetime) -> int:
    try:
        return _look_after(permit_id, int(source.removeprefix(SUBJECT)), at)
    except DatabaseError as error:
        log.warning("permit_not_looked_after", permit=permit_id, error=type(error).__name__)
        Permit.objects.filter(pk=permit_id).update(reconcile_at=at + POISON_PAUSE)
        return 0


@transaction.atomic
def _look_after(permit_id: int, escalation_id: int, at: datetime) -> int:
    """One permit under the locks of its case and itself; nothing where another look was first."""
    case = locked_case(escalation_id)
    permit = (
        Permit.objects.select_for_update(no_key=True)
        .filter(pk=permit_id, reconcile_at__lte=at)
        .first()
    )
    if permit is None:
        return 0
    is_reported = Outcome.objects.filter(escalation=case).exists()
    why, again_at = ("", None) if is_reported else due_for(permit, at=at)
    permit.reconcile_at = again_at
    permit.save(update_fields=["reconcile_at"])
    return _tell(case, permit, why, at) if why else 0


def due_for(permit: Permit, *, at: datetime) -> tuple[str, datetime | None]:
    """What is to be said now, empty for nothing, and when to look again."""
    if permit.uses == 0:
        return _unused(permit, at)
    ended = _ended(permit, at)
    if ended is None:
        return "", permit.use_before + REPORT_AFTER
    number, next_at = 0, ended + REPORT_AFTER
    for pause in _pauses():
        if next_at > at:
            break
        number, next_at = number + 1, next_at + pause
    return (f"unreported:{number}" if number else ""), next_at


def _unused(permit: Permit, at: datetime) -> tuple[str, datetime | None]:
    if permit.revoked_at:
        return "", None
    return ("unused:end", None) if at >= permit.use_before else ("unused:half", permit.use_before)


def _ended(permit: Permit, at: datetime) -> datetime | None:
    """When the last use became impossible; None while there may be more."""
    if permit.spent_at or permit.revoked_at:
        return permit.spent_at or permit.revoked_at
    return permit.use_before if at >= permit.use_before else None


def _pauses() -> Iterator[timedelta]:
    yield from PAUSES
    while True:
        yield LONGEST_PAUSE


def _tell(case: Escalation, permit: Permit, why: str, at: datetime) -> int:
    ask = ask_about(case)
    people = _people(case)
    notices = outbox.tell(ask, people, why=why, at=at, reason=Reason.NEWS) if ask else []
    append(
        stream=case.subject,
        kind="permit.looked_after",
        by=RECONCILER,
        at=at,
        data={
            "permit": permit.pk,
            "why": why,
            "told": [f"user:{person.pk}" for person in people],
        },
    )
    return len(notices)


def _people(case: Escalation) -> list[User]:
    """The owner of the runner, and the deciders and others who watch the case."""
    watching = Watcher.objects.filter(subject=case.subject).values("user")
    wanted = User.objects.filter(pk__in=watching) | User.objects.filter(pk=case.runner.owner_id)
    return list(wanted.filter(is_active=True).order_by("pk"))


def still_to_do(permit: Permit | None, *, is_reported: bool, at: datetime) -> str:
    """The sentence on the page of the case: what is still expected of the runner."""
    if permit is None or is_reported:
        return ""
    if permit.uses == 0:
        return NOT_DONE.get(permit.state(at=at), "")
    times = "once" if permit.uses == 1 else f"{permit.uses} times"
    return f"The permit was used {times}; the runner has not reported what became of it."
