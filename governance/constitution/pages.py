"""What the pages of the law show beside a text: its report, what differs, who ratified what."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch
from django.urls import reverse

from governance.base.errors import InvalidInput, NotThere
from governance.base.textdiff import Line, both, inline
from governance.constitution.amending import LawDiff, PartChange, PrincipleChange, compare_laws
from governance.constitution.levels import is_lowered
from governance.constitution.models import (
    Amendment,
    AmendmentLevel,
    ConstitutionVersion,
    Ratification,
)
from governance.constitution.parsing import parse_constitution
from governance.constitution.permissions import NO_VERSION
from governance.constitution.precedence import precedence_of
from governance.constitution.reports import LEVEL_TONES, Report, report_of
from governance.constitution.standing import NoticedThing
from governance.review.models import Review, ReviewStatus, Verdict, Vote

MOST_SHOWN = 50
SIDE, INLINE = "side", "inline"


@dataclass(frozen=True, slots=True)
class Shown:
    """One change with its badge and, to open, what stood there and what stands there now."""

    level: str
    sentence: str
    reasons: tuple[str, ...]
    lines: list[Line]

    @property
    def label(self) -> str:
        return AmendmentLevel(self.level).label

    @property
    def tone(self) -> str:
        return LEVEL_TONES[self.level]


def shown(changes: Iterable[PrincipleChange | PartChange]) -> list[Shown]:
    """Changes as a list shows them; each text with the lines that differ."""
    return [
        Shown(
            change.level,
            change.sentence,
            change.reasons,
            inline(change.before, change.after) if change.before != change.after else [],
        )
        for change in changes
    ]


def report_part(version: ConstitutionVersion, review: Review | None) -> dict[str, Any]:
    """The report of a version, and what it says as lists."""
    report = report_of(version, review)
    if report is None:
        return {"report": None}
    return {"report": report, **diff_part(report.base, report.diff)}


def diff_part(base: ConstitutionVersion | None, diff: LawDiff) -> dict[str, Any]:
    """What differs between two versions, as lists of changes."""
    return {
        "base": base,
        "diff": diff,
        "diff_label": AmendmentLevel(diff.level).label,
        "diff_tone": LEVEL_TONES[diff.level],
        "principle_changes": [] if diff.is_first else shown(diff.changes),
        "other_changes": shown([*diff.governance, *diff.sections]),
    }


def proposal_part(
    version: ConstitutionVersion, review: Review | None, report: Report | None, refusal: str
) -> dict[str, Any]:
    """What putting it to the vote now would mean: as a draft, again, or under another law.

    A ``report`` that no amendment was recorded for says that already.
    """
    if refusal:
        return {"proposed": None}
    known = review if review and review.status == ReviewStatus.IN_REVIEW else None
    proposed = report_of(version, None) if report and report.amendment else report
    return {"proposed": proposed, "outdated_review": known}


def notices(report: Report | None) -> list[NoticedThing]:
    """What is to be known of the amendment, in the form of the other findings."""
    return [
        NoticedThing(
            key=finding.key,
            code=finding.code,
            severity=finding.severity,
            line=finding.line,
            message=finding.message,
            fix=finding.fix,
            excerpt=finding.excerpt,
            acknowledged=None,
        )
        for finding in (report.findings if report else ())
    ]


def precedence_part(version: ConstitutionVersion) -> dict[str, Any]:
    """What the text says about conflicts."""
    return {"precedence": precedence_of(parse_constitution(bytes(version.raw)))}


def diff_page(
    version: ConstitutionVersion, *, chosen: str, view: str, others: list[int]
) -> dict[str, Any]:
    """Two versions: what differs by meaning, then the texts."""
    base = _chosen(version, chosen) if chosen else _default_base(version)
    return {
        "version": version,
        **diff_part(base, compare_laws(base, version)),
        "texts": both(base.text, version.text) if base else None,
        "view": INLINE if view == INLINE else SIDE,
        "tabs": _tabs(version, base, view) if base else [],
        "sequences": [sequence for sequence in others if sequence != version.sequence],
    }


def _chosen(version: ConstitutionVersion, sequence: str) -> ConstitutionVersion:
    if not sequence.isdecimal() or len(sequence) > 9:
        raise InvalidInput("Name the version to compare with by its number.")
    found = version.constitution.versions.filter(sequence=int(sequence)).first()
    if found is None:
        raise NotThere(NO_VERSION, code="unknown_version")
    return found


def _default_base(version: ConstitutionVersion) -> ConstitutionVersion | None:
    """What its last review compared it with, else the law, else the version before it."""
    amendment = Amendment.objects.filter(version=version).select_related("base").last()
    if amendment is not None and amendment.base:
        return amendment.base
    law = Ratification.objects.filter(constitution=version.constitution_id).first()
    if law is not None and law.version_id != version.pk:
        return law.version
    return version.constitution.versions.filter(sequence__lt=version.sequence).first()


def _tabs(version: ConstitutionVersion, base: ConstitutionVersion, view: str) -> list[Any]:
    url = reverse("constitution-diff", args=[version.sequence])
    return [
        {
            "label": label,
            "href": f"{url}?from={base.sequence}&view={name}#text",
            "current": name == (INLINE if view == INLINE else SIDE),
        }
        for name, label in ((SIDE, "Side by side"), (INLINE, "In one column"))
    ]


@dataclass(frozen=True, slots=True)
class Enacted:
    """A ratification as the history of amendments lists it."""

    ratification: Ratification
    amendment: Amendment | None
    before: ConstitutionVersion | None
    voters: list[str]

    @property
    def label(self) -> str:
        level = self.ratification.level
        return AmendmentLevel(level).label if level else "No level"

    @property
    def tone(self) -> str:
        return LEVEL_TONES.get(self.ratification.level, "neutral")

    @property
    def is_lowered(self) -> bool:
        """Whether its submitter set the level lower than the difference amounted to."""
        found = self.amendment
        return found is not None and is_lowered(found.computed_level, found.level)


def history_of(slug: str) -> list[Enacted]:
    """The newest ratifications with their levels and voters; what each replaced is beside it."""
    votes = Vote.objects.filter(verdict=Verdict.APPROVE).select_related("voter")
    found = (
        Ratification.objects.filter(constitution__slug=slug)
        .select_related("version", "review", "review__amendment")
        .defer("version__raw", "version__text", "version__findings")
        .prefetch_related(Prefetch("review__votes", queryset=votes, to_attr="approvals"))
        .order_by("-id")[: MOST_SHOWN + 1]
    )
    rows = list(found)
    return [
        Enacted(
            row,
            getattr(row.review, "amendment", None),
            rows[at + 1].version if at + 1 < len(rows) else None,
            [str(vote.voter) for vote in row.review.approvals],  # type: ignore[attr-defined]  # prefetched
        )
        for at, row in enumerate(rows[:MOST_SHOWN])
    ]
