from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.asking.ladder import Ladder, Step
from tests.factories import NOW

HOUR = timedelta(hours=1)
STEPS = [
    Step(timedelta(0), 4 * HOUR, 24 * HOUR),
    Step(10 * HOUR, 2 * HOUR, 24 * HOUR),
    Step(20 * HOUR, 12 * HOUR, 24 * HOUR),
]


def played(ladder, count, late=timedelta(0)):
    """(step, repeats, hours since asked) of the first actions, each made ``late``."""
    step, repeats, due = -1, 0, ladder.first_action_at(NOW)
    made = []
    for _ in range(count):
        at = due + late
        move = ladder.next_move(step=step, repeats=repeats, at=at)
        step, repeats, due = move.step, move.repeats, move.next_action_at
        made.append((step, repeats, (at - NOW) / HOUR))
    return made


def test_each_step_fires_once_at_its_delay_and_reminders_fit_in_between():
    assert played(Ladder(STEPS), 8) == [
        (0, 0, 0),
        (0, 1, 4),
        (1, 0, 10),
        (1, 1, 12),
        (1, 2, 16),
        (1, 3, 24),
        (2, 0, 30),
        (2, 1, 42),
    ]


def test_the_last_step_repeats_for_ever_at_its_cap():
    made = played(Ladder(STEPS), 60)
    assert {step for step, _, _ in made[6:]} == {2}
    gaps = [later[2] - earlier[2] for earlier, later in zip(made[6:], made[7:], strict=False)]
    assert gaps == [12] + [24] * (len(gaps) - 1)


def test_a_late_action_shifts_what_follows_and_catches_nothing_up():
    made = played(Ladder(STEPS), 3, late=100 * HOUR)
    assert [(step, repeats) for step, repeats, _ in made] == [(0, 0), (0, 1), (1, 0)]
    assert [hours for *_, hours in made] == [100, 204, 310]


def test_a_reminder_that_would_meet_the_next_step_gives_way_to_it():
    ladder = Ladder([Step(timedelta(0), 4 * HOUR, 4 * HOUR), Step(4 * HOUR, HOUR, HOUR)])
    assert [(step, repeats) for step, repeats, _ in played(ladder, 3)] == [(0, 0), (1, 0), (1, 1)]


def test_a_next_step_without_a_delay_follows_at_once():
    ladder = Ladder([Step(timedelta(0), HOUR, HOUR), Step(timedelta(0), HOUR, HOUR)])
    assert played(ladder, 3) == [(0, 0, 0), (1, 0, 0), (1, 1, 1)]


def test_climbing_from_the_last_step_stays_there():
    assert Ladder(STEPS).climb(step=2, at=NOW).step == 2


def test_an_empty_ladder_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Ladder([])


steps = st.builds(
    lambda delay, repeat, factor: Step(
        timedelta(seconds=delay), timedelta(seconds=repeat), timedelta(seconds=repeat * factor)
    ),
    st.integers(0, 10**6),
    st.integers(1, 10**5),
    st.integers(1, 50),
)


@given(st.lists(steps, min_size=1, max_size=4), st.integers(1, 200))
def test_there_is_always_a_next_action_and_steps_never_go_back(ladder, count):
    made = played(Ladder(ladder), count)
    assert all(later[:2] > earlier[:2] for earlier, later in zip(made, made[1:], strict=False))
    assert all(later[2] >= earlier[2] for earlier, later in zip(made, made[1:], strict=False))


@given(steps, st.integers(0, 10**7))
def test_the_interval_never_exceeds_the_cap(step, repeats):
    assert timedelta(0) < step.interval(repeats) <= step.cap
