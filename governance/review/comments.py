"""Remarks on what is under review, and that they were dealt with; never a vote."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from governance.audit.services import append
from governance.base.canonical import sha256_hex
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import User
from governance.people.permissions import Permission, has
from governance.people.services import actor_of
from governance.review.models import Comment, Review, ReviewStatus
from governance.review.news import tell_comment
from governance.review.permissions import NEEDED
from governance.review.services import locked_review

LONGEST = 5_000
LONGEST_PART = 180
MAY_COMMENT = "To comment you need the right to propose versions or to vote on them."


def refusal_to_comment(user: Any, review: Review) -> str:
    """Why this person may not comment; empty where they may."""
    if not takes_part(user, review):
        return MAY_COMMENT
    if review.status != ReviewStatus.IN_REVIEW:
        return "This review is closed: comments are read, not added."
    return ""


def takes_part(user: Any, review: Review) -> bool:
    """Those who propose, those who vote, and the authors, who answer."""
    if not isinstance(user, User) or not has(user, Permission.VIEW):
        return False
    needed = NEEDED[review.kind]
    return has(user, Permission.PROPOSE) or has(user, needed) or user.pk in review.excluded


@transaction.atomic
def comment(
    *,
    review_id: int,
    by: User,
    text: str,
    at: datetime,
    line: int | None = None,
    part: str = "",
) -> Comment:
    """Say something about a line, about a part of the contract, or about the whole."""
    review = locked_review(review_id)
    if not takes_part(by, review):
        raise NotPermitted(MAY_COMMENT)
    if review.status != ReviewStatus.IN_REVIEW:
        raise Conflict(refusal_to_comment(by, review), code="closed")
    said = text.replace("\0", "\ufffd").strip()
    _check(said, line, part)
    made = Comment.objects.create(review=review, author=by, line=line, part=part, text=said, at=at)
    _record(made, "review.commented", by, at, text_sha256=sha256_hex(said.encode()))
    tell_comment(review, by=by, at=at)
    return made


def _check(text: str, line: int | None, part: str) -> None:
    if not text:
        raise InvalidInput("Write what you want to say.", code="empty")
    if len(text) > LONGEST:
        raise InvalidInput(f"A comment has at most {LONGEST:,} characters.", code="too_long")
    if line is not None and not 1 <= line <= 1_000_000:
        raise InvalidInput("There is no such line.", code="no_such_line")
    if len(part) > LONGEST_PART or not part.isprintable():
        raise InvalidInput("There is no such part.", code="no_such_part")


@transaction.atomic
def resolve_comment(*, comment_id: int, by: User, at: datetime) -> Comment:
    """Say that a remark was dealt with; its words stay. Doing it again changes nothing."""
    found = Comment.objects.select_related("review").filter(pk=comment_id).first()
    if found is None:
        raise NotThere("There is no such comment.")
    if not takes_part(by, found.review):
        raise NotPermitted(MAY_COMMENT)
    resolved = Comment.objects.filter(pk=comment_id, resolved_at=None).update(
        resolved_at=at, resolved_by=by
    )
    found.refresh_from_db()
    if resolved:
        _record(found, "review.comment_resolved", by, at)
    return found


def _record(made: Comment, kind: str, by: User, at: datetime, **data: Any) -> None:
    append(
        stream=made.review.stream,
        kind=kind,
        by=actor_of(by),
        at=at,
        data={
            "about": made.review.subject,
            "comment": made.pk,
            "line": made.line,
            "part": made.part,
            **data,
        },
    )


def comments_on(review: Review) -> list[Comment]:
    """The comments with their people, the oldest first."""
    return list(review.comments.select_related("author", "resolved_by"))


def unresolved(comments: Iterable[Comment]) -> int:
    """How many nobody has dealt with yet."""
    return sum(one.resolved_at is None for one in comments)
