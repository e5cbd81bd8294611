"""The sweep: moves every ask whose next action is due. It never decides anything.

Row locks with SKIP LOCKED keep sweeps apart; the compare-and-set on the row's state is what
protects against telling people twice. An ask that cannot be moved is pushed forward and
reported, so that it holds up no other.
"""

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from governance.asking.audiences import Audiences
from governance.asking.ladder import Ladder, Move
from governance.asking.models import Ask
from governance.asking.outbox import enqueue
from governance.audit.actors import system
from governance.audit.services import append, lock_if_free
from governance.people.models import User

LIMIT = 500
BATCH = 50
SWEEP = system("sweep")
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
log = structlog.get_logger()


def sweep(*, at: datetime, limit: int = LIMIT) -> int:
    """Make the due action of up to ``limit`` asks; returns how many were handled."""
    seen: list[int] = []
    while len(seen) < limit:
        batch = _sweep_batch(at=at, size=min(BATCH, limit - len(seen)), seen=seen)
        if not batch:
            break
        seen += batch
    return len(seen)


@transaction.atomic(durable=True)
def _sweep_batch(*, at: datetime, size: int, seen: list[int]) -> list[int]:
    due = Ask.objects.due(at=at).exclude(pk__in=seen)
    asks = list(due.select_for_update(skip_locked=True, no_key=True)[:size])
    audiences = Audiences()
    for ask in asks:
        _act_or_push_forward(ask, audiences, at)
    return [ask.pk for ask in asks]


def _act_or_push_forward(ask: Ask, audiences: Audiences, at: datetime) -> None:
    try:
        with transaction.atomic():
            # Whoever is settling the subject holds its stream and waits for this ask's row:
            # waiting here would be a deadlock. The next sweep sees what came of it.
            if lock_if_free(ask.subject):
                _act(ask, audiences, at)
    except Exception as error:
        log.exception("ask_not_moved", ask=ask.pk, error=type(error).__name__)
        _push_forward(ask, at)


def _push_forward(ask: Ask, at: datetime) -> None:
    pause = min(FIRST_PAUSE * (1 << min(ask.failures, 10)), LONGEST_PAUSE)
    Ask.objects.open().filter(pk=ask.pk).update(
        failures=min(ask.failures + 1, 1000), next_action_at=at + pause
    )


def _act(ask: Ask, audiences: Audiences, at: datetime) -> None:
    ladder = Ladder.of(ask.ladder)
    move = ladder.next_move(step=ask.step, repeats=ask.repeats, at=at)
    people, move = _first_reached(ask, ladder, move, audiences, at)
    if not _compare_and_set(ask, move, at):
        return
    enqueue(ask, people, step=move.step, repeats=move.repeats, at=at)
    append(
        stream=ask.subject,
        kind="ask.reminded" if move.repeats else "ask.step",
        by=SWEEP,
        at=at,
        data={
            "ask": ask.pk,
            "step": move.step + 1,
            "repeat": move.repeats,
            "told": [f"user:{person.pk}" for person in people],
        },
    )


def _first_reached(
    ask: Ask, ladder: Ladder, move: Move, audiences: Audiences, at: datetime
) -> tuple[list[User], Move]:
    """Climb past the steps that reach nobody. Reminders go to the steps before as well: a
    question gets louder, and those who may decide it are not forgotten higher up."""
    while not (people := _allowed(ask, audiences.of_step(ask.ladder, move.step))):
        _record_nobody(ask, move, at)
        if ladder.is_last(move.step):
            break
        move = ladder.climb(step=move.step, at=at)
    if move.repeats or not people:
        people = _allowed(ask, audiences.up_to_step(ask.ladder, move.step))
    return people, move


def _allowed(ask: Ask, people: list[User]) -> list[User]:
    return [person for person in people if person.pk not in ask.excluded]


def _record_nobody(ask: Ask, move: Move, at: datetime) -> None:
    append(
        stream=ask.subject,
        kind="ask.step_reached_nobody",
        by=SWEEP,
        at=at,
        data={"ask": ask.pk, "step": move.step + 1, "repeat": move.repeats},
    )


def _compare_and_set(ask: Ask, move: Move, at: datetime) -> bool:
    unchanged = Ask.objects.open().filter(
        pk=ask.pk, next_action_at=ask.next_action_at, step=ask.step, repeats=ask.repeats
    )
    changed = unchanged.update(
        step=move.step,
        repeats=move.repeats,
        next_action_at=ask.no_later_than_due(move.next_action_at, at=at),
        failures=0,
    )
    return changed == 1
