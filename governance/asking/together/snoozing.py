"""Not to be reminded of one question for a while: oneself alone, bounded, with a reason."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from governance.asking.ladder import Ladder
from governance.asking.models import Ask, Snooze
from governance.asking.together.questions import FOUR_EYES, check_may_read, note, open_question
from governance.base.errors import Conflict, InvalidInput, NotPermitted
from governance.people.models import User

LONGEST = timedelta(hours=24)
LONGEST_REASON = 500
# A ladder that reminds every few seconds is not counted through a whole day.
MOST_MOVES = 500


def check_may_snooze(user: Any, ask: Ask) -> None:
    """Raise unless this person may read it and could be told of it."""
    check_may_read(user, ask)
    if user.pk in ask.excluded:
        raise NotPermitted(f"You are not reminded of this. {FOUR_EYES}", code="four_eyes")


@transaction.atomic
def snooze_ask(*, ask_id: int, by: User, until: datetime, reason: str, at: datetime) -> Snooze:
    """Hold back the reminders of one person; everybody else is told as before.

    It lasts at most a day and never beyond the moment at which the answer is due.
    """
    ask = open_question(ask_id)
    check_may_snooze(by, ask)
    why = reason.replace("\0", "\ufffd").strip()
    _check(ask, until, why, at)
    note(ask, "ask.snoozed", by=by, at=at, until=until.isoformat())
    mine = ask.snoozes.filter(user=by, ended_at=None)
    if mine.running(at=at).exists():
        raise Conflict("You snooze this already. End that first.", code="snoozed")
    mine.update(ended_at=at)
    return Snooze.objects.create(ask=ask, user=by, until=until, reason=why, at=at)


def _check(ask: Ask, until: datetime, reason: str, at: datetime) -> None:
    if not reason:
        raise InvalidInput("Say why you snooze it.", code="reason_needed")
    if len(reason) > LONGEST_REASON:
        raise InvalidInput(f"A reason has at most {LONGEST_REASON} characters.", code="too_long")
    if until <= at:
        raise InvalidInput("A snooze ends later than now.", code="too_early")
    if until > at + LONGEST:
        raise InvalidInput("A snooze lasts at most 24 hours.", code="too_long")
    if ask.due_at and until > ask.due_at:
        raise InvalidInput(
            "The answer is due before that. A snooze never reaches beyond it.", code="due"
        )


@transaction.atomic
def end_snooze(*, ask_id: int, by: User, at: datetime) -> bool:
    """Be reminded again from now on; false where nothing was snoozed any more."""
    ask = open_question(ask_id)
    if not ask.snoozes.running(at=at).filter(user=by).exists():
        return False
    note(ask, "ask.snooze_ended", by=by, at=at)
    return bool(ask.snoozes.filter(user=by, ended_at=None).update(ended_at=at))


def next_heard_at(ask: Ask, until: datetime) -> datetime:
    """When the first reminder after a moment is due, if nobody answers before."""
    due, step, repeats = ask.next_action_at or until, ask.step, ask.repeats
    ladder = Ladder.of(ask.ladder)
    for _ in range(MOST_MOVES):
        if due >= until:
            return due
        move = ladder.next_move(step=step, repeats=repeats, at=due)
        due, step, repeats = move.next_action_at, move.step, move.repeats
    return max(due, until)
