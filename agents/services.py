"""Import, submit, vote: everything that brings agents in and gets their versions approved."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.utils.text import slugify

from agents.comparing import Comparison, base_moved, compare_with_base, comparison_of
from agents.importing import Reading, family_slug, read_definition, write_version
from agents.models import Agent, AgentVersion, Environment, Family, ReviewBasis
from agents.permissions import (
    check_may_propose,
    check_may_submit,
    check_person,
    excluded_from,
    no_such_agent,
)
from agents.review_policy import policy_for
from agents.standing import check_submittable
from governance.asking.models import AskKind
from governance.audit.services import append
from governance.base.canonical import sha256_hex
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.constitution.services import current_sha256
from governance.people.models import Runner, User
from governance.people.services import actor_of
from governance.review.mandatory import require_verdict
from governance.review.models import Review, ReviewStatus
from governance.review.services import cast_vote, latest_review, open_review, withdraw_review


@transaction.atomic
def import_definition(
    *,
    raw: bytes,
    filename: str,
    family: str,
    by: User | Runner,
    at: datetime,
    owner: User | None = None,
    slug: str = "",
    provenance: Mapping[str, str] | None = None,
    reading: Reading | None = None,
    co_authors: Iterable[int] = (),
) -> tuple[AgentVersion, bool]:
    """Keep a definition as it came, with everything read from it, as the agent's next version.

    The same bytes as the newest version change nothing. ``slug`` is the agent the caller means;
    the file must then name the same. Of a new agent the importer (or ``owner``) is the owner.
    ``provenance`` says where the text came from; whoever it names as author counts as one, as do
    the ``co_authors``. ``reading`` is what the caller has read from the bytes already.
    """
    reading = reading or read_definition(raw, filename)
    parsed, named = reading.parsed, _named(slug, reading)
    check_may_propose(by, named)
    agent, is_new = _agent(named, reading.name, family=family, by=by, owner=owner, at=at)
    newest = None if is_new else _newest(agent)
    if newest and newest.sha256 == sha256_hex(raw):
        return _version(newest.pk), False
    version = write_version(
        agent=agent,
        sequence=newest.sequence + 1 if newest else 1,
        raw=raw,
        filename=filename,
        parsed=parsed,
        comparison=compare_with_base(parsed, agent if newest else None),
        provenance=provenance or {},
        co_authors=co_authors,
        by=by,
        at=at,
    )
    append(
        stream=agent.subject,
        kind="agent_version.imported",
        by=actor_of(by),
        at=at,
        subject=version.subject,
        data={
            "version": version.pk,
            "sequence": version.sequence,
            "sha256": version.sha256,
            "repaired": version.repaired,
            "findings": len(version.findings),
            "change_class": version.change_class,
            "base": version.base_id,
        },
    )
    return version, True


def _named(slug: str, reading: Reading) -> str:
    """The agent that is meant: an agent kept apart from a namesake has another slug than name."""
    if not slug or slug == reading.slug:
        return reading.slug
    called = Agent.objects.filter(slug=slug).values_list("name", flat=True).first()
    if called and slugify(called) == reading.named:
        return slug
    raise InvalidInput(f"The file names itself {reading.named}, not {slug}.", code="other_name")


def _agent(
    slug: str,
    name: str,
    *,
    family: str,
    by: User | Runner,
    owner: User | None,
    at: datetime,
) -> tuple[Agent, bool]:
    """The agent with this slug under a lock; True where it was made now."""
    agent, is_new = Agent.objects.filter(slug=slug).first(), False
    if agent is None:
        agent, is_new = _create_agent(slug, name, family=family, by=by, owner=owner, at=at)
    if not is_new:
        agent = locked_agent(slug)
    if family and family_slug(family) != agent.family.slug:
        raise Conflict(
            f"{slug} is an agent of the family {agent.family}, not of {family[:120]}. "
            "Name that family, or none.",
            code="other_family",
            slug=slug,
        )
    return agent, is_new


def _create_agent(
    slug: str,
    name: str,
    *,
    family: str,
    by: User | Runner,
    owner: User | None,
    at: datetime,
) -> tuple[Agent, bool]:
    agent, created = Agent.objects.get_or_create(
        slug=slug,
        defaults={
            "family": _family(family),
            "name": name,
            "owner": owner or (by.owner if isinstance(by, Runner) else by),
            "created_at": at,
        },
    )
    if created:
        append(
            stream=agent.subject,
            kind="agent.created",
            by=actor_of(by),
            at=at,
            data={
                "slug": slug,
                "family": agent.family.slug,
                "owner": agent.owner.subject,
                "tier": agent.tier,
            },
        )
    return agent, created


def _family(name: str) -> Family:
    slug = family_slug(name)
    if not slug:
        raise InvalidInput("A new agent needs a family: name one.", code="no_family")
    family, _ = Family.objects.get_or_create(slug=slug, defaults={"name": name.strip()[:120]})
    return family


def locked_agent(slug: str) -> Agent:
    locked = Agent.objects.select_for_update(of=("self",)).select_related("family")
    agent = locked.filter(slug=slug).first()
    if agent is None:
        raise no_such_agent(slug)
    return agent


def _newest(agent: Agent) -> AgentVersion | None:
    return agent.versions.order_by("-sequence").only("id", "sha256", "sequence").first()


def _version(version_id: int) -> AgentVersion:
    found = AgentVersion.objects.select_related("agent", "author", "proposed_by")
    version = found.filter(pk=version_id).first()
    if version is None:
        raise NotThere("There is no such version.", code="unknown_version")
    return version


def locked_version(version_id: int) -> AgentVersion:
    """A version under its agent's lock: versions themselves never change."""
    version = _version(version_id)
    locked_agent(version.agent.slug)
    return version


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
    only = _environment(environment) if environment else None
    return ask_for_approval(version=version, by=by, at=at, environment=only, due_at=due_at)


def _environment(slug: str) -> Environment:
    found = Environment.objects.filter(slug=slug).first()
    if found is None:
        raise NotThere(f"There is no environment {slug[:40]}.", code="unknown_environment")
    return found


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
    comparison = comparison_of(version)
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
    review = latest_review(version.subject)
    if review is None:
        raise Conflict("This version is a draft: submit it first.", code="draft")
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


def no_such_version(agent: Agent, sequence: int) -> NotThere:
    return NotThere(f"{agent} has no version {sequence}.", code="unknown_version")
