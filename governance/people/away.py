"""Out of office: a person is away, and a colleague is told and may answer instead."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from governance.audit.services import append
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.absences import Absences
from governance.people.models import Delegation, User
from governance.people.own_time import moment_words, zone_of
from governance.people.permissions import Permission, check, has, permissions_of
from governance.people.services import actor_of

LONGEST = timedelta(days=366)
LONGEST_REASON = 200
NOT_YOURS = "Only an administrator enters that somebody else is away."
# What a person may have to answer, and a delegate perhaps may not.
ANSWERS = (Permission.DECIDE, Permission.REVIEW, Permission.RATIFY, Permission.CONFIGURE)


@transaction.atomic
def enter_absence(
    *,
    person_id: int,
    starts_at: datetime,
    ends_at: datetime,
    by: User,
    at: datetime,
    delegate_id: int | None = None,
    reason: str = "",
) -> Delegation:
    """Somebody is away from one moment to another, never before it is entered.

    Without a delegate nobody is told in their place. A circle of delegates is accepted: pages
    say that nobody would be told.
    """
    person = User.objects.select_for_update(no_key=True).filter(pk=person_id).first()
    check_may_enter(by, person)
    if person is None:
        raise NotThere("There is no such colleague.")
    starts_at, why = max(starts_at, at), reason.replace("\0", "\ufffd").strip()
    _check_span(person, starts_at, ends_at, at)
    if len(why) > LONGEST_REASON:
        raise InvalidInput(f"A reason has at most {LONGEST_REASON} characters.", code="too_long")
    delegate = _delegate(person, delegate_id) if delegate_id else None
    absence = Delegation.objects.create(
        person=person,
        delegate=delegate,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=why,
        made_by=by,
        made_at=at,
    )
    data = {
        "absence": absence.pk,
        "delegate": delegate.subject if delegate else "",
        "from": starts_at.isoformat(),
        "until": ends_at.isoformat(),
    }
    append(stream=person.subject, kind="user.away", by=actor_of(by), at=at, data=data)
    return absence


def check_may_enter(by: User, person: User | None) -> None:
    """Raise unless it is about oneself, or an administrator does it."""
    if person is None or by.pk != person.pk:
        if not has(by, Permission.CONFIGURE):
            raise NotPermitted(NOT_YOURS, code="not_yours")
        check(by, Permission.CONFIGURE)


def _check_span(person: User, starts_at: datetime, ends_at: datetime, at: datetime) -> None:
    if ends_at <= starts_at:
        raise InvalidInput("An absence ends after it begins, and later than now.", code="span")
    if ends_at > starts_at + LONGEST:
        raise InvalidInput("An absence lasts at most a year.", code="too_long")
    other = person.absences.filter(ended_at=None, starts_at__lt=ends_at, ends_at__gt=starts_at)
    if (same := other.order_by("starts_at").first()) is not None:
        zone = zone_of(person)
        begins, ends = (moment_words(one, zone, at=at) for one in (same.starts_at, same.ends_at))
        raise Conflict(
            f"{person} is entered as away from {begins} to {ends} ({zone.key}) already."
            " End that first.",
            code="away_already",
        )


def _delegate(person: User, delegate_id: int) -> User:
    delegate = User.objects.filter(pk=delegate_id, is_active=True).first()
    if delegate is None:
        raise InvalidInput("There is no such colleague.", code="nobody")
    if delegate.pk == person.pk:
        raise InvalidInput("Nobody stands in for themselves.", code="yourself")
    if not has(delegate, Permission.VIEW):
        raise NotPermitted(
            f"{delegate} has no role here and could not even be told. Choose somebody else.",
            code="role",
        )
    return delegate


@transaction.atomic
def end_absence(*, absence_id: int, by: User, at: datetime) -> Delegation:
    """Back early, or not away after all. What is over already stays as it was."""
    absence = Delegation.objects.select_related("person").filter(pk=absence_id).first()
    if absence is None or not (absence.person == by or has(by, Permission.CONFIGURE)):
        raise NotThere("There is no such absence.")
    open_ones = Delegation.objects.filter(pk=absence.pk, ended_at=None, ends_at__gt=at)
    if not open_ones.update(ended_at=at):
        raise Conflict("This absence is over already.", code="over")
    absence.ended_at = at
    append(
        stream=absence.person.subject,
        kind="user.back",
        by=actor_of(by),
        at=at,
        data={"absence": absence.pk},
    )
    return absence


def absences_of(person: User) -> QuerySet[Delegation]:
    """All absences of one person, the latest first, with the people in them."""
    return person.absences.select_related("person", "delegate", "made_by")


def running_or_to_come(*, at: datetime) -> QuerySet[Delegation]:
    """Who is away now or will be, the first to begin first."""
    found = Delegation.objects.filter(ended_at=None, ends_at__gt=at)
    return found.select_related("person", "delegate", "made_by").order_by("starts_at", "id")


def state_of(absence: Delegation, *, at: datetime) -> str:
    """``current``, ``upcoming``, ``ended`` early, ``cancelled`` before it began, or ``past``."""
    if absence.ended_at:
        return "ended" if absence.ended_at > absence.starts_at else "cancelled"
    if absence.starts_at > at:
        return "upcoming"
    return "current" if absence.ends_at > at else "past"


def warnings_about(
    absences: Iterable[Delegation], *, reader: User, at: datetime
) -> dict[int, list[str]]:
    """For each absence what is amiss with its delegate, as it would be when it begins."""
    known: dict[datetime, Absences] = {}
    found = {}
    for absence in absences:
        moment = max(absence.starts_at, at)
        if moment not in known:
            known[moment] = Absences(moment)
        found[absence.pk] = list(_warnings(absence, known[moment], reader))
    return found


def _warnings(absence: Delegation, there: Absences, reader: User) -> Iterable[str]:
    person, delegate = absence.person, absence.delegate
    if delegate is None:
        return
    if not delegate.is_active:
        yield f"{delegate} has no account any more: nobody would be told."
        return
    if their := there.of(delegate):
        named = "you" if person == reader else str(person)
        yield _away_too(person, named, delegate, their, there)
    lacking = sorted(
        right.value
        for right in permissions_of(person) - permissions_of(delegate)
        if right in ANSWERS
    )
    if lacking:
        yield f"{delegate} is told, but may not {', nor '.join(lacking)}."


def _away_too(person: User, named: str, delegate: User, their: Delegation, there: Absences) -> str:
    told = there.delegate_of(person)
    if told is not None:
        return f"{delegate} is away too: {told} would be told."
    names = f" and names {named}" if their.delegate_id == person.pk else ""
    return f"{delegate} is away too{names}: nobody would be told."
