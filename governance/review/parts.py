"""Reviews that are part of one over a whole list: opened with it, and ended as it ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from governance.audit.actors import Actor
from governance.audit.services import append
from governance.base.errors import Conflict
from governance.review.models import Review, ReviewStatus


@dataclass(frozen=True, slots=True)
class Part:
    """One version of a list, as its own review names it."""

    subject: str
    title: str
    path: str
    version_sha256: str


def open_parts(whole: Review, parts: Sequence[Part], *, by: Actor, at: datetime) -> list[Review]:
    """Write the reviews of a list's versions: bound to the law of the whole, without an ask."""
    subjects = [part.subject for part in parts]
    taken = Review.objects.filter(subject__in=subjects, status=ReviewStatus.IN_REVIEW).first()
    if taken is not None:
        raise Conflict(f"{taken.title} is in review already.", code="in_review")
    opened = Review.objects.bulk_create(_review_of(part, whole) for part in parts)
    for review in opened:
        append(
            stream=review.stream,
            kind="review.opened",
            by=by,
            at=at,
            data={
                "about": review.subject,
                "part_of": whole.pk,
                "version_sha256": review.version_sha256,
                "constitution_sha256": review.constitution_sha256,
            },
        )
    return opened


def _review_of(part: Part, whole: Review) -> Review:
    return Review(
        kind=whole.kind,
        subject=part.subject,
        title=part.title[:200],
        path=part.path,
        version_sha256=part.version_sha256,
        constitution_sha256=whole.constitution_sha256,
        policy_name=whole.policy_name,
        required_votes=whole.required_votes,
        required_teams=whole.required_teams,
        excluded=whole.excluded,
        part_of=whole,
        opened_at=whole.opened_at,
        opened_by=whole.opened_by,
    )


def close_parts(whole: Review, *, by: Actor, at: datetime) -> None:
    """End what is still open of the whole as the whole ended."""
    parts = list(whole.parts.filter(status=ReviewStatus.IN_REVIEW).order_by("id"))
    for part in parts:
        part.move_to(whole.status)
        part.closed_at = at
    Review.objects.bulk_update(parts, ["status", "closed_at"])
    for part in parts:
        append(
            stream=part.stream,
            kind=f"review.{whole.status}",
            by=by,
            at=at,
            data={
                "about": part.subject,
                "part_of": whole.pk,
                "version_sha256": part.version_sha256,
            },
        )
