"""Release, roll back, suspend, lift, break the glass: everything that changes what runs where."""

from datetime import datetime, timedelta

from django.db import transaction

from agents.comparing import good_in
from agents.importing import storable
from agents.models import Agent, AgentVersion, Environment, Family, Release, ReleaseKind, Suspension
from agents.permissions import (
    check_person,
    environment_named,
    excluded_from,
    no_such_version,
)
from agents.releasing.permissions import check_may_break_glass, check_may_release
from agents.review_policy import environment_of
from agents.reviewing.services import ask_for_approval
from agents.services import locked_agent, locked_version
from agents.standing import (
    check_not_settled,
    check_releasable,
    requires_compliance,
    suspended,
)
from agents.suspensions import suspensions_on
from governance.audit.services import append
from governance.base.canonical import sha256_hex, stamp
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.constitution.services import current_sha256
from governance.people.models import Role, User
from governance.people.permissions import Permission, check
from governance.people.services import actor_of
from governance.review.mandatory import require_verdict
from governance.review.models import Review, ReviewStatus
from governance.review.services import latest_review, withdraw_review

LONGEST_REASON = 4000
SHORTEST_EMERGENCY = 20
LONGEST_HOURS = 24


@transaction.atomic
def release(*, version_id: int, environment: str, by: User, at: datetime) -> Release:
    """Point an environment at an approved version; what is released there already stays."""
    check_person(by, "release versions")
    version = locked_version(version_id)
    target = environment_named(environment)
    check_may_release(by, version, target)
    review = check_releasable(version, environment=target, law=current_sha256(), at=at)
    current = current_release(version.agent, target)
    if current and current.version_id == version.pk and current.review_id == review.pk:
        return current
    return _point(version, target, review, kind=ReleaseKind.RELEASE, by=by, at=at)


@transaction.atomic
def roll_back(
    *, slug: str, environment: str, sequence: int, reason: str, by: User, at: datetime
) -> Release:
    """Point an environment back at a version that ran there, if today's law still allows it.

    The past approval is judged anew: a stale one, a missing waiver or a suspension refuses.
    """
    check_person(by, "roll back")
    version = locked_version(_numbered(locked_agent(slug), sequence).pk)
    target = environment_named(environment)
    check_may_release(by, version, target)
    current = current_release(version.agent, target)
    if current and current.version_id == version.pk and current.kind != ReleaseKind.BREAK_GLASS:
        raise Conflict(f"Version {sequence} runs in {target} now.", code="runs_there")
    if not Release.objects.filter(version=version, environment=target).exists():
        raise Conflict(
            f"Version {sequence} never ran in {target}: release it instead.", code="never_ran"
        )
    review = check_releasable(version, environment=target, law=current_sha256(), at=at)
    why = storable(reason).strip()[:LONGEST_REASON]
    return _point(version, target, review, kind=ReleaseKind.ROLLBACK, reason=why, by=by, at=at)


def current_release(agent: Agent, environment: Environment) -> Release | None:
    """What the environment points at, served or not."""
    return Release.objects.filter(agent=agent, environment=environment).first()


def _point(
    version: AgentVersion,
    target: Environment,
    review: Review,
    *,
    kind: ReleaseKind,
    by: User,
    at: datetime,
    reason: str = "",
) -> Release:
    made = Release.objects.create(
        agent=version.agent,
        environment=target,
        version=version,
        review=review,
        kind=kind,
        reason=reason,
        released_by=by,
        at=at,
    )
    append(
        stream=version.agent.subject,
        kind="agent.rolled_back" if kind == ReleaseKind.ROLLBACK else "agent.released",
        by=actor_of(by),
        at=at,
        subject=version.subject,
        data={
            **_told(made),
            "review": review.pk,
            "constitution_sha256": review.constitution_sha256,
        },
    )
    return made


def _told(made: Release) -> dict[str, object]:
    """What the history keeps of any release; of its reason only the fingerprint."""
    return {
        "release": made.pk,
        "environment": made.environment.slug,
        "version": made.version_id,
        "sequence": made.version.sequence,
        "sha256": made.version.sha256,
        "reason_sha256": sha256_hex(made.reason.encode()) if made.reason else "",
    }


@transaction.atomic
def break_glass(
    *, version_id: int, environment: str, reason: str, hours: int, by: User, at: datetime
) -> Release:
    """Serve a version that nobody has approved, for some hours, and have it reviewed at once.

    Once per text: after it, only an approval helps. A suspension and a rejection stand.
    """
    check_person(by, "break the glass")
    version = locked_version(version_id)
    target = environment_named(environment)
    check_may_break_glass(by, version, target)
    why = _emergency(reason, hours)
    _check_breakable(version, target)
    made = Release.objects.create(
        agent=version.agent,
        environment=target,
        version=version,
        kind=ReleaseKind.BREAK_GLASS,
        reason=why,
        expires_at=at + timedelta(hours=hours),
        released_by=by,
        at=at,
    )
    review = _mandatory_review(made, by=by, at=at)
    append(
        stream=version.agent.subject,
        kind="agent.glass_broken",
        by=actor_of(by),
        at=at,
        subject=version.subject,
        data={
            **_told(made),
            "review": review.pk,
            "expires_at": stamp(at + timedelta(hours=hours)),
        },
    )
    return made


def _emergency(reason: str, hours: int) -> str:
    why: str = storable(reason).strip()[:LONGEST_REASON]
    if len(why) < SHORTEST_EMERGENCY:
        raise InvalidInput(
            f"Say what the emergency is, in at least {SHORTEST_EMERGENCY} characters.",
            code="no_reason",
        )
    if not 1 <= hours <= LONGEST_HOURS:
        raise InvalidInput(
            f"Break-glass lasts from 1 to {LONGEST_HOURS} hours.", code="too_many_hours"
        )
    return why


def _check_breakable(version: AgentVersion, target: Environment) -> None:
    """What no emergency overrides: a suspension, a verdict, an earlier broken glass, no law."""
    if suspension := suspensions_on(version.agent, version_id=version.pk).first():
        raise suspended(suspension.reason)
    if requires_compliance(version) and not current_sha256():
        raise Conflict(
            "This agent requires a constitution, and none is ratified.", code="no_constitution"
        )
    check_not_settled(version)
    _check_first_glass(version, target)


def _check_first_glass(version: AgentVersion, target: Environment) -> None:
    """An approval since allows another, if it is good for where the glass is broken."""
    same_text = Release.objects.filter(
        agent=version.agent,
        version__text_sha256=version.text_sha256,
        kind=ReleaseKind.BREAK_GLASS,
    )
    broken = same_text.first()
    if broken is None:
        return
    approved_since = Review.objects.filter(
        subject=broken.version.subject, status=ReviewStatus.APPROVED, closed_at__gte=broken.at
    )
    if not good_in(approved_since, target).exists():
        raise Conflict(
            "The glass was broken for this text before. Now it takes an approval.",
            code="glass_broken_before",
        )


def _mandatory_review(made: Release, *, by: User, at: datetime) -> Review:
    """The review that follows at once: one that is open is kept, with its votes."""
    version = made.version
    about = f"Break-glass: runs in {made.environment} until {made.expires_at:%Y-%m-%d %H:%M} UTC."
    review = latest_review(version.subject)
    tell = list(User.objects.with_role(Role.AUDITOR))
    if review and review.status == ReviewStatus.IN_REVIEW and _is_opened_anew(review, made):
        review = withdraw_review(review_id=review.pk, by=actor_of(by), at=at)
    if review and review.status == ReviewStatus.IN_REVIEW:
        tell += list(User.objects.with_role(Role.APPROVER))
    else:
        review = ask_for_approval(version=version, by=by, at=at, about=about)
    return require_verdict(
        review_id=review.pk,
        excluded=excluded_from(version) | {by.pk},
        about=about,
        tell=tell,
        by=actor_of(by),
        at=at,
    )


def _is_opened_anew(review: Review, made: Release) -> bool:
    """Whether an open review cannot be the one that follows.

    A part of a list needs a verdict of its own (the list has to be opened anew), one for
    another environment does not judge what runs, and who breaks the glass has no vote.
    """
    elsewhere = environment_of(review) not in {None, made.environment}
    has_voted = review.votes.filter(voter=made.released_by).exists()
    return review.part_of_id is not None or elsewhere or has_voted


@transaction.atomic
def suspend(
    *,
    reason: str,
    by: User,
    at: datetime,
    slug: str = "",
    sequence: int | None = None,
    family: str = "",
) -> Suspension:
    """Serve nothing of an agent, of one version of it, or of a family, from the next resolve on."""
    check_person(by, "suspend agents")
    check(by, Permission.SUSPEND)
    why = storable(reason).strip()[:LONGEST_REASON]
    if not why:
        raise InvalidInput("Say why: runners and people will read the reason.", code="no_reason")
    if bool(slug) == bool(family):
        raise InvalidInput("Name an agent or a family to suspend.")
    what = _whole_family(family) if family else _part(slug, sequence)
    if Suspension.objects.filter(**what, lifted_at=None).exists():
        named = what["family"] or what["version"] or what["agent"]
        raise Conflict(f"{named} is suspended already.", code="suspended")
    suspension = Suspension.objects.create(**what, reason=why, at=at, suspended_by=by)
    append(
        stream=suspension.stream,
        kind="family.suspended" if family else "agent.suspended",
        by=actor_of(by),
        at=at,
        data={"suspension": suspension.pk, "sequence": sequence},
    )
    return suspension


Suspended = dict[str, Family | Agent | AgentVersion | None]


def _whole_family(slug: str) -> Suspended:
    family = Family.objects.select_for_update().filter(slug=slug).first()
    if family is None:
        raise NotThere(f"There is no family {slug[:80]}.", code="unknown_family")
    return {"family": family, "agent": None, "version": None}


def _part(slug: str, sequence: int | None) -> Suspended:
    agent = locked_agent(slug)
    version = _numbered(agent, sequence) if sequence is not None else None
    return {"family": None, "agent": agent, "version": version}


def _numbered(agent: Agent, sequence: int) -> AgentVersion:
    version = agent.versions.filter(sequence=sequence).defer("raw", "text").first()
    if version is None:
        raise no_such_version(agent, sequence)
    return version


@transaction.atomic
def lift(*, suspension_id: int, by: User, at: datetime) -> Suspension:
    """End a suspension; lifting it again changes nothing."""
    check_person(by, "lift suspensions")
    check(by, Permission.SUSPEND)
    found = Suspension.objects.select_related("agent").filter(pk=suspension_id).first()
    if found is None:
        raise NotThere("There is no such suspension.", code="unknown_suspension")
    if found.agent:
        locked_agent(found.agent.slug)
    suspension = Suspension.objects.select_for_update(of=("self",)).get(pk=suspension_id)
    if suspension.lifted_at is None:
        suspension.lifted_at, suspension.lifted_by = at, by
        suspension.save(update_fields=["lifted_at", "lifted_by"])
        append(
            stream=found.stream,
            kind="agent.suspension_lifted" if found.agent else "family.suspension_lifted",
            by=actor_of(by),
            at=at,
            data={"suspension": suspension.pk},
        )
    return suspension
