"""Claimed and real: what a file says of itself and its own text does not bear out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.family.members import Member
from agents.family.reaching import Reach
from governance.base.outline import blank_out

_LONGEST = 160
# Lines that report compliance as a fact; a line that asks for it reports nothing.
_REPORTS = re.compile(
    r"\b(?:fully|100\s?%|completely)[ -](?:constitution\w*[ -])?complian(?:t|ce)\b"
    r"|\bconstitution(?:al(?:ly)?)?[ _-](?:compliance|compliant)\W{1,8}(?:yes|true|passed|verified"
    r"|complete|100\s?%|✅)"
    r"|\b(\d{1,4})\s*(?:of|/)\s*\1\b[\w ]{0,30}\bcompl(?:y|iant|ies)\b"
    r"|✅[\w ]{0,40}\bcomplian(?:t|ce)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(r"\b(?:must|should|ensure|verify|check|require[sd]?|if)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Gap:
    """A claim with its line, and what the portal finds instead."""

    line: int
    claim: str
    real: str


def claims_compliance(member: Member) -> bool:
    """Whether the file says that it obeys the constitution."""
    return member.demands("constitutional_compliance")


def gaps_of(member: Member, reach: Reach, compliance_gap: str = "") -> tuple[Gap, ...]:
    """Every claim that does not hold; ``compliance_gap`` says why compliance does not."""
    return (*_escalation(member, reach), *_compliance(member, compliance_gap))


def _escalation(member: Member, reach: Reach) -> Iterator[Gap]:
    if not member.demands("escalation"):
        return
    missing = [part for part in reach.missing if not part.startswith("“")]
    if missing:
        line = member.line_of("escalation")
        yield Gap(line, _said(member, line), f"The text lacks {', '.join(missing)}.")


def why_not_compliant(member: Member) -> str:
    """What the text itself lacks for its claim of compliance; empty where nothing is."""
    if not member.parts("principles"):
        return "The text names no principle of the constitution."
    silent = [str(part["name"]) for part in member.parts("principles") if not part.get("meaning")]
    if silent:
        return f"The text does not say what {', '.join(silent[:4])} means here."
    return ""


def _compliance(member: Member, gap: str) -> Iterator[Gap]:
    if not gap:
        return
    if claims_compliance(member):
        line = member.line_of("constitutional_compliance")
        yield Gap(line, _said(member, line), gap)
    # What stands in a code block is the form of an answer or a drawing, and claims nothing.
    for number, said in enumerate(blank_out(member.text, spans=False).split("\n"), 1):
        if _REPORTS.search(said) and not _ASKS.search(said):
            yield Gap(number, said.strip()[:_LONGEST], gap)


def _said(member: Member, line: int) -> str:
    lines = member.text.split("\n")
    return lines[line - 1].strip()[:_LONGEST] if 0 < line <= len(lines) else ""
