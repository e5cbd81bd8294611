"""The sweep: moves every ask whose next action is due. It never decides anything.

Row locks with SKIP LOCKED keep sweeps apart; the compare-and-set on the row's state is what
protects against telling people twice. A batch is written with a handful of statements. Where that
fails, each of its asks is tried alone, and one that cannot be moved is pushed forward and
reported, so that it holds up no other.
"""

import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

import structlog
from django.db import connection, transaction
from django.db.models import Q

from governance.asking.channels.rows import Action, loud_rows_of
from governance.asking.models import Ask, Notification, Reason
from governance.asking.outbox import Telling, enqueue
from governance.asking.planning import Plan, plan_of
from governance.asking.reaching import Reach
from governance.audit.actors import system
from governance.audit.services import Draft, append_many, lock_those_free

LIMIT = 10_000
BATCH = 200
# The next tick goes on where this one stops: notices of the first must not wait for the last.
BUDGET_SECONDS = 5.0
SWEEP = system("sweep")
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
MOVE = """
UPDATE asking_ask SET step = new.step, repeats = new.repeats, next_action_at = new.next_action_at,
       failures = 0, unreached = ''
FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::timestamptz[]) AS new
         (id, step, repeats, next_action_at),
     unnest(%s::bigint[], %s::int[], %s::int[], %s::timestamptz[]) AS old
         (id, step, repeats, next_action_at)
WHERE asking_ask.id = new.id AND asking_ask.id = old.id AND asking_ask.closed_at IS NULL
  AND asking_ask.step = old.step AND asking_ask.repeats = old.repeats
  AND asking_ask.next_action_at = old.next_action_at
RETURNING asking_ask.id
"""
log = structlog.get_logger()


def sweep(*, at: datetime, limit: int = LIMIT) -> int:
    """Make the due action of up to ``limit`` asks, the longest waiting first.

    Returns how many were handled.
    """
    until = time.monotonic() + BUDGET_SECONDS
    seen: set[int] = set()
    last: Ask | None = None
    while len(seen) < limit and time.monotonic() < until:
        batch = _sweep_batch(at=at, size=min(BATCH, limit - len(seen)), after=last)
        if not batch or seen.issuperset(ask.pk for ask in batch):
            break
        seen |= {ask.pk for ask in batch}
        last = batch[-1]
    return len(seen)


@transaction.atomic(durable=True)
def _sweep_batch(*, at: datetime, size: int, after: Ask | None) -> list[Ask]:
    due = Ask.objects.due(at=at).filter(_later_than(after))
    asks = list(due.select_for_update(skip_locked=True, no_key=True)[:size])
    if not asks:
        return []
    # Whoever is settling a subject holds its stream and waits for this ask's row: waiting here
    # would be a deadlock. The next sweep sees what came of it.
    free = lock_those_free({ask.subject for ask in asks})
    _act_or_push_forward([ask for ask in asks if ask.subject in free], at)
    return asks


def _later_than(after: Ask | None) -> Q:
    if after is None:
        return Q()
    return Q(next_action_at__gt=after.next_action_at) | Q(
        next_action_at=after.next_action_at, pk__gt=after.pk
    )


def _act_or_push_forward(asks: Sequence[Ask], at: datetime) -> None:
    if not asks:
        return
    try:
        with transaction.atomic():
            act(asks, at=at)
    except Exception as error:
        if len(asks) == 1:
            log.exception("ask_not_moved", ask=asks[0].pk, error=type(error).__name__)
            _push_forward(asks[0], at)
            return
        for ask in asks:
            _act_or_push_forward([ask], at)


def _push_forward(ask: Ask, at: datetime) -> None:
    pause = min(FIRST_PAUSE * (1 << min(ask.failures, 10)), LONGEST_PAUSE)
    Ask.objects.open().filter(pk=ask.pk).update(
        failures=min(ask.failures + 1, 1000), next_action_at=at + pause
    )


def act(asks: Sequence[Ask], *, at: datetime) -> None:
    """Make the due action of each ask, in the caller's transaction, which holds their rows."""
    reach = Reach(asks, at=at)
    plans = [plan_of(ask, reach) for ask in asks]
    moved = _compare_and_set(plans, at)
    plans = [plan for plan in plans if plan.ask.pk in moved]
    enqueue([telling for plan in plans for telling in _tellings(plan, reach)], at=at)
    _enqueue_loud(plans, at)
    append_many(
        [
            Draft(plan.ask.subject, kind, SWEEP, at, data=data)
            for plan in plans
            for kind, data in plan.events
        ]
    )


def _tellings(plan: Plan, reach: Reach) -> list[Telling]:
    ask, move = plan.ask, plan.move
    return [
        Telling(ask, one, move.step, move.repeats, reach.wakes_at(ask, one.user) or reach.at)
        for one in plan.told
        if reach.has_mail(one.user)
    ]


def _enqueue_loud(plans: Collection[Plan], at: datetime) -> None:
    """Beside the mails: browsers and the chat room, where there are any."""
    actions = [
        Action(
            plan.ask,
            plan.told,
            plan.move.step,
            plan.move.repeats,
            Reason.REMINDER if plan.move.repeats else Reason.ASKED,
        )
        for plan in plans
    ]
    Notification.objects.bulk_create(loud_rows_of(actions, at=at), ignore_conflicts=True)


def _compare_and_set(plans: Sequence[Plan], at: datetime) -> set[int]:
    """Move the asks whose state is still the one that was planned on; says which those are."""
    asks, moves = [plan.ask for plan in plans], [plan.move for plan in plans]
    state = attrgetter("step", "repeats")
    new = zip(*map(state, moves), strict=True)
    old = zip(*map(state, asks), strict=True)
    ids = [ask.pk for ask in asks]
    planned = [
        ask.no_later_than_due(move.next_action_at, at=at)
        for ask, move in zip(asks, moves, strict=True)
    ]
    expected = [ask.next_action_at for ask in asks]
    with connection.cursor() as cursor:
        cursor.execute(
            MOVE,
            [ids, *map(list, new), planned, ids, *map(list, old), expected],
        )
        return {pk for (pk,) in cursor.fetchall()}
