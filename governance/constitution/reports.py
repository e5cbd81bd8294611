"""The Sync Impact Report of a version: its level, what differs, whose approval it takes.

This is the law's part; which agents it touches is the registry's to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from governance.base.findings import Finding, Severity
from governance.constitution.amending import LawDiff
from governance.constitution.levels import (
    Needed,
    Proposal,
    is_lowered,
    proposal_of,
    votes_needed,
)
from governance.constitution.models import Amendment, AmendmentLevel, ConstitutionVersion
from governance.constitution.permissions import how_many_may_ratify
from governance.constitution.standing import in_force
from governance.review.models import Review

LEVEL_TONES: dict[str, str] = {
    AmendmentLevel.MAJOR: "bad",
    AmendmentLevel.MINOR: "warn",
    AmendmentLevel.PATCH: "neutral",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A version beside its base, as its review recorded it or, for a draft, as of now."""

    version: ConstitutionVersion
    proposal: Proposal
    amendment: Amendment | None
    computed_level: str
    touched: tuple[str, ...]
    touches_all: bool
    needed: Needed
    votes: int
    may_ratify: int

    @property
    def base(self) -> ConstitutionVersion | None:
        """The law it was or would be compared with."""
        return self.proposal.base

    @property
    def diff(self) -> LawDiff:
        """What differs, by the rules of today."""
        return self.proposal.diff

    @property
    def level(self) -> str:
        """The level that counts."""
        return self.proposal.level

    @property
    def label(self) -> str:
        """``MAJOR``, ``MINOR`` or ``PATCH``."""
        return AmendmentLevel(self.level).label

    @property
    def computed_label(self) -> str:
        """The same for what the difference amounts to."""
        return AmendmentLevel(self.computed_level).label

    @property
    def tone(self) -> str:
        return LEVEL_TONES[self.level]

    @property
    def is_overridden(self) -> bool:
        """Whether the submitter set another level."""
        return self.level != self.computed_level

    @property
    def is_lowered(self) -> bool:
        """Whether the submitter set it lower."""
        return is_lowered(self.computed_level, self.level)

    @property
    def is_out_of_reach(self) -> bool:
        """Whether fewer people may vote than it takes."""
        return self.votes > self.may_ratify

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What voters have to know of the amendment before they vote."""
        return tuple(_findings(self))


def report_of(version: ConstitutionVersion, review: Review | None) -> Report | None:
    """The report of a version; None for law that was ratified before amendments were recorded."""
    amendment = _amendment(review)
    if amendment is None and version.ratifications.exists() and _is_law(version):
        return None
    proposal = _proposal(version, amendment)
    needed = votes_needed(proposal)
    excluded = set(review.excluded) if amendment and review else version.writers
    return Report(
        version=version,
        proposal=proposal,
        amendment=amendment,
        computed_level=amendment.computed_level if amendment else proposal.diff.level,
        touched=tuple(amendment.touched) if amendment else proposal.touched,
        touches_all=amendment.touches_all if amendment else proposal.touches_all,
        needed=needed,
        votes=review.required_votes if amendment and review else needed.votes,
        may_ratify=how_many_may_ratify(without=excluded),
    )


def _amendment(review: Review | None) -> Amendment | None:
    if review is None:
        return None
    return Amendment.objects.filter(review=review).select_related("base").first()


def _is_law(version: ConstitutionVersion) -> bool:
    law = in_force(version.constitution.slug)
    return law is not None and law.version_id == version.pk


def _proposal(version: ConstitutionVersion, amendment: Amendment | None) -> Proposal:
    if amendment is None:
        law = in_force(version.constitution.slug)
        return proposal_of(version, law.version if law else None)
    return proposal_of(
        version, amendment.base, level=amendment.level, reason=amendment.override_reason
    )


def _findings(report: Report) -> Iterator[Finding]:
    yield from _level_findings(report)
    if report.proposal.misnumbered:
        yield Finding(
            "VERSION_NUMBER",
            Severity.WARNING,
            0,
            report.proposal.misnumbered,
            _because(report) or "Change the number in the text, or say why it stays.",
        )
    law = report.needed.law
    if not law.countable:
        yield Finding(
            "QUORUM_NOT_COUNTABLE",
            Severity.WARNING,
            0,
            f"The law in force, line {law.line}, asks for something that cannot be counted: "
            f"{law.rule}. The policy applies.",
            "Whoever votes sees to it that this was kept.",
        )
    if report.is_out_of_reach:
        yield Finding("QUORUM_OUT_OF_REACH", Severity.WARNING, 0, out_of_reach(report), _MORE)


_MORE = "Give more people the role approver, or change the policy if it is the policy's number."


def out_of_reach(report: Report) -> str:
    """The sentence where an amendment could never pass."""
    people = "1 person" if report.may_ratify == 1 else f"{report.may_ratify or 'no'} people"
    return (
        f"It takes {report.votes} approvals, and {people} may give one: "
        "as things are, it can never pass."
    )


def _level_findings(report: Report) -> Iterator[Finding]:
    if not report.is_overridden:
        return
    found, said = report.computed_label, report.label
    less = " Fewer approvals become stale than the change asks for." if report.is_lowered else ""
    yield Finding(
        "LEVEL_LOWERED" if report.is_lowered else "LEVEL_RAISED",
        Severity.WARNING if report.is_lowered else Severity.INFO,
        0,
        f"The portal finds a {found} change; its submitter calls it {said}.{less}",
        _because(report),
    )


def _because(report: Report) -> str:
    return f"The reason given: {report.proposal.reason}" if report.proposal.reason else ""
