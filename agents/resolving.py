"""Resolve: the approved definition for an environment, or the reason why there is none.

Two queries: one for where the release stands, one for the document. A caller who holds the
current ETag costs the first only.

The approval that counts is the newest of the released text: affirming it anew under an amended
constitution needs no new release. A break-glass release has none and ends on its own.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from agents.comparing import good_in
from agents.compliance.staleness import Staleness, ratifications, staleness_fields
from agents.models import (
    Agent,
    AgentVersion,
    Environment,
    Release,
    ReleaseKind,
    Suspension,
    version_subject,
)
from agents.permissions import agents_for, no_such_agent, no_such_environment
from agents.standing import (
    COMPLIANCE_KEY,
    check_approval,
    label_of,
    requires_law,
    stale,
    suspended,
    with_status,
)
from agents.suspensions import suspensions_on
from governance.audit.receipts import sign
from governance.base.canonical import digest_of, sha256_hex
from governance.base.errors import Conflict, Refusal
from governance.people.models import Runner, User
from governance.review.models import Review, ReviewStatus

REVIEWED = "review"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a release amounts to at this moment, without its document."""

    agent_id: int
    agent: str
    environment: str
    version_id: int
    sequence: int
    declared_version: str
    sha256: str
    text_sha256: str
    constitution_sequence: int | None
    constitution_declared: str
    constitution_sha256: str
    approval: str
    approved_under: str | None
    stale_since: datetime | None
    grace_until: datetime | None
    etag: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a runner receives: the bytes as approved, and the signed proof."""

    standing: Standing
    raw: bytes
    text: str
    receipt: str


def resolve(*, slug: str, environment: str, principal: User | Runner, at: datetime) -> Resolved:
    """The approved, released, unsuspended definition; fail closed with the reason."""
    standing = stand(slug=slug, environment=environment, principal=principal, at=at)
    return document(standing, principal=principal, at=at)


def stand(*, slug: str, environment: str, principal: User | Runner, at: datetime) -> Standing:
    """Check everything but the document: ``NotThere`` or :class:`Conflict` with why."""
    if isinstance(principal, Runner) and not principal.may_act_for(slug):
        raise no_such_agent(slug)
    release = standing_releases().filter(agent__slug=slug, environment__slug=environment).first()
    if release is None:
        raise _why_nothing(slug, environment, principal, at)
    check_served(release, at=at)
    return _standing(release, environment)


def check_served(release: Any, *, at: datetime) -> None:
    """Refuse a release of :func:`standing_releases` of which nothing may be served now."""
    if release.suspended_because is not None:
        raise suspended(release.suspended_because)
    if release.kind == ReleaseKind.BREAK_GLASS:
        _check_glass(release, at)
        return
    check_approval(
        release.review,
        sha256=release.version.sha256,
        required=requires_law(release.compliance),
        law=release.law_sha256,
    )
    if Staleness(release.stale_since, release.grace_until).has_stopped(at=at):
        raise stale()


def _check_glass(release: Any, at: datetime) -> None:
    if at >= release.expires_at:
        raise Conflict(
            "The emergency release has ended. Have the version reviewed, then release it.",
            code="glass_expired",
        )


def standing_releases() -> QuerySet[Any]:
    """Releases, the newest first, each with all that decides about it, in one statement."""
    law = ratifications().order_by("-id")
    touching = Suspension.objects.filter(
        Q(agent=OuterRef("agent"))
        & (Q(version=None) | Q(version__text_sha256=OuterRef("version__text_sha256")))
        | Q(family=OuterRef("agent__family"))
    ).order_by("-id")
    approvals = _approvals().order_by("-id")
    return (
        Release.objects.select_related("agent", "version", "review")
        .only(
            "kind",
            "expires_at",
            "agent__slug",
            "version__sequence",
            "version__declared_version",
            "version__sha256",
            "version__text_sha256",
            "review__status",
            "review__version_sha256",
        )
        .annotate(
            compliance=F(f"version__contract__{COMPLIANCE_KEY}"),
            law_id=Subquery(law.values("id")[:1]),
            law_sha256=Coalesce(Subquery(law.values("version__sha256")[:1]), Value("")),
            law_sequence=Subquery(law.values("version__sequence")[:1]),
            law_declared=Coalesce(Subquery(law.values("version__declared_version")[:1]), Value("")),
            last_suspension=Subquery(touching.values("id")[:1]),
            suspended_because=Subquery(touching.filter(lifted_at=None).values("reason")[:1]),
            approval_id=Coalesce(Subquery(approvals.values("id")[:1]), F("review_id")),
            judged_under=Coalesce(
                Subquery(approvals.values("constitution_sha256")[:1]),
                F("review__constitution_sha256"),
            ),
            **staleness_fields(judged_under="judged_under", version="version_id"),
        )
        .order_by("-id")
    )


def _approvals() -> QuerySet[Review]:
    """The approvals of a release's text that are good for where it runs."""
    approvals = Review.objects.filter(
        subject=version_subject("version_id"),
        status=ReviewStatus.APPROVED,
        version_sha256=OuterRef("version__sha256"),
    )
    return good_in(approvals, OuterRef(OuterRef("environment")))


def _standing(release: Any, environment: str) -> Standing:
    version = release.version
    return Standing(
        agent_id=release.agent_id,
        agent=release.agent.slug,
        environment=environment,
        version_id=version.pk,
        sequence=version.sequence,
        declared_version=version.declared_version,
        sha256=version.sha256,
        text_sha256=version.text_sha256,
        constitution_sequence=release.law_sequence,
        constitution_declared=release.law_declared,
        constitution_sha256=release.law_sha256,
        **_approval(release),
        etag=_etag(release),
    )


def _approval(release: Any) -> dict[str, Any]:
    """What it is served on; nobody approved what broken glass serves, so nothing goes stale."""
    if release.kind == ReleaseKind.BREAK_GLASS:
        nothing = ("approved_under", "stale_since", "grace_until")
        return {"approval": ReleaseKind.BREAK_GLASS.value, **dict.fromkeys(nothing)}
    return {
        "approval": REVIEWED,
        "approved_under": release.judged_under,
        "stale_since": release.stale_since,
        "grace_until": release.grace_until,
    }


def _etag(release: Any) -> str:
    """Over all that changes the answer; that a grace or an emergency ended is a refusal."""
    decisive = [release.pk, release.approval_id, release.last_suspension, release.law_id]
    return digest_of(decisive)[:32]


def document(standing: Standing, *, principal: User | Runner, at: datetime) -> Resolved:
    """The bytes of a standing release, checked against the fingerprint that was approved."""
    found = AgentVersion.objects.only("raw", "text").get(pk=standing.version_id)
    raw = bytes(found.raw)
    if sha256_hex(raw) != standing.sha256:
        raise Conflict("The stored text is not the one approved. Tell an auditor.", code="damaged")
    return Resolved(standing, raw, found.text, receipt_of(standing, principal=principal, at=at))


def receipt_of(standing: Standing, *, principal: User | Runner, at: datetime) -> str:
    """Signed for one reader: this version stands in this environment at this moment."""
    return sign(
        audience=reader_name(principal),
        subject=f"agent:{standing.agent}",
        at=at,
        claims={
            "agent": standing.agent,
            "sequence": standing.sequence,
            "sha256": standing.sha256,
            "text_sha256": standing.text_sha256,
            "environment": standing.environment,
            "constitution_sha256": standing.constitution_sha256,
            "approval": standing.approval,
            "approved_under": standing.approved_under,
            "stale_since": _moment(standing.stale_since),
            "grace_until": _moment(standing.grace_until),
        },
        typ="resolve",
    )


def reader_name(reader: User | Runner) -> str:
    """For whom something is signed."""
    return f"runner:{reader.slug}" if isinstance(reader, Runner) else reader.subject


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _why_nothing(slug: str, environment: str, principal: User | Runner, at: datetime) -> Refusal:
    agent = agents_for(principal).filter(slug=slug).first()
    if agent is None:
        return no_such_agent(slug)
    if not Environment.objects.filter(slug=environment).exists():
        return no_such_environment(environment)
    if suspension := suspensions_on(agent).first():
        return suspended(suspension.reason)
    return Conflict(
        f"No version of {agent} is released to {environment}. {_newest(agent, at)}",
        code="not_released",
    )


def _newest(agent: Agent, at: datetime) -> str:
    version: Any = with_status(agent.versions.order_by("-sequence")).defer("raw", "text").first()
    if version is None:
        return "It has no version."
    label = label_of(version, at=at)
    return f"Its newest version {version.sequence}: {label[0].lower()}{label[1:]}."
