"""Submit and vote: what gets versions approved."""

from datetime import datetime

from django.db import transaction

from agents.comparing import Comparison, base_moved, comparison_of
from agents.models import AgentVersion, Environment, ReviewBasis
from agents.permissions import (
    check_may_submit,
    check_person,
    environment_named,
    excluded_from,
)
from agents.review_policy import environment_of, policy_for
from agents.services import locked_version
from agents.standing import check_submittable
from governance.asking.models import AskKind
from governance.audit.services import append
from governance.base.errors import Conflict
from governance.constitution.services import current_sha256
from governance.people.models import User
from governance.people.services import actor_of
from governance.review.mandatory import require_verdict
from governance.review.models import Review, ReviewStatus
from governance.review.services import (
    cast_vote,
    latest_review,
    open_review,
    review_to_vote_on,
    withdraw_review,
)


@transaction.atomic
def submit_version(
    *,
    version_id: int,
    by: User,
    at: datetime,
    environment: str | None = None,
    due_at: datetime | None = None,
) -> Review:
    """Ask people for their approval of a draft, under the constitution now in force.

    The version is compared with the one approved now: what changes chooses the policy. A review
    that is open under an older constitution or beside an older version is opened anew. With an
    ``environment`` the approval is good for that one only. ``due_at`` is when the submitter
    hopes for an answer: people are told once more then, and nothing else happens.
    """
    check_person(by, "submit versions")
    version = locked_version(version_id)
    check_may_submit(by, version.agent)
    only = environment_named(environment) if environment else None
    return ask_for_approval(version=version, by=by, at=at, environment=only, due_at=due_at)


def ask_for_approval(
    *,
    version: AgentVersion,
    by: User,
    at: datetime,
    environment: Environment | None = None,
    due_at: datetime | None = None,
    about: str = "",
) -> Review:
    """Open the review of a version whose agent the caller has locked; ``about`` leads its mail."""
    law = current_sha256()
    check_submittable(version, law=law, environment=environment)
    current = latest_review(version.subject)
    if current and current.status == ReviewStatus.IN_REVIEW:
        withdraw_review(review_id=current.pk, by=actor_of(by), at=at)
        if current.mandatory:
            # What runs already is judged for as many environments as before.
            environment = environment_of(current)
    comparison = comparison_of(version, environment=environment)
    needed = policy_for(comparison, tier=version.agent.tier, environment=environment)
    review = open_review(
        kind=AskKind.REVIEW,
        subject=version.subject,
        title=f"{version.agent.name}, version {version.sequence}"[:200],
        path=version.get_absolute_url(),
        version_sha256=version.sha256,
        constitution_sha256=law,
        excluded=excluded_from(version) | {by.pk},
        by=actor_of(by),
        at=at,
        policy=needed.policy,
        required_votes=needed.votes,
        teams=needed.teams,
        due_at=due_at,
        about=" ".join(filter(None, (about, comparison.sentence))),
    )
    if current and current.mandatory:
        review = require_verdict(
            review_id=review.pk,
            excluded=current.excluded,
            about="",
            tell=[],
            by=actor_of(by),
            at=at,
        )
    _submitted(version, review, comparison, environment, by, at)
    return review


def _submitted(
    version: AgentVersion,
    review: Review,
    comparison: Comparison,
    environment: Environment | None,
    by: User,
    at: datetime,
) -> None:
    """What the review compared, beside it and in the history."""
    ReviewBasis.objects.create(
        review=review,
        version=version,
        base=comparison.base,
        change_class=comparison.change_class.value,
        environment=environment,
    )
    append(
        stream=version.agent.subject,
        kind="agent_version.submitted",
        by=actor_of(by),
        at=at,
        subject=version.subject,
        data={
            "version": version.pk,
            "sequence": version.sequence,
            "review": review.pk,
            "change_class": comparison.change_class.value,
            "base": comparison.base.pk if comparison.base else None,
            "environment": environment.slug if environment else None,
        },
    )


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
    """One person's vote on the newest review of a version; enough approvals approve it."""
    check_person(by, "vote on versions")
    version = locked_version(version_id)
    review = review_to_vote_on(version.subject)
    if review.status == ReviewStatus.IN_REVIEW and review.constitution_sha256 != current_sha256():
        raise Conflict(
            "The constitution changed since this review was opened. Submit the version again.",
            code="constitution_changed",
        )
    if review.status == ReviewStatus.IN_REVIEW and base_moved(version, review):
        raise Conflict(
            "Another version was approved since this review was opened. Submit this one again.",
            code="base_changed",
        )
    return cast_vote(
        review_id=review.pk,
        by=by,
        verdict=verdict,
        comment=comment,
        seen_sha256=seen_sha256,
        method=method,
        at=at,
    )
