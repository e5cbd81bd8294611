"""Outbox rows: what is to be sent, written in the transaction of what it tells.

Rows are claimed with a lease, so that a worker that dies leaves nothing behind but time. Many
notices for one person are claimed together and go out in one mail. What was tried once keeps its
company for ever, so that the mail of a second try is the same and carries the same Message-ID.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from governance.asking import bounces
from governance.asking.models import (
    NOTIFICATION_TRANSITIONS,
    Ask,
    Channel,
    Held,
    Notification,
    NotificationState,
    Reason,
)
from governance.audit.actors import system
from governance.audit.services import Draft, append_many, lock_those_free
from governance.base.transitions import check_transition
from governance.people.absences import Told
from governance.people.hours import quiet_until
from governance.people.models import User
from governance.people.own_hours import windows_of

# Longer than the worker's hard time limit: nobody takes a row from a worker that still lives.
LEASE = timedelta(minutes=3)
HOUR = timedelta(hours=1)
# From so many due notices of one person on they go out in one mail; sooner where some were held.
BUNDLE_FROM, BUNDLE_HELD_FROM, MOST_IN_BUNDLE = 3, 2, 50
DISPATCH = system("dispatch")
# What the ladder says: a newer notice takes the place of an older one that did not get out.
OF_THE_LADDER = (Reason.ASKED, Reason.REMINDER, Reason.NUDGE)
S = NotificationState


@dataclass(frozen=True, slots=True)
class Telling:
    """One person is to be told of one question, at once or when they wake."""

    ask: Ask
    told: Told
    step: int
    repeats: int
    due_at: datetime
    nudge: bool = False

    @property
    def pair(self) -> tuple[int, int]:
        return self.ask.pk, self.told.user.pk


def enqueue(tellings: Sequence[Telling], *, at: datetime) -> list[Notification]:
    """One mail for each, in place of those that did not get out yet."""
    pairs = {one.pair for one in tellings}
    mails = Notification.objects.filter(
        ask__in={ask for ask, _ in pairs},
        recipient__in={person for _, person in pairs},
        channel=Channel.MAIL,
        reason__in=OF_THE_LADDER,
    ).exclude(state=S.CANCELLED)
    rows = list(mails.values_list("pk", "ask_id", "recipient_id", "state"))
    waiting = [
        pk for pk, ask, person, state in rows if state == S.PENDING and (ask, person) in pairs
    ]
    _cancel_waiting(waiting, at)
    before = {(ask, person) for _, ask, person, state in rows if state != S.PENDING}
    return Notification.objects.bulk_create(
        [_row(one, is_first=one.pair not in before, at=at) for one in tellings],
        ignore_conflicts=True,
    )


def _cancel_waiting(ids: Sequence[int], at: datetime) -> None:
    if ids:
        Notification.objects.filter(pk__in=ids, state=S.PENDING).update(
            state=S.CANCELLED, settled_at=at
        )


def _row(one: Telling, *, is_first: bool, at: datetime) -> Notification:
    key = f"{one.ask.pk}:{one.step}:{one.repeats}:{one.told.user.pk}"
    reason = Reason.ASKED if is_first else Reason.REMINDER
    return Notification(
        ask=one.ask,
        recipient=one.told.user,
        on_behalf_of=one.told.on_behalf_of,
        reason=Reason.NUDGE if one.nudge else reason,
        step=one.step,
        dedupe_key=f"{key}:nudge:{at:%Y%m%dT%H%M%S}" if one.nudge else key,
        created_at=at,
        due_at=one.due_at,
        held=Held.QUIET_HOURS if one.due_at > at else "",
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

    News and the end of a question reach those as well who may not answer it. Quiet hours hold
    them back too.
    """
    planned = due_at or at
    wakes = _wakes(people, planned)
    return Notification.objects.bulk_create(
        [
            Notification(
                ask=ask,
                recipient=person,
                reason=reason,
                step=max(ask.step, 0),
                dedupe_key=f"{ask.pk}:{why}:{person.pk}",
                created_at=at,
                due_at=wakes.get(person.pk, planned),
                held=Held.QUIET_HOURS if person.pk in wakes else "",
            )
            for person in people
        ],
        ignore_conflicts=True,
    )


def _wakes(people: Sequence[User], at: datetime) -> dict[int, datetime]:
    """When each of those wakes who sleep at a moment."""
    windows = windows_of([person.pk for person in people])
    ends = {person.pk: quiet_until(windows[person.pk], person.time_zone, at) for person in people}
    return {person: until for person, until in ends.items() if until}


@dataclass(frozen=True, slots=True)
class Claim:
    """What one message tells: ``root`` gives it its Message-ID, even once it is cancelled.

    Without notices nothing was leased: the person of ``root`` had enough mails for now.
    """

    root: Notification
    notices: list[Notification]

    @property
    def first(self) -> Notification:
        return self.notices[0]


@transaction.atomic
def claim(*, at: datetime, full: Collection[int] = ()) -> Claim | None:
    """Lease the row that waits longest, or one whose worker died, and what goes out with it.

    ``full`` are people who had enough mails for now: they get only what must wake them.
    """
    due = Q(state=S.PENDING, due_at__lte=at) | Q(state=S.SENDING, lease_until__lte=at)
    held_back = Q(recipient__in=full, channel=Channel.MAIL, ask__wakes_people=False)
    rows = Notification.objects.filter(due).order_by("due_at", "id")
    first = _locked(rows.exclude(held_back) if full else rows).first()
    if first is None:
        return None
    company = _company(first, at)
    if company is None:
        return None
    if _has_enough(first, at):
        return Claim(first, [])
    for notice in company.notices:
        _lease(notice, company.root, at)
    return company


def _locked(rows: QuerySet[Notification]) -> QuerySet[Notification]:
    return rows.select_for_update(skip_locked=True, no_key=True, of=("self",))


def _company(first: Notification, at: datetime) -> Claim | None:
    """All that goes out in one message with this row; None where another worker is at it."""
    if first.bundled_into_id is None and first.attempts == 0:
        together = [first, *_same_person(first, at)]
        least = BUNDLE_HELD_FROM if any(one.held for one in together) else BUNDLE_FROM
        return Claim(first, together if len(together) >= least else [first])
    root_id = first.bundled_into_id or first.pk
    root = _locked(Notification.objects.filter(pk=root_id)).first()
    if root is None:
        return None
    # Who holds the root may wait for the others: nobody who wants it waits for them.
    rest = Notification.objects.filter(bundled_into=root, state__in=[S.PENDING, S.SENDING])
    rows = list(rest.select_for_update(no_key=True).order_by("id"))
    alive = [root] if root.state in {S.PENDING, S.SENDING} else []
    return Claim(root, [*alive, *rows])


def _has_enough(notice: Notification, at: datetime) -> bool:
    is_plain_mail = notice.channel == Channel.MAIL and notice.ask is not None
    if not is_plain_mail or notice.attempts or notice.question.wakes_people:
        return False
    limit: int = settings.MAILS_PER_HOUR
    return len(mails_since(notice.person.pk, at - HOUR)) >= limit


def _same_person(first: Notification, at: datetime) -> list[Notification]:
    """What else is due for this person. What must wake them is not hidden among the rest."""
    if first.channel != Channel.MAIL or first.reason == Reason.DIGEST:
        return []
    others = Notification.objects.filter(
        recipient=first.recipient_id,
        channel=Channel.MAIL,
        state=S.PENDING,
        due_at__lte=at,
        attempts=0,
        bundled_into=None,
        ask__wakes_people=first.question.wakes_people,
    )
    others = others.exclude(pk=first.pk).exclude(reason=Reason.DIGEST)
    return list(_locked(others.order_by("due_at", "id"))[: MOST_IN_BUNDLE - 1])


def _lease(notice: Notification, root: Notification, at: datetime) -> None:
    if notice.state == S.PENDING:
        _move(notice, S.SENDING)
    notice.attempts += 1
    notice.lease_until = at + LEASE
    notice.bundled_into = root if notice.pk != root.pk else None
    notice.save(update_fields=["state", "attempts", "lease_until", "bundled_into"])


def mails_since(user_id: int, since: datetime) -> list[datetime]:
    """When each mail of this person was accepted, oldest first; a bundle is one."""
    mails = Notification.objects.filter(
        recipient=user_id, channel=Channel.MAIL, state=S.ACCEPTED, settled_at__gt=since
    )
    roots = mails.values_list("pk", "bundled_into_id", "settled_at")
    return sorted({(root or pk): moment for pk, root, moment in roots if moment}.values())


@transaction.atomic
def hold_back(user_id: int, *, at: datetime) -> int:
    """Let what is due for this person wait until a mail more fits into the hour.

    It comes in their next bundle: nothing is dropped. What somebody else is writing about at
    this moment is left for the next time.
    """
    mails = mails_since(user_id, at - HOUR)
    if len(mails) < settings.MAILS_PER_HOUR:
        return 0
    until = mails[len(mails) - settings.MAILS_PER_HOUR] + HOUR
    due = Notification.objects.filter(
        recipient=user_id, channel=Channel.MAIL, state=S.PENDING, due_at__lte=at, attempts=0
    )
    due = due.exclude(ask=None).exclude(ask__wakes_people=True)
    rows = list(_locked(due.select_related("ask")))
    free = lock_those_free({row.question.subject for row in rows})
    held = [row for row in rows if row.question.subject in free]
    Notification.objects.filter(pk__in=[row.pk for row in held]).update(
        due_at=until, held=Held.LIMIT
    )
    append_many([_held(row, until, at) for row in held])
    return len(held)


def _held(row: Notification, until: datetime, at: datetime) -> Draft:
    data = {
        "ask": row.ask_id,
        "recipient": f"user:{row.recipient_id}",
        "until": until.isoformat(),
        "because": "mails an hour",
    }
    return Draft(row.question.subject, "notice.held", DISPATCH, at, data=data)


@transaction.atomic
def accept(notices: Iterable[Notification], *, at: datetime) -> bool:
    """The server took it. False where another worker has the lease by now."""
    done = [notice for notice in notices if _settle(notice, S.ACCEPTED, at=at, error="")]
    append_many([_draft(notice, "accepted", at) for notice in done])
    return bool(done)


@transaction.atomic
def fail(notices: Iterable[Notification], *, error: str, at: datetime) -> bool:
    """It can never be delivered; the next reminder is a new notice.

    Where that was all that a step told anybody, the next sweep climbs at once.
    """
    done = [notice for notice in notices if _settle(notice, S.FAILED, at=at, error=error)]
    append_many([_draft(notice, "failed", at) for notice in done])
    # The history first: whoever settles a subject holds its stream and wants the ask's row.
    for notice in done:
        if notice.reason in OF_THE_LADDER and notice.channel == Channel.MAIL:
            because = f"the mail to user:{notice.recipient_id} could not be delivered"
            bounces.note_unreached(notice, because=because, at=at)
    return bool(done)


@transaction.atomic
def cancel(notice: Notification, *, at: datetime) -> bool:
    """It is not needed any more."""
    return _settle(notice, S.CANCELLED, at=at, error="")


@transaction.atomic
def postpone(
    notices: Iterable[Notification], *, error: str, until: datetime, counts: bool, at: datetime
) -> None:
    """Try again later; ``counts`` is false where the message itself was not to blame.

    What certainly did not get out may keep other company the next time.
    """
    for notice in notices:
        attempts = notice.attempts if counts else notice.attempts - 1
        changes: dict[str, object] = {"due_at": until, "attempts": attempts}
        if attempts == 0:
            changes["bundled_into"] = None
        _settle(notice, S.PENDING, at=None, error=error, **changes)


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


def _draft(notice: Notification, what: str, at: datetime) -> Draft:
    data = {
        "ask": notice.ask_id,
        "notice": notice.pk,
        "recipient": f"user:{notice.recipient_id}" if notice.recipient_id else "",
        "reason": notice.reason,
        "message_id": str((notice.bundled_into or notice).message_id),
        "attempts": notice.attempts,
    }
    if notice.channel != Channel.MAIL:
        data["channel"] = notice.channel
    if notice.bundled_into_id:
        data["bundled_into"] = notice.bundled_into_id
    subject = notice.ask.subject if notice.ask else f"user:{notice.recipient_id}"
    return Draft(subject, f"notice.{what}", DISPATCH, at, data=data)
