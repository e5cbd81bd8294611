"""Resolve: the approved definition for an environment, or the reason why there is none.

Two queries: one for where the release stands, one for the document. A caller who holds the
current ETag costs the first only.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from agents.models import Agent, AgentVersion, Environment, Release, Suspension
from agents.permissions import agents_for, no_such_agent
from agents.standing import (
    LABELS,
    active_suspension,
    check_approval,
    requires_law,
    suspended,
    with_status,
)
from governance.audit.receipts import sign
from governance.base.canonical import digest_of, sha256_hex
from governance.base.errors import Conflict, NotThere, Refusal
from governance.constitution.models import Ratification
from governance.people.models import Runner, User

LAW = "main"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a release amounts to at this moment, without its document."""

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
    standing = stand(slug=slug, environment=environment, principal=principal)
    return document(standing, principal=principal, at=at)


def stand(*, slug: str, environment: str, principal: User | Runner) -> Standing:
    """Check everything but the document: :class:`NotThere` or :class:`Conflict` with why."""
    if isinstance(principal, Runner) and not principal.may_act_for(slug):
        raise no_such_agent(slug)
    release = _releases(slug, environment).first()
    if release is None:
        raise _why_nothing(slug, environment, principal)
    if release.suspended_because is not None:
        raise suspended(release.suspended_because)
    check_approval(
        release.review,
        sha256=release.version.sha256,
        required=requires_law({"constitutional_compliance": release.compliance or ""}),
        law=release.law_sha256,
    )
    return _standing(release, environment)


def _releases(slug: str, environment: str) -> QuerySet[Any]:
    """The newest release with all that decides about it, in one statement."""
    law = Ratification.objects.filter(constitution__slug=LAW).order_by("-id")
    touching = Suspension.objects.filter(
        Q(version=None) | Q(version=OuterRef("version")), agent=OuterRef("agent")
    ).order_by("-id")
    return (
        Release.objects.filter(agent__slug=slug, environment__slug=environment)
        .select_related("agent", "version", "review")
        .only(
            "agent__slug",
            "version__sequence",
            "version__declared_version",
            "version__sha256",
            "version__text_sha256",
            "review__status",
            "review__version_sha256",
            "review__constitution_sha256",
        )
        .annotate(
            compliance=F("version__contract__constitutional_compliance"),
            law_id=Subquery(law.values("id")[:1]),
            law_sha256=Coalesce(Subquery(law.values("version__sha256")[:1]), Value("")),
            law_sequence=Subquery(law.values("version__sequence")[:1]),
            law_declared=Coalesce(Subquery(law.values("version__declared_version")[:1]), Value("")),
            last_suspension=Subquery(touching.values("id")[:1]),
            suspended_because=Subquery(touching.filter(lifted_at=None).values("reason")[:1]),
        )
        .order_by("-id")
    )


def _standing(release: Any, environment: str) -> Standing:
    version = release.version
    return Standing(
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
        etag=digest_of([release.pk, release.last_suspension, release.law_id])[:32],
    )


def document(standing: Standing, *, principal: User | Runner, at: datetime) -> Resolved:
    """The bytes of a standing release, checked against the fingerprint that was approved."""
    found = AgentVersion.objects.only("raw", "text").get(pk=standing.version_id)
    raw = bytes(found.raw)
    if sha256_hex(raw) != standing.sha256:
        raise Conflict("The stored text is not the one approved. Tell an auditor.", code="damaged")
    return Resolved(standing, raw, found.text, receipt_of(standing, principal=principal, at=at))


def receipt_of(standing: Standing, *, principal: User | Runner, at: datetime) -> str:
    """Signed for one reader: this version stands in this environment at this moment."""
    reader = f"runner:{principal.slug}" if isinstance(principal, Runner) else principal.subject
    return sign(
        audience=reader,
        subject=f"agent:{standing.agent}",
        at=at,
        claims={
            "agent": standing.agent,
            "sequence": standing.sequence,
            "sha256": standing.sha256,
            "text_sha256": standing.text_sha256,
            "environment": standing.environment,
            "constitution_sha256": standing.constitution_sha256,
        },
        typ="resolve",
    )


def _why_nothing(slug: str, environment: str, principal: User | Runner) -> Refusal:
    agent = agents_for(principal).filter(slug=slug).first()
    if agent is None:
        return no_such_agent(slug)
    if not Environment.objects.filter(slug=environment).exists():
        return NotThere(f"There is no environment {environment[:40]}.", code="unknown_environment")
    if suspension := active_suspension(agent, version=None):
        return suspended(suspension.reason)
    return Conflict(
        f"No version of {agent} is released to {environment}. {_newest(agent)}",
        code="not_released",
    )


def _newest(agent: Agent) -> str:
    version: Any = with_status(agent.versions.order_by("-sequence")).defer("raw", "text").first()
    if version is None:
        return "It has no version."
    return f"Its newest version {version.sequence}: {LABELS[version.status].lower()}."
