"""Bring in law, put it to the vote, acknowledge what is vague, ratify; the law in force."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet

from governance.asking.models import AskKind
from governance.audit.services import append
from governance.base.canonical import sha256_hex
from governance.base.errors import Conflict, InvalidInput, NotThere, TooLarge
from governance.constitution.authorship import writers_in
from governance.constitution.lawtext import carried_keys
from governance.constitution.levels import Proposal, check_proposal, proposal_of, votes_needed
from governance.constitution.models import (
    Acknowledgement,
    Amendment,
    AmendmentLevel,
    Constitution,
    ConstitutionVersion,
    Level,
    Principle,
    Ratification,
)
from governance.constitution.parsing import ParsedConstitution, parse_constitution
from governance.constitution.permissions import (
    NO_VERSION,
    check_can_acknowledge,
    check_can_propose,
)
from governance.constitution.standing import (
    VAGUE,
    check_acknowledged,
    check_submittable,
    check_unblocked,
    findings_today,
    in_force,
    with_status,
)
from governance.people.models import User
from governance.people.services import actor_of
from governance.review.models import Review, ReviewStatus, Verdict, Vote
from governance.review.permissions import check_can_vote
from governance.review.services import (
    cast_vote,
    latest_review,
    open_review,
    review_to_vote_on,
    withdraw_review,
)

MAIN = "main"
MAX_BYTES = 1024 * 1024


def current(slug: str = MAIN) -> ConstitutionVersion | None:
    """The law in force: the version ratified last; None before the first ratification."""
    ratification = in_force(slug)
    return ratification.version if ratification else None


def current_sha256(slug: str = MAIN) -> str:
    """The fingerprint of the law in force; empty where none is ratified."""
    ratifications = Ratification.objects.filter(constitution__slug=slug).order_by("-id")
    return ratifications.values_list("version__sha256", flat=True).first() or ""


def versions(slug: str = MAIN) -> QuerySet[ConstitutionVersion]:
    """Every version, the newest first, with its ``status``, ``ratified_at`` and author."""
    found = ConstitutionVersion.objects.filter(constitution__slug=slug)
    return with_status(found).select_related("author").order_by("-sequence")


def ratifiers(ratification: Ratification) -> list[Vote]:
    """The votes that made a version the law, with the names of who cast them."""
    votes = ratification.review.votes.filter(verdict=Verdict.APPROVE)
    return list(votes.select_related("voter"))


@transaction.atomic
def import_constitution(
    *,
    raw: bytes,
    by: User,
    at: datetime,
    slug: str = MAIN,
    co_authors: Collection[int] = (),
) -> ConstitutionVersion:
    """Keep a text as it came, with the articles read from it, as the next version.

    Bytes that are here already are the version that they are. Flawed texts come in too: what
    is wrong is a finding, and what blocks stops them when they are submitted.
    """
    check_can_propose(by)
    check_size(raw)
    parsed = parse_constitution(raw)
    constitution = _constitution(slug, parsed.title, at)
    known = constitution.versions.filter(sha256=sha256_hex(raw)).first()
    writers = {*co_authors, *writers_in(parsed.text, constitution)}
    return known or _write_version(constitution, raw, parsed, writers, by, at)


def check_size(raw: bytes) -> None:
    if not raw.strip():
        raise InvalidInput("The file is empty.", code="empty")
    if len(raw) > MAX_BYTES:
        raise TooLarge("A constitution may be at most 1 MB.", limit=MAX_BYTES)


def _constitution(slug: str, title: str, at: datetime) -> Constitution:
    """The constitution under a lock, made now if this is its first version."""
    Constitution.objects.bulk_create(
        [Constitution(slug=slug, title=title[:200] or "Constitution", created_at=at)],
        ignore_conflicts=True,
    )
    return Constitution.objects.select_for_update().get(slug=slug)


def _write_version(
    constitution: Constitution,
    raw: bytes,
    parsed: ParsedConstitution,
    co_authors: Collection[int],
    by: User,
    at: datetime,
) -> ConstitutionVersion:
    highest = constitution.versions.aggregate(highest=Max("sequence"))["highest"] or 0
    version = ConstitutionVersion.objects.create(
        constitution=constitution,
        sequence=highest + 1,
        raw=raw,
        sha256=sha256_hex(raw),
        text=parsed.text,
        text_sha256=sha256_hex(parsed.text.encode()),
        title=parsed.title[:200] or constitution.title,
        declared_version=parsed.version[:40],
        declared_ratified=parsed.ratified,
        declared_amended=parsed.last_amended,
        findings=[finding.as_dict() for finding in parsed.findings],
        author=by,
        co_authors=sorted(set(co_authors) - {by.pk}),
        created_at=at,
    )
    _write_principles(version, parsed, carried_keys(current(constitution.slug), parsed))
    append(
        stream=constitution.subject,
        kind="constitution_version.imported",
        by=actor_of(by),
        at=at,
        subject=version.subject,
        data={
            "version": version.pk,
            "sequence": version.sequence,
            "sha256": version.sha256,
            "principles": len(parsed.principles),
            "findings": len(parsed.findings),
        },
    )
    return version


def _write_principles(
    version: ConstitutionVersion, parsed: ParsedConstitution, carried: dict[str, str]
) -> None:
    """The articles; one that only got another title keeps the key that it has in the law."""
    Principle.objects.bulk_create(
        Principle(
            version=version,
            key=carried.get(principle.key, principle.key)[:120],
            position=position,
            number=str(principle.number),
            title=principle.title[:200],
            text=principle.text,
            level=Level[principle.level.name],
            non_negotiable=principle.non_negotiable,
            aliases=[alias[:200] for alias in principle.aliases],
            line=principle.line,
        )
        for position, principle in enumerate(parsed.principles)
    )


def _locked_version(version_id: int) -> ConstitutionVersion:
    """A version under its constitution's lock: versions themselves never change."""
    version = ConstitutionVersion.objects.filter(pk=version_id).first()
    if version is None:
        raise NotThere(NO_VERSION, code="unknown_version")
    version.constitution = Constitution.objects.select_for_update().get(pk=version.constitution_id)
    return version


@transaction.atomic
def submit_version(
    *, version_id: int, by: User, at: datetime, level: str = "", override_reason: str = ""
) -> Review:
    """Put a version to the vote of people who did not write it, as an amendment of the law.

    ``level`` is the submitter's; without it the computed one counts. Raises ``Conflict`` while
    something in the text blocks it, where it was settled before, and where its own number does
    not follow from the law in force, unless a reason is given. A review that is open under an
    older law is withdrawn and opened anew.
    """
    check_can_propose(by)
    version = _locked_version(version_id)
    base = current(version.constitution.slug)
    law = base.sha256 if base else ""
    before = latest_review(version.subject)
    check_submittable(version, before, law=law)
    proposal = proposal_of(version, base, level=level, reason=override_reason)
    check_proposal(proposal)
    if before and before.status == ReviewStatus.IN_REVIEW:
        withdraw_review(review_id=before.pk, by=actor_of(by), at=at)
    review = _open_review(version, proposal, law, by, at)
    _write_amendment(version, review, proposal)
    append(
        stream=version.constitution.subject,
        kind="constitution_version.submitted",
        by=actor_of(by),
        at=at,
        subject=version.subject,
        data={
            "version": version.pk,
            "sequence": version.sequence,
            "review": review.pk,
            "computed_level": proposal.diff.level,
            "level": proposal.level,
            "override_reason": proposal.reason,
        },
    )
    return review


def _open_review(
    version: ConstitutionVersion, proposal: Proposal, law: str, by: User, at: datetime
) -> Review:
    return open_review(
        kind=AskKind.AMENDMENT,
        subject=version.subject,
        title=str(version),
        path=version.get_absolute_url(),
        version_sha256=version.sha256,
        constitution_sha256=law,
        excluded=version.writers | {by.pk},
        by=actor_of(by),
        at=at,
        required_votes=votes_needed(proposal).votes,
        about=_about(proposal),
    )


def _about(proposal: Proposal) -> str:
    if proposal.base is None:
        return "A new constitution waits for ratification"
    return f"An amendment: {AmendmentLevel(proposal.level).label}"


def _write_amendment(version: ConstitutionVersion, review: Review, proposal: Proposal) -> None:
    Amendment.objects.create(
        review=review,
        version=version,
        base=proposal.base,
        computed_level=proposal.diff.level,
        level=proposal.level,
        override_reason=proposal.reason,
        touched=list(proposal.touched),
        touches_all=proposal.touches_all,
    )


@transaction.atomic
def acknowledge(*, version_id: int, finding_key: str, by: User, at: datetime) -> Acknowledgement:
    """Say of one vague word that it is meant as it stands; again returns the first saying."""
    version = _locked_version(version_id)
    check_can_acknowledge(by, version)
    finding = next((f for f in findings_today(version) if f["key"] == finding_key), None)
    if finding is None:
        raise NotThere("There is no such finding in this version.", code="unknown_finding")
    if finding["code"] != VAGUE:
        raise Conflict("Only vague words are acknowledged.", code="not_vague")
    said = version.acknowledgements.filter(finding_key=finding_key).first()
    return said or _acknowledge(version, finding_key, by, at)


def _acknowledge(
    version: ConstitutionVersion, finding_key: str, by: User, at: datetime
) -> Acknowledgement:
    said = Acknowledgement.objects.create(version=version, finding_key=finding_key, user=by, at=at)
    append(
        stream=version.constitution.subject,
        kind="constitution_version.acknowledged",
        by=actor_of(by),
        at=at,
        subject=version.subject,
        data={"version": version.pk, "finding": finding_key},
    )
    return said


@transaction.atomic
def vote(
    *,
    version_id: int,
    by: User,
    verdict: str,
    comment: str,
    seen_sha256: str,
    method: str,
    at: datetime,
) -> Review:
    """One person's vote on a version; the approval that suffices makes it the law at once."""
    version = _locked_version(version_id)
    review = review_to_vote_on(version.subject)
    check_can_vote(by, review)
    if review.status == ReviewStatus.IN_REVIEW and verdict == Verdict.APPROVE:
        _check_ratifiable(version, review)
    review = cast_vote(
        review_id=review.pk,
        by=by,
        verdict=verdict,
        comment=comment,
        seen_sha256=seen_sha256,
        method=method,
        at=at,
    )
    if review.status == ReviewStatus.APPROVED:
        _ratify(version, review, by, at)
    return review


def _check_ratifiable(version: ConstitutionVersion, review: Review) -> None:
    check_unblocked(version)
    if review.constitution_sha256 != current_sha256(version.constitution.slug):
        raise Conflict(
            "The law in force changed since this was submitted. Submit this version again.",
            code="law_changed",
        )
    check_acknowledged(version)


def _ratify(version: ConstitutionVersion, review: Review, by: User, at: datetime) -> None:
    if Ratification.objects.filter(review=review).exists():
        return
    ratification = _write_ratification(version, review, at)
    append(
        stream=version.constitution.subject,
        kind="constitution.ratified",
        by=actor_of(by),
        at=at,
        subject=version.subject,
        data={
            "ratification": ratification.pk,
            "version": version.pk,
            "sequence": version.sequence,
            "sha256": version.sha256,
            "review": review.pk,
            "replaces_sha256": review.constitution_sha256,
            "level": ratification.level,
            "touched": ratification.touched,
            "touches_all": ratification.touches_all,
            "grace_until": ratification.grace_until and ratification.grace_until.isoformat(),
        },
    )


def _write_ratification(version: ConstitutionVersion, review: Review, at: datetime) -> Ratification:
    """What the amendment said at its review; where there was none, it touches all at once."""
    amendment = Amendment.objects.filter(review=review).first()
    said: dict[str, Any] = {}
    if amendment is not None:
        stales = amendment.level != AmendmentLevel.PATCH
        said = {
            "level": amendment.level,
            "touched": amendment.touched,
            "touches_all": amendment.touches_all,
            "grace_until": at + settings.AMENDMENT_GRACE if stales else None,
        }
    return Ratification.objects.create(
        constitution=version.constitution, version=version, review=review, at=at, **said
    )
