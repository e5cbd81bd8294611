"""Where a version stands: draft, in review, approved, stale, suspended; read, never written."""

from datetime import datetime

from django.db.models import CharField, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat

from agents.comparing import base_moved
from agents.models import Agent, AgentVersion, Environment, Suspension
from governance.base.errors import Conflict
from governance.review.models import TONES, Review, ReviewStatus
from governance.review.services import latest_review

DRAFT = "draft"
STALE = "stale"
LABELS: dict[str, str] = {DRAFT: "Draft", STALE: "Approval is stale", **dict(ReviewStatus.choices)}
STANDING_TONES: dict[str, str] = {DRAFT: "neutral", STALE: "warn", **TONES}
COMPLIANCE_KEY = "constitutional_compliance"


def with_status(versions: QuerySet[AgentVersion]) -> QuerySet[AgentVersion]:
    """Annotate ``status`` (of the newest review, or draft) and ``judged_under``."""
    subject = Concat(Value("agent_version:"), Cast(OuterRef("pk"), CharField()))
    reviews = Review.objects.filter(subject=subject).order_by("-id")
    return versions.annotate(
        status=Coalesce(Subquery(reviews.values("status")[:1]), Value(DRAFT)),
        judged_under=Subquery(reviews.values("constitution_sha256")[:1]),
    )


def standing_of(status: str, judged_under: str | None, *, law: str) -> str:
    """The status as people read it: an approval under another constitution is stale."""
    if status == ReviewStatus.APPROVED and judged_under != law:
        return STALE
    return status


def requires_compliance(version: AgentVersion) -> bool:
    """Whether the file says that it obeys the constitution."""
    return requires_law(version.contract)


def requires_law(contract: object) -> bool:
    """The same of a contract alone: any value but an explicit no counts as a yes."""
    said = contract.get(COMPLIANCE_KEY, "") if isinstance(contract, dict) else ""
    return str(said).strip().lower() not in {"", "optional", "false", "no", "none"}


def active_suspension(agent: Agent, *, version: AgentVersion | None) -> Suspension | None:
    """The suspension of exactly this: the agent, or one version of it."""
    return Suspension.objects.filter(agent=agent, version=version, lifted_at=None).first()


def suspensions_of(version: AgentVersion) -> QuerySet[Suspension]:
    """What keeps a version from being served: its own suspension or its agent's."""
    return Suspension.objects.filter(
        Q(version=None) | Q(version=version), agent=version.agent, lifted_at=None
    ).order_by(F("version_id").asc(nulls_first=True))


def check_submittable(version: AgentVersion, *, law: str) -> None:
    """Refuse what is in review, approved under this constitution, or was turned down.

    What is in review is submitted again where another version was approved meanwhile.
    """
    review = latest_review(version.subject)
    if review is None or review.status == ReviewStatus.WITHDRAWN:
        return
    if review.status in {ReviewStatus.REJECTED, ReviewStatus.CHANGES_REQUESTED}:
        raise Conflict(
            f"{LABELS[review.status]}: import the changed text as a new version.", code="settled"
        )
    in_review = review.status == ReviewStatus.IN_REVIEW
    if review.constitution_sha256 == law and not (in_review and base_moved(version, review)):
        raise Conflict(
            f"This version is {LABELS[review.status].lower()} already.", code=review.status
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
    check_approval(review, sha256=version.sha256, required=requires_compliance(version), law=law)
    if suspension := suspensions_of(version).first():
        raise suspended(suspension.reason)
    return review


def check_approval(review: Review, *, sha256: str, required: bool, law: str) -> None:
    """Refuse an approval of other bytes, under another constitution, or under none."""
    if review.status != ReviewStatus.APPROVED or review.version_sha256 != sha256:
        raise Conflict("The approval is not for this text.", code="not_approved")
    if required and not law:
        raise Conflict(
            "This agent requires a constitution, and none is ratified.", code="no_constitution"
        )
    if review.constitution_sha256 != law:
        raise Conflict(
            "The approval is stale: the constitution changed since it was given.", code="stale"
        )


def suspended(reason: str) -> Conflict:
    return Conflict(f"Suspended: {reason}", code="suspended")
