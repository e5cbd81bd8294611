"""Where a version stands: draft, in review, approved, stale, suspended; read, never written.

An approval that an amendment touches is in its grace first (served still, released no more),
then stale.
"""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from agents.comparing import base_moved
from agents.compliance.matrix import check_matrix
from agents.compliance.staleness import Staleness, staleness_fields, staleness_of
from agents.models import AgentVersion, Environment, version_subject
from agents.review_policy import check_good_for, environment_of
from agents.suspensions import suspensions_on
from governance.base.errors import Conflict, InvalidInput
from governance.constitution.services import current
from governance.review.models import TONES, Review, ReviewStatus
from governance.review.services import latest_review

DRAFT = "draft"
GRACE = "grace"
STALE = "stale"
LABELS: dict[str, str] = {
    DRAFT: "Draft",
    GRACE: "Approved, going stale",
    STALE: "Approval is stale",
    **dict(ReviewStatus.choices),
}
STANDING_TONES: dict[str, str] = {DRAFT: "neutral", GRACE: "warn", STALE: "bad", **TONES}
COMPLIANCE_KEY = "constitutional_compliance"
TURNED_DOWN = (ReviewStatus.REJECTED, ReviewStatus.CHANGES_REQUESTED)


def with_status(versions: QuerySet[AgentVersion]) -> QuerySet[AgentVersion]:
    """Annotate ``status`` (of the newest review, or draft), ``judged_under`` and staleness."""
    reviews = Review.objects.filter(subject=version_subject("pk")).order_by("-id")
    return versions.annotate(
        status=Coalesce(Subquery(reviews.values("status")[:1]), Value(DRAFT)),
        judged_under=Subquery(reviews.values("constitution_sha256")[:1]),
        review_due_at=Subquery(reviews.values("due_at")[:1]),
        **staleness_fields(judged_under="judged_under", version="pk"),
    )


def that_stand(versions: QuerySet[Any], standing: str, *, at: datetime) -> QuerySet[Any]:
    """Those of :func:`with_status` that stand so at this moment; one of :data:`LABELS`."""
    if standing not in LABELS:
        raise InvalidInput(f"A status is one of {', '.join(LABELS)}.", code="no_such_status")
    if standing not in (ReviewStatus.APPROVED, GRACE, STALE):
        return versions.filter(status=standing)
    is_touched = standing != ReviewStatus.APPROVED
    approved = versions.filter(status=ReviewStatus.APPROVED, stale_since__isnull=not is_touched)
    has_stopped = Q(grace_until=None) | Q(grace_until__lte=at)
    if standing == GRACE:
        return approved.exclude(has_stopped)
    return approved.filter(has_stopped) if standing == STALE else approved


def is_overdue(version: Any, *, at: datetime) -> bool:
    """Whether its review should have been answered by now."""
    due = version.review_due_at
    return version.status == ReviewStatus.IN_REVIEW and due is not None and due <= at


def standing_of(version: Any, *, at: datetime) -> str:
    """The status of a version from :func:`with_status` as people read it at this moment."""
    staleness = Staleness(version.stale_since, version.grace_until)
    if version.status != ReviewStatus.APPROVED or not staleness:
        return str(version.status)
    return STALE if staleness.has_stopped(at=at) else GRACE


def label_of(version: Any, *, at: datetime) -> str:
    """The words for it, with the day on which the approval stops where one is set."""
    standing = standing_of(version, at=at)
    if standing == GRACE:
        return f"Approved, stale on {day(version.grace_until, at=at)}"
    return LABELS[standing]


def day(that: datetime, *, at: datetime) -> str:
    """``3 May``, with its year where that is not this one."""
    year = "" if that.year == at.year else f" {that.year}"
    return f"{that.day} {that:%B}{year}"


def requires_compliance(version: AgentVersion) -> bool:
    """Whether the file says that it obeys the constitution."""
    contract = version.contract
    return requires_law(contract.get(COMPLIANCE_KEY) if isinstance(contract, dict) else None)


def requires_law(said: object) -> bool:
    """The same of what a contract says of it: any value but an explicit no counts as a yes."""
    return str(said).strip().lower() not in {"", "optional", "false", "no", "none"}


def check_submittable(
    version: AgentVersion, *, law: str, environment: Environment | None = None
) -> None:
    """Refuse what is in review, approved and not stale, or was turned down.

    What is in review is submitted again where another version was approved meanwhile; what is
    approved for one environment may be submitted for another, or for all.
    """
    check_not_settled(version)
    review = latest_review(version.subject)
    if review is None or review.status == ReviewStatus.WITHDRAWN:
        return
    in_review = review.status == ReviewStatus.IN_REVIEW
    if in_review:
        is_settled = review.constitution_sha256 == law and not base_moved(version, review)
    else:
        is_stale = bool(staleness_of(version.pk, judged_under=review.constitution_sha256))
        is_settled = not is_stale and environment_of(review) in {None, environment}
    if is_settled:
        raise Conflict(
            f"This version is {LABELS[review.status].lower()} already.", code=review.status
        )


def check_not_settled(version: AgentVersion) -> None:
    """Refuse a text that was turned down, whichever version of the agent brings it again."""
    same = version.agent.versions.filter(text_sha256=version.text_sha256)
    verdicts = Review.objects.filter(
        subject__in=[f"agent_version:{pk}" for pk in same.values_list("pk", flat=True)],
        status__in=[*TURNED_DOWN, ReviewStatus.APPROVED],
    )
    last = verdicts.order_by("-id").first()
    if last is not None and last.status in TURNED_DOWN:
        raise Conflict(
            f"{LABELS[last.status]}: import the changed text as a new version.", code="settled"
        )


def check_releasable(
    version: AgentVersion, *, environment: Environment | None, law: str, at: datetime
) -> Review:
    """The approval that allows a release; :class:`Conflict` with the reason where there is none.

    Without an environment only what every environment asks is checked.
    """
    review = latest_review(version.subject)
    if review is None:
        raise Conflict("This version is a draft: nobody has approved it.", code="draft")
    if review.status != ReviewStatus.APPROVED:
        raise Conflict(
            f"This version is not approved. Its review: {LABELS[review.status].lower()}.",
            code="not_approved",
        )
    check_good_for(review, environment)
    check_approval(review, sha256=version.sha256, required=requires_compliance(version), law=law)
    if staleness_of(version.pk, judged_under=review.constitution_sha256):
        raise stale()
    if suspension := suspensions_on(version.agent, version_id=version.pk).first():
        raise suspended(suspension.reason)
    full = environment is not None and environment.full_matrix
    check_matrix(version, current(), full=full, at=at)
    return review


def check_approval(review: Review, *, sha256: str, required: bool, law: str) -> None:
    """Refuse an approval of other bytes, or under no constitution where one is required."""
    if review.status != ReviewStatus.APPROVED or review.version_sha256 != sha256:
        raise Conflict("The approval is not for this text.", code="not_approved")
    if required and not law:
        raise Conflict(
            "This agent requires a constitution, and none is ratified.", code="no_constitution"
        )


def stale() -> Conflict:
    return Conflict(
        "The approval is stale: the constitution changed since it was given.", code="stale"
    )


def suspended(reason: str) -> Conflict:
    return Conflict(f"Suspended: {reason}", code="suspended")
