"""What the pages about releases show: queries and plain values, no requests."""

from datetime import datetime
from typing import Any

from agents.comparing import comparison_with
from agents.diff_page import votes_for
from agents.models import (
    HEAVY_OF_VERSION,
    Agent,
    AgentVersion,
    Environment,
    Family,
    Release,
    ReleaseKind,
)
from agents.overview import released
from agents.permissions import why_not
from agents.releasing.forms import FamilySuspendForm, ReleaseForm, SuspendForm
from agents.releasing.permissions import check_may_break_glass, check_may_release
from agents.releasing.services import current_release
from agents.resolving import check_served, standing_releases
from agents.standing import check_releasable, day
from governance.base.errors import NotThere, sentence_of
from governance.constitution.models import ConstitutionVersion
from governance.constitution.services import current_sha256
from governance.people.models import User
from governance.people.permissions import Permission
from governance.review.models import Review, Verdict, Vote

MOST_RELEASES = 30
MOST_SUSPENSIONS = 20


def where_it_runs(found: Agent, user: User, *, at: datetime) -> dict[str, Any]:
    """What runs in each environment, and the releases that led there, the newest first."""
    releases = list(_history(found))
    current = {release.environment_id: release.pk for release in reversed(releases)}
    _describe(releases, current, at)
    return {
        "places": _places(found, at),
        "release_history": releases,
        "why_no_roll_back": why_not(user, Permission.RELEASE),
    }


def _history(found: Agent) -> Any:
    related = found.releases.select_related("environment", "version", "released_by", "review")
    return related.defer(*HEAVY_OF_VERSION)[:MOST_RELEASES]


def _describe(releases: list[Any], current: dict[int, int], at: datetime) -> None:
    """Who approved each release, under which text, and whether it is the newest of its place."""
    reviews = {release.review.voted_on for release in releases if release.review}
    votes = Vote.objects.filter(review__in=reviews, verdict=Verdict.APPROVE)
    approvers: dict[int, list[str]] = {}
    for vote in votes.select_related("voter"):
        approvers.setdefault(vote.review_id, []).append(str(vote.voter))
    laws = _laws({release.review.constitution_sha256 for release in releases if release.review})
    for release in releases:
        release.is_current = current[release.environment_id] == release.pk
        release.is_glass = release.kind == ReleaseKind.BREAK_GLASS
        release.has_ended = release.is_glass and at >= release.expires_at
        release.approvers = approvers.get(release.review.voted_on, []) if release.review else []
        release.law = laws.get(release.review.constitution_sha256) if release.review else None


def _laws(digests: set[str]) -> dict[str, ConstitutionVersion]:
    found = ConstitutionVersion.objects.filter(sha256__in=digests).defer("raw", "text", "findings")
    return {law.sha256: law for law in found}


def _places(found: Agent, at: datetime) -> list[dict[str, Any]]:
    """Every environment with what it points at, and why nothing is served where nothing is."""
    newest = (
        standing_releases()
        .filter(agent=found)
        .select_related("agent", "version", "review")
        .order_by("environment_id", "-id")
        .distinct("environment_id")
    )
    here = {release.environment_id: release for release in newest}
    return [
        {"environment": one, "release": here.get(one.pk), **_state(here.get(one.pk), at)}
        for one in Environment.objects.select_related("team")
    ]


def _state(release: Any, at: datetime) -> dict[str, Any]:
    if release is None:
        return {"tone": "neutral", "label": "Nothing is released", "why": ""}
    if why := sentence_of(check_served, release, at=at):
        return {"tone": "bad", "label": "Runners are refused", "why": why}
    if release.kind == ReleaseKind.BREAK_GLASS:
        until = f"{release.expires_at:%Y-%m-%d %H:%M} UTC"
        return {"tone": "bad", "label": "Break-glass", "why": f"Nobody approved it. Until {until}."}
    if release.stale_since:
        until = day(release.grace_until, at=at)
        return {"tone": "warn", "label": "Runs", "why": f"Its approval goes stale on {until}."}
    return {"tone": "good", "label": "Runs", "why": ""}


def confirmation(
    version: AgentVersion, environment: Environment, user: User, *, at: datetime
) -> dict[str, Any]:
    """What a release would change there: the version beside what runs now, and why not."""
    current = current_release(version.agent, environment)
    base = current.version if current else None
    comparison = comparison_with(version, base)
    return {
        "agent": version.agent,
        "version": version,
        "environment": environment,
        "current": current,
        "comparison": comparison,
        "votes": votes_for(comparison, version).votes,
        "refusal": sentence_of(check_may_release, user, version, environment)
        or sentence_of(
            check_releasable, version, environment=environment, law=current_sha256(), at=at
        ),
    }


def glass(version: AgentVersion, user: User) -> dict[str, Any]:
    """The page that breaks the glass: what it would serve, and why this person may not."""
    refusal = sentence_of(check_may_break_glass, user, version)
    return {"agent": version.agent, "version": version, "refusal": refusal}


def family_suspension(
    family: Family, user: User, form: FamilySuspendForm | None = None
) -> dict[str, Any]:
    """What ``agents/releasing/_family_suspension.html`` reads."""
    found = family.suspensions.select_related("suspended_by", "lifted_by")
    return {
        "suspended_family": family,
        "family_suspensions": list(found[:MOST_SUSPENSIONS]),
        "family_suspend_form": form or FamilySuspendForm(),
        "why_no_family_suspension": why_not(user, Permission.SUSPEND),
    }


def suspensions_panel(found: Agent, user: User, form: SuspendForm) -> dict[str, Any]:
    """What stops an agent, or one version of it, by itself or by its family."""
    of_family = found.family.suspensions.filter(lifted_at=None)
    related = found.suspensions.select_related("version", "suspended_by", "lifted_by")
    light = related.defer(*HEAVY_OF_VERSION)
    return {
        "family_stops": list(of_family.select_related("suspended_by")),
        "suspensions": list(light[:MOST_SUSPENSIONS]),
        "suspend_form": form,
        "why_no_suspension": why_not(user, Permission.SUSPEND),
    }


def release_panel(
    found: AgentVersion, review: Review | None, user: User, *, law: str, at: datetime
) -> dict[str, Any]:
    """Where the version runs, and the form for the environments where it does not yet."""
    current = released([found.agent_id])[found.agent_id]
    here = [r for r in current if review and (r.version_id, r.review_id) == (found.pk, review.pk)]
    return {
        "runs_in": [r.environment.name for r in current if r.version_id == found.pk],
        "glass": [
            r
            for r in current
            if (r.version_id, r.kind) == (found.pk, ReleaseKind.BREAK_GLASS)
            and r.expires_at is not None
            and r.expires_at > at
        ],
        "may_release": not why_not(user, Permission.RELEASE),
        "release_form": ReleaseForm(without=[release.environment_id for release in here]),
        "why_no_release": why_not(user, Permission.RELEASE)
        or sentence_of(check_releasable, found, environment=None, law=law, at=at),
    }


def release_of(found: Agent, release_id: int) -> Release:
    """One release of the agent, to go back to."""
    related = found.releases.select_related("environment__team", "version__agent")
    release = related.filter(pk=release_id).first()
    if release is None:
        raise NotThere(f"{found} has no such release.", code="unknown_release")
    return release
