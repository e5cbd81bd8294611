"""Outbox rows: what is to be sent, written in the transaction of what it tells.

Rows are claimed with a lease, so that a worker that dies leaves nothing behind but time.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from governance.asking.models import (
    NOTIFICATION_TRANSITIONS,
    Ask,
    Notification,
    NotificationState,
    Reason,
)
from governance.audit.actors import system
from governance.audit.services import append
from governance.base.transitions import check_transition
from governance.people.models import User

# Longer than the worker's hard time limit: nobody takes a row from a worker that still lives.
LEASE = timedelta(minutes=3)
DISPATCH = system("dispatch")
S = NotificationState


def enqueue(
    ask: Ask, people: Sequence[User], *, step: int, repeats: int, at: datetime
) -> list[Notification]:
    """One notice for each person, in place of those that did not get out yet."""
    told = {person.pk for person in people}
    ask.notifications.filter(recipient__in=told, state=S.PENDING).update(
        state=S.CANCELLED, settled_at=at
    )
    before = set(
        ask.notifications.filter(recipient__in=told)
        .exclude(state=S.CANCELLED)
        .values_list("recipient", flat=True)
    )
    return Notification.objects.bulk_create(
        [
            Notification(
                ask=ask,
                recipient=person,
                reason=Reason.REMINDER if person.pk in before else Reason.ASKED,
                step=step,
                dedupe_key=f"{ask.pk}:{step}:{repeats}:{person.pk}",
                created_at=at,
                due_at=at,
            )
            for person in people
        ],
        ignore_conflicts=True,
    )


def tell(
    ask: Ask,
    people: Sequence[User],
    *,
    why: str,
    at: datetime,
    reason: Reason = Reason.ASKED,
    due_at: datetime | None = None,
) -> list[Notification]:
    """One notice more for each person, once for each ``why``, whatever the ladder says.

    News and the end of a question reach those as well who may not answer it.
    """
    return Notification.objects.bulk_create(
        [
            Notification(
                ask=ask,
                recipient=person,
                reason=reason,
                step=max(ask.step, 0),
                dedupe_key=f"{ask.pk}:{why}:{person.pk}",
                created_at=at,
                due_at=due_at or at,
            )
            for person in people
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def claim(*, at: datetime) -> Notification | None:
    """Take the row that waits longest, or one whose worker died, and lease it."""
    due = Q(state=S.PENDING, due_at__lte=at) | Q(state=S.SENDING, lease_until__lte=at)
    notice = (
        Notification.objects.filter(due)
        .select_for_update(skip_locked=True, no_key=True)
        .order_by("due_at", "id")
        .first()
    )
    if notice is None:
        return None
    if notice.state == S.PENDING:
        _move(notice, S.SENDING)
    notice.attempts += 1
    notice.lease_until = at + LEASE
    notice.save(update_fields=["state", "attempts", "lease_until"])
    return notice


@transaction.atomic
def accept(notice: Notification, *, at: datetime) -> bool:
    """The mail server took it. False where another worker has the lease by now."""
    return _settle(notice, S.ACCEPTED, at=at, error="") and _record(notice, "accepted", at)


@transaction.atomic
def fail(notice: Notification, *, error: str, at: datetime) -> bool:
    """It can never be delivered; the next reminder is a new notice."""
    return _settle(notice, S.FAILED, at=at, error=error) and _record(notice, "failed", at)


@transaction.atomic
def cancel(notice: Notification, *, at: datetime) -> bool:
    """It is not needed any more."""
    return _settle(notice, S.CANCELLED, at=at, error="")


@transaction.atomic
def postpone(
    notice: Notification, *, error: str, until: datetime, counts: bool, at: datetime
) -> bool:
    """Try again later; ``counts`` is false where the mail itself was not to blame."""
    attempts = notice.attempts if counts else notice.attempts - 1
    return _settle(notice, S.PENDING, at=None, error=error, due_at=until, attempts=attempts)


def _settle(
    notice: Notification, state: str, *, at: datetime | None, error: str, **changes: object
) -> bool:
    lease, before = notice.lease_until, notice.state
    _move(notice, state)
    notice.settled_at, notice.last_error = at, error[:500]
    done = Notification.objects.filter(pk=notice.pk, state=before, lease_until=lease).update(
        state=state, lease_until=None, settled_at=at, last_error=notice.last_error, **changes
    )
    return done == 1


def _move(notice: Notification, state: str) -> None:
    check_transition(NOTIFICATION_TRANSITIONS, what="The notice", now=notice.state, to=state)
    notice.state = state


def _record(notice: Notification, what: str, at: datetime) -> bool:
    append(
        stream=notice.question.subject,
        kind=f"notice.{what}",
        by=DISPATCH,
        at=at,
        data={
            "ask": notice.ask_id,
            "notice": notice.pk,
            "recipient": f"user:{notice.recipient_id}",
            "reason": notice.reason,
            "message_id": str(notice.message_id),
            "attempts": notice.attempts,
        },
    )
    return True
