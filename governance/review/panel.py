"""A review as pages show it to one person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from governance.asking.models import Ask, Sighting
from governance.asking.services import ladder_view
from governance.asking.together.pages import together_of
from governance.people.models import Team
from governance.people.permissions import has
from governance.review.comments import comments_on, refusal_to_comment, takes_part, unresolved
from governance.review.models import Comment, Review, ReviewStatus, Vote
from governance.review.permissions import NEEDED, can_withdraw, refusal_to_vote
from governance.review.services import casts, quorum_of


@dataclass(frozen=True, slots=True)
class Panel:
    """Votes with names, comments, what is still needed, and who is asked next."""

    review: Review
    votes: list[Vote]
    approvals: int
    may_vote: bool
    refusal: str
    may_withdraw: bool
    ask: Ask | None
    ladder: list[dict[str, Any]]
    seen_by: list[Sighting]
    still_needed: str = ""
    silent_teams: list[str] = field(default_factory=list)
    together: dict[str, Any] | None = None
    is_overdue: bool = False
    comments: list[Comment] = field(default_factory=list)
    why_no_comment: str = ""
    may_resolve: bool = False

    @property
    def subject(self) -> str:
        """The subject of the review's ask."""
        return self.review.stream

    @property
    def needed(self) -> str:
        """``1 of 2 votes``."""
        noun = "vote" if self.review.required_votes == 1 else "votes"
        return f"{self.approvals} of {self.review.required_votes} {noun}"

    @property
    def unresolved(self) -> int:
        """How many comments nobody has dealt with."""
        return unresolved(self.comments)

    @property
    def unresolved_words(self) -> str:
        return f"{self.unresolved} not dealt with"


def panel_for(
    user: Any, review: Review, *, at: datetime, parts: Mapping[str, str] | None = None
) -> Panel:
    """Everything the review panel shows. ``parts`` are the names of parts by their keys."""
    votes = list(review.votes.select_related("voter"))
    sentence = refusal_to_vote(user, review, votes)
    ask = _ask(review)
    is_open = review.status == ReviewStatus.IN_REVIEW
    teams = _teams(review)
    return Panel(
        review=review,
        votes=votes,
        approvals=quorum_of(review).approvals(casts(votes)),
        may_vote=not sentence,
        refusal=sentence,
        may_withdraw=can_withdraw(user, review),
        ask=ask,
        ladder=ladder_view(ask) if ask and ask.closed_at is None else [],
        seen_by=list(ask.sightings.all()) if ask else [],
        still_needed=still_needed(review, votes, teams) if is_open else "",
        silent_teams=silent(review, teams) if is_open else [],
        together=together_of(user, ask, at=at, with_comments=False),
        is_overdue=is_open and review.due_at is not None and review.due_at <= at,
        comments=_placed(comments_on(review), parts or {}),
        why_no_comment=refusal_to_comment(user, review),
        may_resolve=takes_part(user, review),
    )


def _ask(review: Review) -> Ask | None:
    asks = Ask.objects.filter(subject=review.stream).select_related("claimed_by")
    return asks.prefetch_related("sightings__user").order_by("-id").first()


def _placed(comments: list[Comment], parts: Mapping[str, str]) -> list[Comment]:
    """Each with ``where``: the words of the part it is about."""
    for comment in comments:
        comment.where = parts.get(comment.part, comment.part)  # type: ignore[attr-defined]  # for the template
    return comments


def _teams(review: Review) -> list[Team]:
    if not review.required_teams:
        return []
    teams = Team.objects.filter(slug__in=review.required_teams)
    return list(teams.prefetch_related("members"))


def teams_without_voters(review: Review) -> list[str]:
    """The names of teams whose vote is needed and of whom nobody can give it."""
    return silent(review, _teams(review))


def silent(review: Review, teams: list[Team]) -> list[str]:
    """The same of teams that are at hand with their members."""
    return [
        team.name
        for team in teams
        if not any(
            has(member, NEEDED[review.kind]) and member.pk not in review.excluded
            for member in team.members.all()
        )
    ]


def still_needed(review: Review, votes: list[Vote], teams: list[Team]) -> str:
    """``2 more approvals, one from Security``; empty once it has enough."""
    quorum, cast = quorum_of(review), casts(votes)
    names = {team.slug: team.name for team in teams}
    missing = [names.get(slug, slug) for slug in quorum.missing_teams(cast)]
    more = quorum.still_needed(cast)
    if not more:
        return ""
    count = "one more approval" if more == 1 else f"{more} more approvals"
    return ", ".join([count, *(f"one from {name}" for name in missing)])
