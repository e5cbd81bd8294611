"""The constitution matrix: a version against the principles it claims and those that bind all.

A row is a pass only where a person judged this very text against the principle as it reads now.
Whatever nobody judged is unknown, and unknown is not a pass. A failure stands until somebody
judges again, reworded law or not: words that change make nobody comply.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from agents.models import AgentVersion, Judgement, MatrixVerdict, PrincipleClaim, Release, Waiver
from governance.base.canonical import digest_of
from governance.base.errors import Conflict
from governance.constitution.models import ConstitutionVersion, Principle
from governance.constitution.names import keys_of_names, principle_key

OfVersion = TypeVar("OfVersion", PrincipleClaim, Judgement, Release, Waiver)
WAIVED, UNKNOWN = "waived", "unknown"
LABELS: dict[str, str] = {**dict(MatrixVerdict.choices), WAIVED: "Waived", UNKNOWN: "Unknown"}
TONES: dict[str, str] = {
    MatrixVerdict.PASS: "good",
    MatrixVerdict.FAIL: "bad",
    MatrixVerdict.NOT_APPLICABLE: "neutral",
    WAIVED: "info",
    UNKNOWN: "warn",
}
NO_LAW = "No constitution is ratified."
NO_SUCH = "The constitution has no such principle."
NOT_JUDGED = "Nobody has judged it."
OLDER_TEXT = "Judged under an older text of the principle."


@dataclass(frozen=True, slots=True)
class Row:
    """One principle; ``principle`` is empty where the law has none of the claimed name."""

    key: str
    title: str
    verdict: str
    principle: Principle | None = None
    claim: PrincipleClaim | None = None
    judgement: Judgement | None = None
    waiver: Waiver | None = None
    reason: str = ""

    @property
    def label(self) -> str:
        return LABELS[self.verdict]

    @property
    def tone(self) -> str:
        return TONES[self.verdict]

    @property
    def is_non_negotiable(self) -> bool:
        return self.principle is not None and self.principle.non_negotiable

    @property
    def sha256(self) -> str:
        """The fingerprint of the principle as it reads now; empty where there is none."""
        return fingerprint_of(self.principle) if self.principle else ""


@dataclass(frozen=True, slots=True)
class MatrixSummary:
    """How many principles came out how."""

    passed: int = 0
    failed: int = 0
    waived: int = 0
    not_applicable: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.waived + self.not_applicable + self.unknown

    @property
    def complies(self) -> bool:
        """Whether every principle was judged and none failed unexcused."""
        return not self.failed and not self.unknown

    @property
    def sentence(self) -> str:
        """``3 pass, 1 unknown``; of nothing to judge, just that."""
        counts = (
            (self.passed, "pass"),
            (self.failed, "fail"),
            (self.waived, "waived"),
            (self.not_applicable, "not applicable"),
            (self.unknown, "unknown"),
        )
        return ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing to judge"


@dataclass(frozen=True, slots=True)
class Matrix:
    rows: tuple[Row, ...]
    summary: MatrixSummary

    def with_verdict(self, verdict: str) -> list[Row]:
        """The rows that came out so."""
        return [row for row in self.rows if row.verdict == verdict]


def fingerprint_of(principle: Principle) -> str:
    """Over all that a judgement of a principle rests on; its number and its names may change."""
    return digest_of([principle.text, principle.level, principle.non_negotiable])


def names_of(principle: Principle) -> set[str]:
    """The keys of all names by which files call a principle."""
    return {principle.key, *keys_of_names(principle.title, principle.aliases)}


def matrix_of(version: AgentVersion, law: ConstitutionVersion | None, *, at: datetime) -> Matrix:
    """The matrix of one version under the law in force."""
    return _matrices([version.pk], law, at=at)[version.pk]


def summaries_of(
    version_ids: Sequence[int], law: ConstitutionVersion | None, *, at: datetime
) -> dict[int, MatrixSummary]:
    """The matrices of many versions counted, at the same number of queries for any of them."""
    matrices = _matrices(version_ids, law, at=at)
    return {version_id: matrix.summary for version_id, matrix in matrices.items()}


def check_matrix(
    version: AgentVersion, law: ConstitutionVersion | None, *, full: bool, at: datetime
) -> None:
    """Refuse an unexcused failure; with ``full`` also what nobody has judged."""
    matrix = matrix_of(version, law, at=at)
    if failed := matrix.with_verdict(MatrixVerdict.FAIL):
        raise Conflict(
            f"It fails {_titles(failed)}. A version that complies, or a waiver, is needed.",
            code="matrix_fail",
        )
    unknown = matrix.with_verdict(UNKNOWN) if full else []
    if unknown:
        raise Conflict(
            f"Nobody knows whether it complies with {_titles(unknown)}. This environment asks "
            "for a full constitution matrix.",
            code="matrix_unknown",
        )


def _titles(rows: Sequence[Row]) -> str:
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return ", ".join(row.title for row in rows[:3]) + more


def _matrices(
    version_ids: Sequence[int], law: ConstitutionVersion | None, *, at: datetime
) -> dict[int, Matrix]:
    principles = list(law.principles.order_by("position")) if law else []
    claims = by_version(PrincipleClaim.objects.filter(version__in=version_ids))
    judgements = by_version(
        Judgement.objects.filter(version__in=version_ids)
        .order_by("version_id", "principle", "-id")
        .distinct("version_id", "principle")
        .select_related("judged_by")
    )
    waivers = by_version(
        Waiver.objects.filter(
            version__in=version_ids, granted_at__isnull=False, ended_at=None, expires_at__gt=at
        ).select_related("granted_by")
    )
    return {pk: _matrix(principles, claims[pk], judgements[pk], waivers[pk]) for pk in version_ids}


def by_version(rows: Iterable[OfVersion]) -> defaultdict[int, list[OfVersion]]:
    """Rows by the number of the version that they are of."""
    found: defaultdict[int, list[OfVersion]] = defaultdict(list)
    for row in rows:
        found[row.version_id].append(row)
    return found


def _matrix(
    principles: Sequence[Principle],
    claims: Sequence[PrincipleClaim],
    judgements: Sequence[Judgement],
    waivers: Sequence[Waiver],
) -> Matrix:
    rows: list[Row] = []
    met: set[int] = set()
    for principle in principles:
        names = names_of(principle)
        claimed = [claim for claim in claims if _claims(claim, names)]
        met.update(claim.pk for claim in claimed)
        if claimed or principle.non_negotiable:
            judged = _newest([one for one in judgements if one.principle in names])
            excused = [one for one in waivers if one.principle in names]
            rows.append(_row(principle, claimed[0] if claimed else None, judged, excused))
    reason = NO_SUCH if principles else NO_LAW
    rows += [_unmet(claim, reason) for claim in claims if claim.pk not in met]
    return Matrix(tuple(rows), _summary(rows))


def _claims(claim: PrincipleClaim, names: set[str]) -> bool:
    return claim.key in names or principle_key(claim.name) in names


def _newest(judgements: Sequence[Judgement]) -> Judgement | None:
    return max(judgements, key=lambda one: one.pk, default=None)


def _row(
    principle: Principle,
    claim: PrincipleClaim | None,
    judgement: Judgement | None,
    waivers: Sequence[Waiver],
) -> Row:
    now = fingerprint_of(principle)
    waiver = next((one for one in waivers if one.principle_sha256 == now), None)
    verdict, reason = _judged(judgement, now)
    if waiver and verdict in {MatrixVerdict.FAIL, UNKNOWN}:
        verdict, reason = WAIVED, waiver.reason
    return Row(
        key=principle.key,
        title=principle.title,
        verdict=verdict,
        principle=principle,
        claim=claim,
        judgement=judgement,
        waiver=waiver,
        reason=reason,
    )


def _judged(judgement: Judgement | None, now: str) -> tuple[str, str]:
    if judgement is None:
        return UNKNOWN, NOT_JUDGED
    if judgement.principle_sha256 == now:
        return judgement.verdict, ""
    if judgement.verdict == MatrixVerdict.FAIL:
        return judgement.verdict, OLDER_TEXT
    return UNKNOWN, OLDER_TEXT


def _unmet(claim: PrincipleClaim, reason: str) -> Row:
    return Row(key=claim.key, title=claim.name, verdict=UNKNOWN, claim=claim, reason=reason)


def _summary(rows: Iterable[Row]) -> MatrixSummary:
    verdicts = [row.verdict for row in rows]
    return MatrixSummary(
        passed=verdicts.count(MatrixVerdict.PASS),
        failed=verdicts.count(MatrixVerdict.FAIL),
        waived=verdicts.count(WAIVED),
        not_applicable=verdicts.count(MatrixVerdict.NOT_APPLICABLE),
        unknown=verdicts.count(UNKNOWN),
    )
