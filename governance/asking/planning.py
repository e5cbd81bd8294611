"""What the due action of a question is: which step, who is told, what the history says of it.

Only looks; the sweep writes. Evaluation never waits for anybody to wake: where everybody whom a
step names sleeps longer than the step lasts, somebody higher up who is awake is told now, and
the sleepers when they wake.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from governance.asking.ladder import BEFORE_THE_FIRST, Ladder, Move
from governance.asking.models import Ask
from governance.asking.reaching import Reach, Reached, moment_in_words
from governance.people.absences import Told


@dataclass(slots=True)
class Plan:
    """One action. ``told`` are those who get a notice now or when they wake."""

    ask: Ask
    move: Move
    told: list[Told] = field(default_factory=list)
    last_resort: list[Told] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def plan_of(ask: Ask, reach: Reach) -> Plan:
    """The action that is due now."""
    ladder = Ladder.of(ask.ladder)
    plan = Plan(ask, _next_move(ask, ladder, reach.at))
    if ask.unreached:
        _note_nobody(plan, max(ask.step, 0), ask.repeats, ask.unreached)
    first = plan.move.step
    reached = _climb_past_nobody(plan, ladder, reach)
    if reached.told:
        first = plan.move.step
        _climb_past_sleepers(plan, ladder, reach, reached)
    # A question gets louder: reminders go to those before as well, who are not forgotten higher up.
    if plan.move.repeats or not reached.told:
        first = 0
    wanted = reach.with_claim(ask, reach.up_to_step(ask, plan.move.step, first=first))
    if ladder.is_last(plan.move.step) and not _hears(ask, wanted, reach):
        _tell_last(plan, reach)
    _tell(plan, wanted, reach)
    return plan


def _hears(ask: Ask, reached: Reached, reach: Reach) -> bool:
    return any(not reach.is_snoozed(ask, one.user) for one in reached.told)


def _tell_last(plan: Plan, reach: Reach) -> None:
    """No question stands still because all whom its ladder names are away, gone or snoozing."""
    plan.last_resort = reach.administrators(plan.ask)


def _next_move(ask: Ask, ladder: Ladder, at: datetime) -> Move:
    if ask.unreached and ask.step > BEFORE_THE_FIRST and not ladder.is_last(ask.step):
        return ladder.climb(step=ask.step, at=at)
    return ladder.next_move(step=ask.step, repeats=ask.repeats, at=at)


def _climb_past_nobody(plan: Plan, ladder: Ladder, reach: Reach) -> Reached:
    while not (reached := reach.of_step(plan.ask, plan.move.step)).told:
        _note_nobody(plan, plan.move.step, plan.move.repeats, reached.because)
        if ladder.is_last(plan.move.step):
            break
        plan.move = ladder.climb(step=plan.move.step, at=reach.at)
    return reached


def _note_nobody(plan: Plan, step: int, repeats: int, because: str) -> None:
    data = {"ask": plan.ask.pk, "step": step + 1, "repeat": repeats, "because": because}
    plan.events.append(("ask.step_reached_nobody", data))


def _climb_past_sleepers(plan: Plan, ladder: Ladder, reach: Reach, reached: Reached) -> None:
    """To the next step with somebody awake, unless the sleepers wake before it is due anyway."""
    ask, move = plan.ask, plan.move
    if _is_quiet(ask, move):
        return
    found = _step_awake(ask, move, ladder, reach, reached)
    if found is None:
        return
    asleep = reach.up_to_step(ask, found - 1, first=move.step).told
    wakes = reach.all_asleep_until(ask, asleep) or reach.at
    data = {"ask": ask.pk, "step": move.step + 1, "until": wakes.isoformat()}
    data["because"] = f"everybody of this step sleeps until {moment_in_words(wakes)}"
    plan.events.append(("ask.step_asleep", data))
    plan.move = ladder.climb(step=found - 1, at=reach.at)


def _step_awake(ask: Ask, move: Move, ladder: Ladder, reach: Reach, reached: Reached) -> int | None:
    step, repeats = move.step, move.repeats
    while True:
        until = reach.all_asleep_until(ask, reached.told)
        if reached.told and until is None:
            return step if step > move.step else None
        left = ladder.until_next_step(step=step, repeats=repeats)
        if left is None or (until is not None and until - reach.at <= left):
            return None
        step, repeats = step + 1, 0
        reached = reach.of_step(ask, step)


def _is_quiet(ask: Ask, move: Move) -> bool:
    """Until its second step who gets a daily digest is told of such a question there alone."""
    return ask.in_digest and move.step == 0


def _tell(plan: Plan, reached: Reached, reach: Reach) -> None:
    ask, move = plan.ask, plan.move
    snoozed = [one for one in reached.told if reach.is_snoozed(ask, one.user)]
    people = [one for one in reached.told if one not in snoozed]
    waits = [one for one in people if _is_quiet(ask, move) and reach.has_digest(ask, one.user)]
    plan.told = [*(one for one in people if one not in waits), *plan.last_resort]
    data: dict[str, Any] = {
        "ask": ask.pk,
        "step": move.step + 1,
        "repeat": move.repeats,
        "told": [one.user.subject for one in plan.told],
    }
    instead = {one.user.subject: one.on_behalf_of.subject for one in people if one.on_behalf_of}
    if instead:
        data["on_behalf_of"] = instead
    if snoozed:
        data["snoozed"] = [one.user.subject for one in snoozed]
    if plan.last_resort:
        data["last_resort"] = [one.user.subject for one in plan.last_resort]
    if waits:
        data["in_digest"] = [one.user.subject for one in waits]
    plan.events.append(("ask.reminded" if move.repeats else "ask.step", data))
    for one in plan.told:
        _note_held(plan, one, reach)


def _note_held(plan: Plan, one: Told, reach: Reach) -> None:
    until = reach.wakes_at(plan.ask, one.user)
    if until is not None:
        data = {"ask": plan.ask.pk, "recipient": one.user.subject, "until": until.isoformat()}
        plan.events.append(("notice.held", data | {"because": "quiet hours"}))
