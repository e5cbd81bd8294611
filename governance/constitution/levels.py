"""The level of an amendment: what the difference amounts to, and what its submitter says."""

from dataclasses import dataclass

from governance.asking.defaults import DEFAULTS
from governance.asking.models import AskKind, Policy
from governance.base.errors import Conflict, InvalidInput
from governance.constitution.amending import RANK, LawDiff, compare_laws
from governance.constitution.models import AmendmentLevel, ConstitutionVersion
from governance.constitution.numbering import misnumbered
from governance.constitution.quorum import Quorum, quorum_in

MAX_REASON = 2_000


@dataclass(frozen=True, slots=True)
class Proposal:
    """A version beside the law in force, with the level that is to count.

    Where ``level`` is another than that of ``diff``, or the text's own number does not fit,
    ``reason`` says why.
    """

    base: ConstitutionVersion | None
    diff: LawDiff
    level: str
    reason: str
    misnumbered: str

    @property
    def is_overridden(self) -> bool:
        """Whether the submitter sets another level than the difference amounts to."""
        return self.level != self.diff.level

    @property
    def touched(self) -> tuple[str, ...]:
        """The keys whose approvals it touches: where wording is said to matter, those of all."""
        if self.level == AmendmentLevel.PATCH:
            return ()
        return self.diff.differing if self._is_raised_wording else self.diff.touched

    @property
    def touches_all(self) -> bool:
        """Whether it touches every approval."""
        if self.level == AmendmentLevel.PATCH:
            return False
        if self._is_raised_wording:
            return self.diff.differs_in_non_negotiable
        return self.diff.touches_all

    @property
    def _is_raised_wording(self) -> bool:
        return self.diff.level == AmendmentLevel.PATCH and self.level != AmendmentLevel.PATCH


def proposal_of(
    version: ConstitutionVersion,
    base: ConstitutionVersion | None,
    *,
    level: str = "",
    reason: str = "",
) -> Proposal:
    """The version as an amendment of ``base``; without a level the computed one counts."""
    diff = compare_laws(base, version)
    chosen = level or diff.level
    if chosen not in AmendmentLevel.values:
        raise InvalidInput("A level is major, minor or patch.", code="unknown_level")
    # A text that was law before keeps the number it had.
    returns = version.ratifications.exists()
    sentence = "" if returns else misnumbered(base, version.declared_version, chosen)
    return Proposal(base, diff, chosen, reason.strip()[:MAX_REASON], sentence)


def check_proposal(proposal: Proposal) -> None:
    """Refuse another level, or a number that does not fit, that comes without a reason."""
    if proposal.reason:
        return
    if proposal.is_overridden:
        computed = AmendmentLevel(proposal.diff.level).label
        chosen = AmendmentLevel(proposal.level).label
        raise InvalidInput(
            f"The portal finds a {computed} change. Say why it is to count as {chosen}.",
            code="override_without_reason",
        )
    if proposal.misnumbered:
        raise Conflict(
            f"{proposal.misnumbered} Change the number, or say why it stays.",
            code="version_number",
        )


@dataclass(frozen=True, slots=True)
class Needed:
    """How many approvals ratify an amendment, and whose rule that is."""

    votes: int
    policy_votes: int
    law: Quorum

    @property
    def law_decides(self) -> bool:
        """Whether the law asks for more than the policy."""
        return self.law.votes > self.policy_votes


def votes_needed(proposal: Proposal) -> Needed:
    """What the policy asks for, or the law in force where that is more.

    What the candidate itself says about its ratification counts for nothing here. Of a level
    that was set by hand and the computed one the stricter rule applies.
    """
    policy = Policy.objects.filter(kind=AskKind.AMENDMENT, is_default=True).first()
    asked = policy.required_votes if policy else DEFAULTS[AskKind.AMENDMENT][1]
    law = quorum_of_base(proposal.base, proposal.level, proposal.diff.level)
    return Needed(max(asked, law.votes), asked, law)


def quorum_of_base(base: ConstitutionVersion | None, *levels: str) -> Quorum:
    """What the law in force asks for; nothing before there is law."""
    return quorum_in(bytes(base.raw), *levels) if base else Quorum()


def is_lowered(computed: str, level: str) -> bool:
    """Whether a level is set lower than the difference amounts to."""
    return RANK[level] < RANK[computed]
