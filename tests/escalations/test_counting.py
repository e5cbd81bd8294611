"""How many votes are enough, and of whom."""

from itertools import permutations

import pytest

from escalations.counting import Quorum

OPS, LAW, DATA = 1, 2, 3


@pytest.mark.parametrize(
    ("quorum", "voters", "enough"),
    [
        (Quorum(1), [()], True),
        (Quorum(1), [], False),
        (Quorum(2), [()], False),
        (Quorum(2), [(), ()], True),
        (Quorum(1, (OPS, LAW)), [(OPS,), (LAW,)], True),
        (Quorum(1, (OPS, LAW)), [(OPS, LAW)], False),
        (Quorum(1, (OPS, LAW)), [(OPS, LAW), (OPS,)], True),
        (Quorum(1, (OPS, LAW)), [(OPS,), (OPS,)], False),
        (Quorum(3, (OPS, LAW)), [(OPS,), (LAW,)], False),
        (Quorum(3, (OPS, LAW)), [(OPS,), (LAW,), ()], True),
        (Quorum(2, (OPS,)), [(), ()], False),
    ],
)
def test_each_team_is_spoken_for_by_one_person(quorum, voters, enough):
    for order in permutations(voters):
        assert quorum.is_met(order, rejecting=False) is enough


def test_whoever_belongs_to_many_teams_gives_way_to_others():
    quorum = Quorum(1, (OPS, LAW, DATA))
    for order in permutations([(OPS, LAW, DATA), (OPS, LAW), (OPS,)]):
        assert quorum.missing_teams(order) == []


@pytest.mark.parametrize(
    ("quorum", "count", "enough"),
    [
        (Quorum(3), 1, True),
        (Quorum(3, (OPS,)), 1, True),
        (Quorum(3, one_rejection_ends=False), 2, False),
        (Quorum(3, one_rejection_ends=False), 3, True),
        (Quorum(2, (OPS, LAW), one_rejection_ends=False), 2, True),
    ],
)
def test_a_rejection_ends_it_at_once_or_needs_as_many_as_an_approval(quorum, count, enough):
    assert quorum.is_met([()] * count, rejecting=True) is enough
