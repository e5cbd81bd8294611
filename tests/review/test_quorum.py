"""What votes amount to, over every combination of a few of them."""

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, product

import pytest

from governance.review.models import ReviewStatus, Verdict
from governance.review.quorum import Cast, Quorum

TEAMS = ("privacy", "security")
MEMBERSHIPS = ((), ("security",), ("privacy",), ("privacy", "security"))
NEEDED = (*(Quorum(votes, teams) for votes in (1, 2, 3) for teams in ((), ("security",), TEAMS)),)


def every_vote() -> list[Cast]:
    return [Cast(verdict, teams) for verdict in Verdict.values for teams in MEMBERSHIPS]


def every_list() -> Iterator[tuple[Cast, ...]]:
    """All lists of up to three votes; their order says nothing."""
    for length in range(4):
        yield from combinations_with_replacement(every_vote(), length)


def expected(quorum: Quorum, votes: Sequence[Cast]) -> ReviewStatus | None:
    """The same in other words: what the policy promises to people."""
    said = [vote.verdict for vote in votes]
    if "reject" in said:
        return ReviewStatus.REJECTED
    if "request_changes" in said:
        return ReviewStatus.CHANGES_REQUESTED
    teams_heard = all(any(team in vote.teams for vote in votes) for team in quorum.teams)
    return ReviewStatus.APPROVED if len(votes) >= quorum.votes and teams_heard else None


@pytest.mark.parametrize("quorum", NEEDED, ids=str)
def test_every_combination_of_votes_ends_as_the_policy_says(quorum):
    for votes in every_list():
        assert quorum.outcome(votes) == expected(quorum, votes), votes
        assert quorum.outcome(votes[::-1]) == quorum.outcome(votes), votes


@pytest.mark.parametrize("quorum", NEEDED, ids=str)
def test_what_is_still_needed_is_never_more_than_it_takes_and_nothing_once_it_is_approved(quorum):
    for count, teams in product(range(4), MEMBERSHIPS):
        votes = [Cast("approve", teams)] * count
        is_approved = quorum.outcome(votes) is ReviewStatus.APPROVED
        assert (quorum.still_needed(votes) == 0) is is_approved
        enough = [*votes, *[Cast("approve", TEAMS)] * quorum.still_needed(votes)]
        assert quorum.outcome(enough) is ReviewStatus.APPROVED


@pytest.mark.parametrize("verdict", ["", "approved", "APPROVE", "yes", "Approve ", "true"])
def test_a_word_that_is_no_verdict_approves_nothing(verdict):
    assert Quorum(1).outcome([Cast(verdict)]) is None


def test_no_votes_approve_nothing_even_where_none_are_needed():
    assert Quorum(0).outcome([]) is None


def test_one_person_speaks_for_each_team_that_he_is_in():
    assert Quorum(1, TEAMS).missing_teams([Cast("approve", ("security",))]) == ("privacy",)
    assert Quorum(1, TEAMS).outcome([Cast("approve", TEAMS)]) is ReviewStatus.APPROVED


def test_a_team_that_rejected_has_not_approved():
    assert Quorum(1, TEAMS).missing_teams([Cast("reject", TEAMS)]) == TEAMS
