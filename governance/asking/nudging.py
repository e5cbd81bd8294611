"""A colleague asks by hand for a look at a question. The ladder goes on as if nothing had been."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from governance.asking.channels.rows import loud_rows
from governance.asking.mail import moment
from governance.asking.models import Ask, Notification, Reason
from governance.asking.outbox import Telling, enqueue
from governance.asking.poke import poke_dispatch
from governance.asking.reaching import Reach
from governance.asking.together.questions import check_may_read, note, open_question
from governance.base.errors import Conflict, sentence_of
from governance.people.absences import Told
from governance.people.models import User

PAUSE = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Nudge:
    """What a page shows of it: the button, or why there is none."""

    ask: Ask
    refusal: str


def nudge_of(user: Any, ask: Ask, *, at: datetime) -> Nudge | None:
    """Whether this person may nudge now; nothing on a settled question."""
    if ask.closed_at is not None:
        return None
    return Nudge(ask, sentence_of(_check, user, ask, at))


@transaction.atomic
def nudge(*, ask_id: int, by: User, at: datetime) -> list[Told]:
    """Tell everybody whom the question has reached once more, once in four hours.

    Quiet hours hold it back as they do a reminder; who snoozes is spared. Returns who is told.
    """
    ask = open_question(ask_id)
    _check(by, ask, at)
    reach = Reach([ask], at=at)
    told = _others(ask, by, reach)
    if not told:
        raise Conflict("Nobody else can be told at this moment.", code="nobody")
    people = [one.user.subject for one in told]
    note(ask, "ask.nudged", by=by, at=at, step=ask.step + 1, told=people)
    fresh = Q(nudged_at=None) | Q(nudged_at__lte=at - PAUSE)
    if not Ask.objects.open().filter(fresh, pk=ask.pk).update(nudged_at=at):
        raise Conflict("Somebody was faster: people are told already.", code="nudged")
    _tell(ask, told, reach)
    poke_dispatch()
    return told


def _check(by: Any, ask: Ask, at: datetime) -> None:
    check_may_read(by, ask)
    if ask.step < 0:
        first = moment(ask.next_action_at, by.time_zone)
        raise Conflict(f"Nobody was told yet. The first notice goes out on {first}.", code="early")
    if ask.nudged_at is not None and at - ask.nudged_at < PAUSE:
        again = moment(ask.nudged_at + PAUSE, by.time_zone)
        raise Conflict(
            "People were nudged less than four hours ago. You can do it again from"
            f" {again} on; reminders go on meanwhile.",
            code="nudged",
        )


def _others(ask: Ask, by: User, reach: Reach) -> list[Told]:
    return [
        one
        for one in reach.up_to_step(ask, ask.step).told
        if one.user.pk != by.pk and not reach.is_snoozed(ask, one.user)
    ]


def _tell(ask: Ask, told: list[Told], reach: Reach) -> None:
    step, repeats, at = ask.step, ask.repeats, reach.at
    tellings = [
        Telling(ask, one, step, repeats, reach.wakes_at(ask, one.user) or at, nudge=True)
        for one in told
        if reach.has_mail(one.user)
    ]
    enqueue(tellings, at=at)
    loud = loud_rows(ask, told, step=step, repeats=repeats, reason=Reason.NUDGE, at=at)
    Notification.objects.bulk_create(loud, ignore_conflicts=True)
