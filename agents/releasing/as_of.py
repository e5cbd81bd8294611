"""What could run at a moment, under which constitution, approved by whom.

Computed from rows that keep their times: the same number of queries for any number of agents.
What counts is what resolve would have answered then, to the reason.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q

from agents.comparing import good_in
from agents.compliance.staleness import ratifications
from agents.models import (
    HEAVY_OF_VERSION,
    Environment,
    PrincipleClaim,
    Release,
    ReleaseKind,
    Suspension,
)
from agents.permissions import agents_for, environment_named
from agents.standing import COMPLIANCE_KEY, requires_law
from governance.constitution.models import AmendmentLevel, ConstitutionVersion, Ratification
from governance.people.models import Runner, User
from governance.review.models import Review, ReviewStatus, Verdict, Vote

SUSPENDED, EXPIRED, STALE, LAWLESS = "suspended", "glass_expired", "stale", "no_constitution"
LABELS: dict[str, str] = {
    "": "Runs",
    SUSPENDED: "Suspended",
    EXPIRED: "Break-glass ended",
    STALE: "Approval stale",
    LAWLESS: "No constitution",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One agent at that moment; ``code`` is empty where its release could run."""

    release: Any
    approval: Review | None
    approvers: tuple[Vote, ...]
    judged_under: ConstitutionVersion | None
    stale_since: datetime | None
    grace_until: datetime | None
    code: str
    reason: str

    @property
    def runs(self) -> bool:
        return not self.code

    @property
    def label(self) -> str:
        if self.runs and self.is_broken_glass:
            return "Runs without approval"
        return LABELS[self.code]

    @property
    def tone(self) -> str:
        return "good" if self.runs and not self.is_broken_glass else "bad"

    @property
    def is_broken_glass(self) -> bool:
        return bool(self.release.kind == ReleaseKind.BREAK_GLASS)

    @property
    def until(self) -> datetime | None:
        """When it stops by itself: the end of an emergency, or of the grace of an approval."""
        ends = self.release.expires_at if self.is_broken_glass else self.grace_until
        return ends if self.runs else None


@dataclass(frozen=True, slots=True)
class AsOf:
    """One environment at one moment: the law in force and the agents that were released there."""

    at: datetime
    environment: Environment
    law: ConstitutionVersion | None
    rows: tuple[Row, ...]


def as_of(*, environment: str, at: datetime, principal: User | Runner) -> AsOf:
    """Every agent this principal may see that was released there by then."""
    target = environment_named(environment)
    past = _Past.read(_releases(target, at, principal), target, at)
    rows = tuple(past.row(release) for release in past.releases)
    return AsOf(at, target, past.law, rows)


def _releases(target: Environment, at: datetime, principal: User | Runner) -> list[Any]:
    """The newest release of each agent by then, in the order of their slugs."""
    newest = (
        Release.objects.filter(environment=target, at__lte=at, agent__in=agents_for(principal))
        .order_by("agent_id", "-id")
        .distinct("agent_id")
        .select_related("agent__family", "version", "released_by", "review")
        .defer(*HEAVY_OF_VERSION)
        .annotate(compliance=F(f"version__contract__{COMPLIANCE_KEY}"))
    )
    return sorted(newest, key=lambda release: release.agent.slug)


@dataclass(slots=True)
class _Past:
    """All that decides about some releases at a moment, read at once."""

    at: datetime
    releases: list[Any]
    ratifications: list[Ratification]
    approvals: dict[str, Review]
    votes: dict[int, list[Vote]]
    claims: dict[int, set[str]]
    suspensions: list[Suspension]

    @classmethod
    def read(cls, releases: list[Any], target: Environment, at: datetime) -> "_Past":
        approvals = _approvals(releases, target, at)
        # The suspensions last: what was suspended while this was read counts.
        return cls(
            at=at,
            releases=releases,
            ratifications=_ratifications(at),
            approvals=approvals,
            votes=_votes(_considered(releases, approvals), at),
            claims=_claims(releases),
            suspensions=list(
                Suspension.objects.filter(Q(lifted_at=None) | Q(lifted_at__gt=at), at__lte=at)
                .annotate(text_sha256=F("version__text_sha256"))
                .order_by("-id")
            ),
        )

    @property
    def law(self) -> ConstitutionVersion | None:
        return self.ratifications[-1].version if self.ratifications else None

    def row(self, release: Any) -> Row:
        approval = _approval_of(release, self.approvals)
        judged = approval.constitution_sha256 if approval else ""
        since, until = self._staleness(release, judged) if approval else (None, None)
        code, reason = self._refusal(release, since, until)
        return Row(
            release=release,
            approval=approval,
            approvers=tuple(self.votes[approval.voted_on]) if approval else (),
            judged_under=self._named(judged),
            stale_since=since,
            grace_until=until,
            code=code,
            reason=reason,
        )

    def _named(self, sha256: str) -> ConstitutionVersion | None:
        laws = (one.version for one in self.ratifications if one.version.sha256 == sha256)
        return next(laws, None)

    def _staleness(self, release: Any, judged: str) -> tuple[datetime | None, datetime | None]:
        """Since when an approval is touched, and until when it was served all the same."""
        then = [one.id for one in self.ratifications if one.version.sha256 == judged]
        later = (one for one in self.ratifications if one.id > max(then, default=0))
        claimed = self.claims[release.version_id]
        touching = [one for one in later if _touches(one, claimed)]
        if not touching:
            return None, None
        return touching[0].at, min(one.grace_until or one.at for one in touching)

    def _refusal(
        self, release: Any, since: datetime | None, until: datetime | None
    ) -> tuple[str, str]:
        """The code and the sentence of why it did not run, in the order in which resolve asks."""
        if suspension := self._suspension(release):
            return SUSPENDED, f"Suspended: {suspension.reason}"
        if release.kind == ReleaseKind.BREAK_GLASS:
            ended = self.at >= release.expires_at
            return (EXPIRED, "The emergency release had ended.") if ended else ("", "")
        if requires_law(release.compliance) and not self.law:
            return LAWLESS, "The agent requires a constitution, and none was ratified."
        if since and (until is None or self.at >= until):
            return STALE, "The approval was stale: the constitution had changed."
        return "", ""

    def _suspension(self, release: Any) -> Suspension | None:
        return next((one for one in self.suspensions if _stops(one, release)), None)


def _stops(suspension: Any, release: Any) -> bool:
    if suspension.family_id:
        return bool(suspension.family_id == release.agent.family_id)
    is_part = suspension.text_sha256 in {None, release.version.text_sha256}
    return bool(is_part and suspension.agent_id == release.agent_id)


def _touches(ratification: Ratification, claimed: set[str]) -> bool:
    if ratification.level == AmendmentLevel.PATCH:
        return False
    touches_all = ratification.touches_all or not ratification.level
    return touches_all or not claimed.isdisjoint(ratification.touched)


def _ratifications(at: datetime) -> list[Ratification]:
    """Those of the law, the oldest first, without their texts."""
    found = ratifications().filter(at__lte=at).order_by("id")
    return list(found.select_related("version").defer("version__raw", "version__text"))


def _approvals(releases: Iterable[Any], target: Environment, at: datetime) -> dict[str, Review]:
    """The newest approval of each released text by then that is good for this environment."""
    approvals = Review.objects.filter(
        subject__in=[release.version.subject for release in releases],
        status=ReviewStatus.APPROVED,
        closed_at__lte=at,
    )
    found = good_in(approvals, target).order_by("id")
    return {review.subject: review for review in found}


def _approval_of(release: Any, approvals: dict[str, Review]) -> Review | None:
    if release.kind == ReleaseKind.BREAK_GLASS:
        return None
    known = approvals.get(release.version.subject)
    return known if known and known.version_sha256 == release.version.sha256 else release.review


def _considered(releases: Iterable[Any], approvals: dict[str, Review]) -> list[Review]:
    found = (_approval_of(release, approvals) for release in releases)
    return [review for review in found if review]


def _votes(reviews: Sequence[Review], at: datetime) -> dict[int, list[Vote]]:
    voted_on = {review.voted_on for review in reviews}
    found: defaultdict[int, list[Vote]] = defaultdict(list)
    approving = Vote.objects.filter(review__in=voted_on, verdict=Verdict.APPROVE, at__lte=at)
    for vote in approving.select_related("voter").order_by("id"):
        found[vote.review_id].append(vote)
    return found


def _claims(releases: Iterable[Any]) -> dict[int, set[str]]:
    versions = [release.version_id for release in releases]
    found: defaultdict[int, set[str]] = defaultdict(set)
    claims = PrincipleClaim.objects.filter(version__in=versions)
    for version_id, key in claims.values_list("version_id", "key"):
        found[version_id].add(key)
    return found
