"""One review over an explicit list of versions: open it, vote on it, release what it approved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from agents.batches.checks import check_still_as_listed
from agents.comparing import comparison_of
from agents.models import (
    Agent,
    AgentVersion,
    Batch,
    BatchItem,
    BatchKind,
    Environment,
    Family,
    ReviewBasis,
)
from agents.permissions import check_person, excluded_from
from agents.review_policy import (
    REAFFIRMED,
    Requirement,
    ReviewRules,
    classes_of,
    environment_of,
    strictest,
)
from agents.standing import check_submittable, with_status
from governance.asking.models import AskKind
from governance.audit.services import append
from governance.base.canonical import digest_of
from governance.base.encoding import visible
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.constitution.services import current_sha256
from governance.people.models import User
from governance.people.permissions import Permission, check
from governance.people.services import actor_of
from governance.review.models import Review, ReviewStatus
from governance.review.parts import Part
from governance.review.services import cast_vote, latest_review, open_review, withdraw_review

MOST_ITEMS = 200
LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """One version with what it is compared with, and the class that counts for its policy."""

    version: AgentVersion
    base: AgentVersion | None
    change_class: str
    classes: tuple[str, ...]
    environment: Environment | None = None


@transaction.atomic
def open_batch(
    *,
    kind: BatchKind | str,
    version_ids: Sequence[int],
    title: str,
    by: User,
    at: datetime,
    family_id: int | None = None,
    due_at: datetime | None = None,
) -> Batch:
    """Put a whole list of versions before people, who vote on exactly these fingerprints.

    A baseline lists drafts, one version of an agent; a re-affirmation lists approvals that an
    amendment touched. A version that is in a review of its own leaves that one for this list.
    What the strictest of the versions needs, the list needs.
    """
    check_person(by, "open reviews of lists")
    check(by, Permission.PROPOSE)
    kind = _kind(kind)
    versions = _locked_versions(_checked(version_ids))
    law = current_sha256()
    left = _leave_own_reviews(versions, kind=kind, law=law, by=by, at=at)
    listed = [_listed(version, kind) for version in versions]
    batch = _write(kind, listed, title, family_id, by, at)
    review = _open_review(batch, listed, law=law, by=by, at=at, due_at=due_at)
    _write_bases(review, listed)
    append(
        stream=batch.subject,
        kind="batch.opened",
        by=actor_of(by),
        at=at,
        data={
            "kind": kind.value,
            "review": review.pk,
            "sha256": batch.sha256,
            "versions": [version.pk for version in versions],
            "left": left,
        },
    )
    return batch


def _kind(kind: str) -> BatchKind:
    if kind not in BatchKind.values:
        raise InvalidInput("A list is a baseline or a re-affirmation.", code="unknown_kind")
    return BatchKind(kind)


def _checked(version_ids: Sequence[int]) -> list[int]:
    wanted = sorted(set(version_ids))
    if not wanted:
        raise InvalidInput("Choose at least one version.", code="empty_list")
    if len(wanted) > MOST_ITEMS:
        raise InvalidInput(
            f"A list has at most {MOST_ITEMS} versions, this one has {len(wanted)}. "
            "Make several lists.",
            code="list_too_long",
        )
    return wanted


def _locked_versions(wanted: Sequence[int]) -> list[AgentVersion]:
    """The versions by agent and number, their agents locked in one order against deadlocks."""
    agents = Agent.objects.filter(versions__in=wanted).order_by("pk").values_list("pk", flat=True)
    list(Agent.objects.select_for_update().filter(pk__in=list(agents)).order_by("pk"))
    found = AgentVersion.objects.filter(pk__in=wanted).order_by("agent__slug", "sequence")
    versions = list(found.select_related("agent__family", "author", "proposed_by"))
    if len(versions) < len(wanted):
        raise NotThere("One of these versions does not exist.", code="unknown_version")
    return versions


def _leave_own_reviews(
    versions: Sequence[AgentVersion], *, kind: BatchKind, law: str, by: User, at: datetime
) -> list[int]:
    """Check each version, and withdraw the review of its own that it is in."""
    if kind is BatchKind.BASELINE:
        _check_one_of_each_agent(versions)
    else:
        _check_touched(versions)
    left = []
    for version in versions:
        review = latest_review(version.subject)
        if review is not None and review.status == ReviewStatus.IN_REVIEW:
            _check_may_leave(review)
            withdraw_review(review_id=review.pk, by=actor_of(by), at=at)
            left.append(review.pk)
        elif kind is BatchKind.BASELINE:
            _check_submittable(version, law)
    return left


def _check_submittable(version: AgentVersion, law: str) -> None:
    try:
        check_submittable(version, law=law)
    except Conflict as refusal:
        raise Conflict(f"{version}: {refusal.sentence}", code=refusal.code) from refusal


def _check_one_of_each_agent(versions: Sequence[AgentVersion]) -> None:
    seen: set[int] = set()
    for version in versions:
        if version.agent_id in seen:
            raise InvalidInput(
                f"List one version of {version.agent}: only one can be the first.",
                code="listed_twice",
            )
        seen.add(version.agent_id)


def _check_touched(versions: Sequence[AgentVersion]) -> None:
    """What is affirmed again was approved once, and its law has changed since."""
    wanted = [version.pk for version in versions]
    rows: Any = with_status(AgentVersion.objects.filter(pk__in=wanted))
    found = {row[0]: row[1:] for row in rows.values_list("pk", "status", "stale_since")}
    for version in versions:
        status, stale_since = found[version.pk]
        if status != ReviewStatus.APPROVED or stale_since is None:
            raise Conflict(
                f"{version} has no approval that an amendment touched.", code="not_touched"
            )


def _check_may_leave(review: Review) -> None:
    if review.part_of_id is not None:
        raise Conflict(
            f"{review.title} is part of another list that is in review. Withdraw that one first.",
            code="in_another_list",
        )
    if review.mandatory:
        raise Conflict(
            f"{review.title} runs already: it needs a verdict of its own.", code="mandatory"
        )


def _listed(version: AgentVersion, kind: BatchKind) -> Listed:
    """What is affirmed again is compared with itself: its text is not what changed.

    It is approved again for where it was approved, and for nowhere else.
    """
    if kind is BatchKind.REAFFIRMATION:
        approval = latest_review(version.subject)
        only = environment_of(approval) if approval else None
        return Listed(version, version, REAFFIRMED.value, (REAFFIRMED.value,), only)
    comparison = comparison_of(version)
    return Listed(
        version,
        comparison.base,
        comparison.change_class.value,
        tuple(one.value for one in classes_of(comparison)),
    )


def _write(
    kind: BatchKind,
    listed: Sequence[Listed],
    title: str,
    family_id: int | None,
    by: User,
    at: datetime,
) -> Batch:
    versions = [one.version for one in listed]
    batch = Batch.objects.create(
        kind=kind,
        family=Family.objects.filter(pk=family_id).first() if family_id else None,
        title=_title(title, kind, len(versions)),
        sha256=digest_of_list(versions),
        created_by=by,
        created_at=at,
    )
    BatchItem.objects.bulk_create(
        BatchItem(batch=batch, version=version, position=position)
        for position, version in enumerate(versions)
    )
    return batch


def _title(title: str, kind: BatchKind, count: int) -> str:
    given = visible(" ".join(title.replace("\0", "\ufffd").split()))
    return given[:LONGEST_TITLE] or f"{kind.label} of {count} versions"


def digest_of_list(versions: Sequence[AgentVersion]) -> str:
    """The fingerprint of a list: SHA-256 of its RFC 8785 JSON, by agent and number."""
    ordered = sorted(versions, key=lambda one: (one.agent.slug, one.sequence))
    return digest_of(
        [
            {"agent": one.agent.slug, "sequence": one.sequence, "sha256": one.sha256}
            for one in ordered
        ]
    )


def _open_review(
    batch: Batch,
    listed: Sequence[Listed],
    *,
    law: str,
    by: User,
    at: datetime,
    due_at: datetime | None,
) -> Review:
    needed = required_of(listed)
    excluded = {by.pk}.union(*(excluded_from(one.version) for one in listed))
    return open_review(
        kind=AskKind.REVIEW,
        subject=batch.subject,
        title=batch.title,
        path=batch.get_absolute_url(),
        version_sha256=batch.sha256,
        constitution_sha256=law,
        excluded=excluded,
        by=actor_of(by),
        at=at,
        policy=needed.policy,
        required_votes=needed.votes,
        teams=needed.teams,
        due_at=due_at,
        about=f"{batch.get_kind_display()}: {len(listed)} versions in one vote.",
        parts=[
            Part(
                subject=one.version.subject,
                title=str(one.version),
                path=one.version.get_absolute_url(),
                version_sha256=one.version.sha256,
            )
            for one in listed
        ],
    )


def required_of(listed: Sequence[Listed]) -> Requirement:
    """What the strictest of the versions needs; the votes of every team that any of them needs."""
    rules = ReviewRules()
    return strictest(
        [
            rules.requirement(one.classes, tier=one.version.agent.tier, environment=one.environment)
            for one in listed
        ]
    )


def _write_bases(whole: Review, listed: Sequence[Listed]) -> None:
    parts = {part.subject: part for part in whole.parts.all()}
    ReviewBasis.objects.bulk_create(
        ReviewBasis(
            review=parts[one.version.subject],
            version=one.version,
            base=one.base,
            change_class=one.change_class,
            environment=one.environment,
        )
        for one in listed
    )


@transaction.atomic
def vote_on_batch(
    *,
    batch_id: int,
    by: User,
    verdict: str,
    comment: str,
    seen_sha256: str,
    method: str,
    at: datetime,
) -> Review:
    """One person's vote on the whole list. It dies where the law or one version's base moved."""
    check_person(by, "vote on lists")
    batch = Batch.objects.filter(pk=batch_id).first()
    review = latest_review(batch.subject) if batch else None
    if batch is None or review is None:
        raise NotThere("There is no such list.", code="unknown_batch")
    _lock_agents(batch)
    if review.status == ReviewStatus.IN_REVIEW:
        check_still_as_listed(review)
    return cast_vote(
        review_id=review.pk,
        by=by,
        verdict=verdict,
        comment=comment,
        seen_sha256=seen_sha256,
        method=method,
        at=at,
    )


def _lock_agents(batch: Batch) -> None:
    """Nothing of the list is approved or submitted elsewhere while this vote is written."""
    listed = list(batch.items.values_list("version__agent", flat=True))
    list(Agent.objects.select_for_update().filter(pk__in=listed).order_by("pk"))
