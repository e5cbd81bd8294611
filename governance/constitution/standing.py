"""Where a version of the law stands, and what still keeps it from being ratified; read only."""

from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat

from governance.base.errors import Conflict
from governance.base.findings import Severity
from governance.constitution.models import (
    Acknowledgement,
    ConstitutionVersion,
    Ratification,
)
from governance.constitution.parsing import parse_constitution
from governance.review.models import TONES, Review, ReviewStatus

DRAFT = "draft"
LABELS: dict[str, str] = {DRAFT: "Draft", **dict(ReviewStatus.choices)}
STANDING_TONES: dict[str, str] = {DRAFT: "neutral", **TONES}
VAGUE = "VAGUE_WORD"


def in_force(slug: str) -> Ratification | None:
    """The ratification that made the present law, its version loaded; None before the first."""
    found = Ratification.objects.filter(constitution__slug=slug)
    loaded = found.select_related("version", "version__constitution", "review")
    return loaded.order_by("-id").first()


def with_status(versions: QuerySet[ConstitutionVersion]) -> QuerySet[ConstitutionVersion]:
    """Annotate ``status``, that of the newest review or draft; the texts themselves stay away."""
    subject = Concat(Value("constitution_version:"), Cast(OuterRef("pk"), CharField()))
    reviews = Review.objects.filter(subject=subject).order_by("-id")
    ratified = Ratification.objects.filter(version=OuterRef("pk")).order_by("-id")
    return versions.defer("raw", "text", "findings").annotate(
        status=Coalesce(Subquery(reviews.values("status")[:1]), Value(DRAFT)),
        ratified_at=Subquery(ratified.values("at")[:1]),
    )


@dataclass(frozen=True, slots=True)
class NoticedThing:
    """A finding of a version as pages show it: with who has acknowledged it."""

    key: str
    code: str
    severity: str
    line: int
    message: str
    fix: str
    excerpt: str
    acknowledged: Acknowledgement | None

    @property
    def blocks(self) -> bool:
        """Whether the text has to change before it can be ratified."""
        return self.severity == Severity.ERROR

    @property
    def is_vague(self) -> bool:
        """Whether somebody has to say that it is meant as it stands."""
        return self.code == VAGUE

    @property
    def waits(self) -> bool:
        """Whether it still needs an acknowledgement."""
        return self.is_vague and self.acknowledged is None


def findings_today(version: ConstitutionVersion) -> list[dict[str, Any]]:
    """What is noticed in a text now: it may have come in, or have been law, before a check was."""
    found = parse_constitution(bytes(version.raw)).findings
    return [finding.as_dict() for finding in found]


def noticed_in(version: ConstitutionVersion) -> list[NoticedThing]:
    """What was noticed in a version: what blocks first, then what waits, each by line."""
    rows = version.acknowledgements.select_related("user")
    said = {row.finding_key: row for row in rows}
    things = [_thing(finding, said) for finding in findings_today(version)]
    return sorted(things, key=lambda thing: (not thing.blocks, not thing.is_vague, thing.line))


def _thing(finding: dict[str, Any], said: dict[str, Acknowledgement]) -> NoticedThing:
    return NoticedThing(
        key=finding["key"],
        code=finding["code"],
        severity=finding["severity"],
        line=finding["line"],
        message=finding["message"],
        fix=finding.get("fix", ""),
        excerpt=finding.get("excerpt", ""),
        acknowledged=said.get(finding["key"]),
    )


def blocking(version: ConstitutionVersion) -> list[dict[str, Any]]:
    """The findings that no acknowledgement lifts."""
    return [finding for finding in findings_today(version) if finding["severity"] == Severity.ERROR]


def unacknowledged(version: ConstitutionVersion) -> list[str]:
    """The keys of the vague words that nobody has acknowledged."""
    said = set(version.acknowledgements.values_list("finding_key", flat=True))
    return [
        finding["key"]
        for finding in findings_today(version)
        if finding["code"] == VAGUE and finding["key"] not in said
    ]


def check_unblocked(version: ConstitutionVersion) -> None:
    """Refuse a text with anything in it that no acknowledgement lifts, naming the first."""
    errors = blocking(version)
    if not errors:
        return
    first = errors[0]
    where = f"Line {first['line']}: " if first["line"] else ""
    more = f" {len(errors) - 1} more like this." if len(errors) > 1 else ""
    raise Conflict(f"This text cannot be ratified. {where}{first['message']}{more}", code="blocked")


def check_submittable(version: ConstitutionVersion, review: Review | None, *, law: str) -> None:
    """Refuse what is blocked, in force, in review under this law, or was turned down."""
    check_unblocked(version)
    if version.sha256 == law:
        raise Conflict("This version is the law in force already.", code="in_force")
    if review is None or review.status in {ReviewStatus.WITHDRAWN, ReviewStatus.APPROVED}:
        return
    if review.status != ReviewStatus.IN_REVIEW:
        label = review.get_status_display()
        raise Conflict(f"{label}: import the changed text as a new version.", code="settled")
    if review.constitution_sha256 == law:
        raise Conflict("This version is in review already.", code="in_review")


def check_acknowledged(version: ConstitutionVersion) -> None:
    """Refuse an approval while a vague word waits for somebody to say that it is meant."""
    if waiting := len(unacknowledged(version)):
        words = "vague word waits" if waiting == 1 else "vague words wait"
        raise Conflict(
            f"{waiting} {words} for an acknowledgement. Acknowledge each, then approve.",
            code="unacknowledged",
        )
