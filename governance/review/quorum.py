"""What some votes amount to. Pure: no database, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from governance.review.models import ReviewStatus, Verdict


@dataclass(frozen=True, slots=True)
class Cast:
    """One vote: what was said, and the teams of the voter when it was said."""

    verdict: str
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many approvals it takes; each of ``teams`` gives one of them."""

    votes: int
    teams: tuple[str, ...] = ()

    def outcome(self, votes: Sequence[Cast]) -> ReviewStatus | None:
        """How the review ends by these votes; nothing while it goes on.

        One rejection or request for changes ends it. A word that is not known approves nothing.
        """
        said = {vote.verdict for vote in votes}
        if Verdict.REJECT in said:
            return ReviewStatus.REJECTED
        if Verdict.REQUEST_CHANGES in said:
            return ReviewStatus.CHANGES_REQUESTED
        if self.approvals(votes) < self.votes or self.missing_teams(votes):
            return None
        return ReviewStatus.APPROVED if self.approvals(votes) else None

    def approvals(self, votes: Iterable[Cast]) -> int:
        return sum(vote.verdict == Verdict.APPROVE for vote in votes)

    def missing_teams(self, votes: Iterable[Cast]) -> tuple[str, ...]:
        """The teams of which nobody has approved yet."""
        heard = {team for vote in votes if vote.verdict == Verdict.APPROVE for team in vote.teams}
        return tuple(team for team in self.teams if team not in heard)

    def still_needed(self, votes: Sequence[Cast]) -> int:
        """How many more people it takes at least: one may speak for several teams."""
        left = max(self.votes - self.approvals(votes), 0)
        return max(left, 1) if self.missing_teams(votes) else left
