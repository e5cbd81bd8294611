"""What an amendment does to agents: which claims, rules, approvals and releases it touches.

A draft is judged as if it were ratified now; a ratified one by what its ratification says.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q

from agents.compliance.matrix import by_version
from agents.compliance.staleness import ratifications
from agents.models import AgentVersion, PrincipleClaim, Release, ReleaseKind, Rule
from agents.standing import with_status
from governance.constitution.amending import LawDiff, compare_laws
from governance.constitution.levels import proposal_of
from governance.constitution.models import (
    Amendment,
    AmendmentLevel,
    ConstitutionVersion,
    Ratification,
)
from governance.constitution.names import plain_title
from governance.constitution.services import current
from governance.review.models import ReviewStatus

MOST_ROWS = 300


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an amendment goes, and from when on."""

    level: str
    touched: tuple[str, ...]
    touches_all: bool
    ratification: Ratification | None
    stops_at: datetime | None

    @property
    def stales(self) -> bool:
        """Whether it touches approvals at all."""
        return self.level != AmendmentLevel.PATCH and bool(self.touches_all or self.touched)


@dataclass(frozen=True, slots=True)
class Touched:
    """One approval that the amendment touches, with where the version runs."""

    version: Any
    claims: list[PrincipleClaim]
    releases: list[Release]

    @property
    def why(self) -> str:
        """``claims Simplicity``, or that the change binds everybody."""
        names = ", ".join(claim.name for claim in self.claims[:3])
        if not names:
            return "a NON-NEGOTIABLE principle changes, which binds everybody"
        return f"claims {names}"


@dataclass(frozen=True, slots=True)
class Impact:
    """``approvals`` run somewhere or not; ``claims`` and ``rules`` name what changes."""

    version: ConstitutionVersion
    base: ConstitutionVersion | None
    diff: LawDiff
    reach: Reach
    approvals: list[Touched]
    claims: list[PrincipleClaim]
    rules: list[Rule]

    @property
    def running(self) -> list[Touched]:
        """What stops, if nobody affirms it again."""
        return [one for one in self.approvals if one.releases]

    @property
    def idle(self) -> list[Touched]:
        """Approvals that no environment points at: they are released no more."""
        return [one for one in self.approvals if not one.releases]

    @property
    def level_label(self) -> str:
        return str(AmendmentLevel(self.reach.level).label)


def impact_of(version: ConstitutionVersion, *, at: datetime) -> Impact:
    """The part of the Sync Impact Report that is about agents."""
    ratification = version.ratifications.order_by("-id").first()
    amendment = _amendment(version, ratification)
    base = amendment.base if amendment else (None if ratification else current())
    diff = compare_laws(base, version)
    reach = _reach(version, base, amendment, ratification, at)
    claims = _claims(diff, reach)
    return Impact(
        version=version,
        base=base,
        diff=diff,
        reach=reach,
        approvals=_approvals(reach),
        claims=claims,
        rules=_rules(diff, {claim.version_id for claim in claims}),
    )


def _amendment(version: ConstitutionVersion, ratification: Ratification | None) -> Amendment | None:
    """What its ratification rests on; else what its newest review compares with today's law."""
    found = version.amendments.select_related("base").order_by("-id")
    if ratification:
        return found.filter(review=ratification.review_id).first()
    amendment = found.first()
    law = current()
    is_current = amendment and amendment.base_id == (law.pk if law else None)
    return amendment if is_current else None


def _reach(
    version: ConstitutionVersion,
    base: ConstitutionVersion | None,
    amendment: Amendment | None,
    ratification: Ratification | None,
    at: datetime,
) -> Reach:
    if ratification:
        stops_at = ratification.grace_until or ratification.at
        said: Any = ratification
    else:
        stops_at = at + settings.AMENDMENT_GRACE
        said = amendment or proposal_of(version, base)
    level = said.level or AmendmentLevel.MAJOR
    return Reach(
        level=level,
        touched=tuple(said.touched),
        touches_all=said.touches_all,
        ratification=ratification,
        stops_at=None if level == AmendmentLevel.PATCH else stops_at,
    )


def _approvals(reach: Reach) -> list[Touched]:
    """The approvals that it touches: given before it, and about what it changes."""
    if not reach.stales:
        return []
    approved = [version for version in _approved() if _was_before(version, reach)]
    claims = by_version(
        PrincipleClaim.objects.filter(version__in=[one.pk for one in approved])
        .filter(key__in=reach.touched)
        .order_by("position")
    )
    releases = _current_releases()
    return [
        Touched(version, claims[version.pk], releases[version.pk])
        for version in approved
        if reach.touches_all or claims[version.pk]
    ]


def _approved() -> list[Any]:
    """Versions whose newest review approved them, with the number of the law judged under."""
    numbers = _law_numbers()
    versions: Any = with_status(AgentVersion.objects.all())
    found: list[Any] = list(
        versions.filter(status=ReviewStatus.APPROVED)
        .select_related("agent__owner", "agent__family")
        .only(
            "sequence", "agent__slug", "agent__name", "agent__owner__name",
            "agent__owner__email", "agent__family__name", "agent__family__slug",
        )
        .order_by("agent__slug", "-sequence")
    )  # fmt: skip
    for version in found:
        version.law_number = numbers.get(version.judged_under, 0)
    return found


def _law_numbers() -> Mapping[str, int]:
    """The newest ratification of each text of the law."""
    return dict(ratifications().order_by("id").values_list("version__sha256", "id"))


def _was_before(version: Any, reach: Reach) -> bool:
    return reach.ratification is None or version.law_number < reach.ratification.pk


def _current_releases() -> defaultdict[int, list[Release]]:
    newest = Release.objects.order_by("agent_id", "environment_id", "-id").distinct(
        "agent_id", "environment_id"
    )
    found = Release.objects.filter(pk__in=newest.values("pk"))
    found = found.exclude(kind=ReleaseKind.BREAK_GLASS).select_related("environment")
    return by_version(found.order_by("environment__slug"))


def _claims(diff: LawDiff, reach: Reach) -> list[PrincipleClaim]:
    """Where agents' newest versions claim a principle that differs, were it in wording only."""
    keys = {*reach.touched, *diff.differing}
    newest = AgentVersion.objects.order_by("agent_id", "-sequence").distinct("agent_id")
    found = PrincipleClaim.objects.filter(key__in=keys, version__in=newest.values("pk"))
    related = found.select_related("version__agent").only(
        "key", "name", "text", "line", "position", "version__sequence", "version__agent__slug",
        "version__agent__name",
    )  # fmt: skip
    return list(related.order_by("version__agent__slug", "position")[:MOST_ROWS])


def _rules(diff: LawDiff, version_ids: Iterable[int]) -> list[Rule]:
    """Rules of those versions that name such a principle."""
    named = Q(pk__in=[])
    for title in {plain_title(change.title) for change in diff.changes if change.title}:
        named |= Q(text__icontains=title)
    found = Rule.objects.filter(named, version__in=set(version_ids))
    related = found.select_related("version__agent").only(
        "key", "text", "line", "position", "version__sequence", "version__agent__slug",
        "version__agent__name",
    )  # fmt: skip
    return list(related.order_by("version__agent__slug", "position")[:MOST_ROWS])
