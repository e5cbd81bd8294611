"""Where a question goes next, and when. Pure: no database, no clock.

A state is ``(step, repeats)``: the index of the step reached (-1 before the first) and the
number of reminders made on it. The plan counts from the state, not from the past: after a
downtime there is one action, and the later ones are spaced from then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

BEFORE_THE_FIRST = -1


@dataclass(frozen=True, slots=True)
class Step:
    """``delay`` after the step before; reminders after ``repeat``, doubling up to ``cap``."""

    delay: timedelta
    repeat: timedelta
    cap: timedelta

    def interval(self, repeats: int) -> timedelta:
        """How long after the last reminder the next one goes out."""
        return self.elapsed(repeats + 1) - self.elapsed(repeats)

    def elapsed(self, repeats: int) -> timedelta:
        """How long after reaching the step reminder number ``repeats`` goes out."""
        total, interval = timedelta(0), self.repeat
        for done in range(repeats):
            if interval >= self.cap:
                return total + (repeats - done) * self.cap
            total += interval
            interval *= 2
        return total


@dataclass(frozen=True, slots=True)
class Move:
    """The state after an action, and when the next action is due."""

    step: int
    repeats: int
    next_action_at: datetime


class Ladder:
    """The steps of one question, from the snapshot in ``Ask.ladder``."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = tuple(steps)
        if not self.steps:
            raise ValueError("a ladder has at least one step")

    @classmethod
    def of(cls, snapshot: Sequence[Mapping[str, Any]]) -> "Ladder":
        """Read the snapshot; its order counts, gaps between positions do not."""
        return cls(
            Step(
                timedelta(seconds=rung["delay_s"]),
                timedelta(seconds=rung["repeat_s"]),
                timedelta(seconds=rung["cap_s"]),
            )
            for rung in snapshot
        )

    def first_action_at(self, opened_at: datetime) -> datetime:
        """When the first step is due."""
        return opened_at + self.steps[0].delay

    def is_last(self, step: int) -> bool:
        """The last step is never left: it repeats for ever."""
        return step >= len(self.steps) - 1

    def next_move(self, *, step: int, repeats: int, at: datetime) -> Move:
        """The action that is due now: the next step, or one more reminder on this one."""
        if step == BEFORE_THE_FIRST or self._climbs(step, repeats):
            return self.climb(step=step, at=at)
        return self._reach(step, repeats + 1, at)

    def climb(self, *, step: int, at: datetime) -> Move:
        """The next step at once, however long this one would have lasted."""
        return self._reach(min(step + 1, len(self.steps) - 1), 0, at)

    def until_next_step(self, *, step: int, repeats: int) -> timedelta | None:
        """How long the step still lasts after a reminder on it; None for the last one."""
        return None if self.is_last(step) else self._remaining(step, repeats)

    def _reach(self, step: int, repeats: int, at: datetime) -> Move:
        if self._climbs(step, repeats):
            return Move(step, repeats, at + self._remaining(step, repeats))
        return Move(step, repeats, at + self.steps[step].interval(repeats))

    def _climbs(self, step: int, repeats: int) -> bool:
        """Whether the next step comes before, or together with, one more reminder."""
        if self.is_last(step):
            return False
        return self._remaining(step, repeats) <= self.steps[step].interval(repeats)

    def _remaining(self, step: int, repeats: int) -> timedelta:
        left = self.steps[step + 1].delay - self.steps[step].elapsed(repeats)
        return max(left, timedelta(0))
