"""Whether the votes on a case are enough to decide it. Pure: no database, no clock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many people must choose the same; each of ``teams`` gives one of the approvals."""

    votes: int
    teams: tuple[int, ...] = ()
    one_rejection_ends: bool = True

    def is_met(self, voters: Sequence[Collection[int]], *, rejecting: bool) -> bool:
        """``voters`` are the teams of each person who chose the same."""
        if rejecting:
            return len(voters) >= (1 if self.one_rejection_ends else self.votes)
        return len(voters) >= self.votes and not self.missing_teams(voters)

    def missing_teams(self, voters: Sequence[Collection[int]]) -> list[int]:
        """The teams nobody has voted for yet, where each person counts for one team only."""
        speaker: dict[int, int] = {}
        return [team for team in self.teams if not _find(team, voters, speaker, set())]


def _find(
    team: int, voters: Sequence[Collection[int]], speaker: dict[int, int], tried: set[int]
) -> bool:
    """Find somebody who speaks for the team; whoever speaks for another one may be replaced."""
    for person, teams in enumerate(voters):
        if team not in teams or person in tried:
            continue
        tried.add(person)
        busy_with = _team_of(person, speaker)
        if busy_with is None or _find(busy_with, voters, speaker, tried):
            speaker[team] = person
            return True
    return False


def _team_of(person: int, speaker: Mapping[int, int]) -> int | None:
    return next((team for team, one in speaker.items() if one == person), None)
