"""Open a review, vote on it, take it back; what it still needs.

The app that owns the version calls ``cast_vote`` and acts on the result in the same
transaction: only so does an approval release or ratify something.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from governance.asking.defaults import DEFAULTS
from governance.asking.models import AskKind, Policy
from governance.asking.services import close_ask, open_ask, record_sighting
from governance.audit.actors import Actor
from governance.audit.services import append
from governance.base.canonical import sha256_hex, stamp
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.people.models import Team, User
from governance.people.permissions import Permission, has
from governance.people.services import actor_of
from governance.review.models import Review, ReviewStatus, Verdict, Vote
from governance.review.news import ask_of, tell_outcome
from governance.review.parts import Part, close_parts, open_parts
from governance.review.permissions import (
    check_can_vote,
    check_can_withdraw,
    refusal_to_vote,
)
from governance.review.quorum import Cast, Quorum

MAX_COMMENT = 5_000


@transaction.atomic
def open_review(
    *,
    kind: AskKind,
    subject: str,
    title: str,
    path: str,
    version_sha256: str,
    constitution_sha256: str,
    excluded: Collection[int],
    by: Actor,
    at: datetime,
    policy: Policy | None = None,
    required_votes: int | None = None,
    teams: Sequence[Team] | None = None,
    due_at: datetime | None = None,
    about: str = "",
    parts: Sequence[Part] = (),
) -> Review:
    """Put a version before the people who may approve it, and see that they are asked.

    ``excluded`` are those who wrote or submitted it: none of them may vote. ``about`` is a
    line for the mail. Votes and teams are the policy's unless they are given. The reviews of
    ``parts`` are opened with this one and end with it.
    """
    if Review.objects.filter(subject=subject, status=ReviewStatus.IN_REVIEW).exists():
        raise Conflict(f"{title} is in review already.", code="in_review")
    _check_due(due_at, at)
    policy = policy or Policy.objects.filter(kind=kind, is_default=True).first()
    name, votes, _ = DEFAULTS[kind]
    if policy:
        name, votes = policy.name, policy.required_votes
    if teams is None:
        teams = list(policy.teams.all()) if policy else []
    review = Review.objects.create(
        kind=kind,
        subject=subject,
        title=title[:200],
        path=path,
        version_sha256=version_sha256,
        constitution_sha256=constitution_sha256,
        policy_name=name,
        required_votes=votes if required_votes is None else required_votes,
        required_teams=sorted(team.slug for team in teams),
        excluded=sorted(set(excluded)),
        due_at=due_at,
        opened_at=at,
        opened_by=str(by),
    )
    ask_people(review, policy, teams, about, by, at)
    open_parts(review, parts, by=by, at=at)
    return review


def _check_due(due_at: datetime | None, at: datetime) -> None:
    if due_at is not None and due_at <= at:
        raise InvalidInput("The day it is due lies in the past.", code="due_in_the_past")


def ask_people(
    review: Review,
    policy: Policy | None,
    teams: Sequence[Team],
    about: str,
    by: Actor,
    at: datetime,
) -> None:
    """Open the question about a review, in the caller's transaction."""
    open_ask(
        kind=AskKind(review.kind),
        subject=review.stream,
        title=review.title,
        path=review.path,
        fingerprint=review.version_sha256,
        policy=policy,
        required_votes=review.required_votes,
        teams=[team.pk for team in teams],
        due_at=review.due_at,
        excluded=review.excluded,
        by=by,
        at=at,
        about=about,
    )
    _record(
        review,
        "review.opened",
        by,
        at,
        version_sha256=review.version_sha256,
        constitution_sha256=review.constitution_sha256,
        policy=review.policy_name,
        required_votes=review.required_votes,
        required_teams=review.required_teams,
        excluded=review.excluded,
        due_at=stamp(review.due_at) if review.due_at else None,
    )


@transaction.atomic
def cast_vote(
    *,
    review_id: int,
    by: User,
    verdict: str,
    comment: str,
    seen_sha256: str,
    method: str,
    at: datetime,
) -> Review:
    """One person's vote; closes the review where it decides it.

    The same vote again returns the review as it stands. Raises ``NotPermitted`` for authors
    and for people without the right, ``Conflict`` for another vote of the same person, for a
    closed review and where the voter saw another text than the one under review.
    """
    review = locked_review(review_id)
    check_can_vote(by, review)
    comment = comment.strip()
    if _said_before(review, by, verdict, comment):
        return review
    _check_vote(review, verdict, comment, seen_sha256)
    _write_vote(review, by, verdict, comment, method, at)
    _close_if_decided(review, actor_of(by), at)
    return review


def locked_review(review_id: int) -> Review:
    """A review under its lock, so that it does not close while something is written to it."""
    review = Review.objects.select_for_update().filter(pk=review_id).first()
    if review is None:
        raise NotThere("There is no such review.")
    return review


def _said_before(review: Review, by: User, verdict: str, comment: str) -> bool:
    vote = review.votes.filter(voter=by).first()
    if vote is not None and (vote.verdict, vote.comment) != (verdict, comment):
        raise Conflict("You have voted already. A vote is never changed.", code="voted")
    return vote is not None


def _check_vote(review: Review, verdict: str, comment: str, seen_sha256: str) -> None:
    if verdict not in Verdict.values:
        raise InvalidInput("Choose to approve, to request changes or to reject.")
    if verdict != Verdict.APPROVE and not comment:
        raise InvalidInput("Say in the comment what is wrong, so that it can be put right.")
    if len(comment) > MAX_COMMENT:
        raise InvalidInput(f"A comment has at most {MAX_COMMENT:,} characters.")
    if review.status != ReviewStatus.IN_REVIEW:
        raise Conflict(
            f"This review is closed: {review.get_status_display().lower()}.", code="closed"
        )
    if seen_sha256 != review.version_sha256:
        raise Conflict(
            "This is not the text you saw: it changed since you opened it. Read it again.",
            code="changed_since_seen",
        )


def _write_vote(
    review: Review, by: User, verdict: str, comment: str, method: str, at: datetime
) -> None:
    vote = Vote.objects.create(
        review=review,
        voter=by,
        verdict=verdict,
        comment=comment,
        version_sha256=review.version_sha256,
        constitution_sha256=review.constitution_sha256,
        teams=sorted(by.teams.values_list("slug", flat=True)),
        method=method,
        at=at,
    )
    _record(
        review,
        "review.voted",
        actor_of(by),
        at,
        vote=vote.pk,
        verdict=verdict,
        comment_sha256=sha256_hex(comment.encode()),
        version_sha256=review.version_sha256,
        constitution_sha256=review.constitution_sha256,
        teams=vote.teams,
        method=method,
    )
    _saw(review, by, at)


def _close_if_decided(review: Review, by: Actor, at: datetime) -> None:
    outcome = quorum_of(review).outcome(casts(review.votes.all()))
    if outcome is not None:
        _close(review, outcome, by, at)


def quorum_of(review: Review) -> Quorum:
    """What the review needs, as its policy said when it was opened."""
    return Quorum(review.required_votes, tuple(review.required_teams))


def casts(votes: Iterable[Vote]) -> list[Cast]:
    """Votes as the quorum counts them."""
    return [Cast(vote.verdict, tuple(vote.teams)) for vote in votes]


def _close(review: Review, status: ReviewStatus, by: Actor, at: datetime) -> None:
    review.move_to(status)
    review.closed_at = at
    review.save(update_fields=["status", "closed_at"])
    ask = ask_of(review)
    close_ask(subject=review.stream, because=status.value, by=by, at=at)
    tell_outcome(review, ask, at=at)
    _record(review, f"review.{status.value}", by, at, version_sha256=review.version_sha256)
    close_parts(review, by=by, at=at)


@transaction.atomic
def withdraw_review(*, review_id: int, by: Actor, at: datetime) -> Review:
    """End a review undecided; again changes nothing. The caller has checked who may."""
    review = locked_review(review_id)
    if review.status != ReviewStatus.WITHDRAWN:
        _close(review, ReviewStatus.WITHDRAWN, by, at)
    return review


@transaction.atomic
def take_back(*, review_id: int, by: User, at: datetime) -> Review:
    """Withdraw what one wrote or submitted oneself, before it is decided."""
    check_can_withdraw(by, locked_review(review_id))
    return withdraw_review(review_id=review_id, by=actor_of(by), at=at)


@transaction.atomic
def see_review(*, review_id: int, by: User, at: datetime) -> None:
    """Note that a person looked at what is under review; once it is closed, nothing."""
    _saw(review_for(by, review_id), by, at)


def _saw(review: Review, by: User, at: datetime) -> None:
    if (ask := ask_of(review)) is not None:
        record_sighting(ask_id=ask.pk, user=by, at=at)


def _record(review: Review, kind: str, by: Actor, at: datetime, **data: Any) -> None:
    append(stream=review.stream, kind=kind, by=by, at=at, data={"about": review.subject, **data})


def may_vote(user: Any, review: Review) -> tuple[bool, str]:
    """Whether this person may vote now, and the sentence that says why not."""
    sentence = refusal_to_vote(user, review, list(review.votes.all()))
    return not sentence, sentence


def review_for(user: Any, review_id: int) -> Review:
    """One review, or ``NotThere`` for strangers as for what does not exist."""
    review = Review.objects.filter(pk=review_id).first() if has(user, Permission.VIEW) else None
    if review is None:
        raise NotThere("There is no such review.")
    return review


def latest_review(subject: str) -> Review | None:
    """The newest review of a version, open or closed."""
    return Review.objects.filter(subject=subject).order_by("-id").first()


def review_to_vote_on(subject: str) -> Review:
    """The newest review of a version; a draft has none."""
    review = latest_review(subject)
    if review is None:
        raise Conflict("This version is a draft: submit it first.", code="draft")
    return review
