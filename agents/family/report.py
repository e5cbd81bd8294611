"""The family board: what is so, counted, as sentences and rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from agents.family.claims import Gap
from agents.family.graph import Edge, Graph
from agents.family.reaching import Answer, Reach


class Compliance(StrEnum):
    """Whether a claim to comply with the constitution holds; a file without one is ``SILENT``."""

    SILENT = "silent"
    COMPLIES = "complies"
    LACKS = "lacks"
    UNJUDGED = "unjudged"


COMPLIANCE_LABELS = {
    Compliance.SILENT: "Claims nothing",
    Compliance.COMPLIES: "Complies",
    Compliance.LACKS: "Claims, does not comply",
    Compliance.UNJUDGED: "Claims, not judged",
}
COMPLIANCE_TONES = {
    Compliance.SILENT: "neutral",
    Compliance.COMPLIES: "good",
    Compliance.LACKS: "bad",
    Compliance.UNJUDGED: "warn",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One agent: its newest version, as far as it can be judged.

    ``rules`` counts its rules by class, ``matrix`` the principles by verdict. ``same_as`` are
    other agents with the same text.
    """

    slug: str
    name: str
    url: str
    sequence: int
    standing: str
    label: str
    tone: str
    suspended: bool
    in_production: int | None
    findings: Mapping[str, int]
    badges: Sequence[Mapping[str, str]]
    reach: Reach
    inherits: bool
    demands_escalation: bool
    compliance: Compliance
    gaps: tuple[Gap, ...] = ()
    rules: Mapping[str, int] = field(default_factory=dict)
    matrix: Mapping[str, int] = field(default_factory=dict)
    dangling: tuple[Edge, ...] = ()
    same_as: tuple[str, ...] = ()

    @property
    def protocol_is_whole(self) -> bool:
        return not self.reach.missing

    @property
    def rule_count(self) -> int:
        return self.rules.get("total", 0)

    @property
    def claims_compliance(self) -> bool:
        return self.compliance is not Compliance.SILENT

    @property
    def complies(self) -> bool:
        return self.compliance is Compliance.COMPLIES

    @property
    def compliance_label(self) -> str:
        return COMPLIANCE_LABELS[self.compliance]

    @property
    def compliance_tone(self) -> str:
        return COMPLIANCE_TONES[self.compliance]

    @property
    def findings_in_words(self) -> str:
        return ", ".join(badge["label"] for badge in self.badges) or "none"

    @property
    def matrix_in_words(self) -> str:
        counts = ((verdict.replace("_", " "), count) for verdict, count in self.matrix.items())
        return ", ".join(f"{count} {verdict}" for verdict, count in counts if count)


@dataclass(frozen=True, slots=True)
class Report:
    """``left_out`` counts agents beyond the most that one report holds."""

    slug: str
    name: str
    rows: tuple[Row, ...]
    graph: Graph
    law: str
    at: datetime
    left_out: int = 0

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(filter(None, _sentences(self)))

    @property
    def with_gaps(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.gaps)

    @property
    def duplicates(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.same_as)

    @property
    def numbers(self) -> dict[str, int]:
        """The figures of the sentences, for programs."""
        rows = self.rows
        return {
            "agents": len(rows),
            "inherit_every_tool": _count(row.inherits for row in rows),
            "claim_compliance": _count(row.claims_compliance for row in rows),
            "comply": _count(row.complies for row in rows),
            "lack_compliance": _count(row.compliance is Compliance.LACKS for row in rows),
            "not_judged": _count(row.compliance is Compliance.UNJUDGED for row in rows),
            "demand_escalation": _count(row.demands_escalation for row in rows),
            "whole_protocol": _count(row.protocol_is_whole for row in rows),
            "reach_people": _count(row.reach.answer is Answer.YES for row in rows),
            "reach_nobody": _count(row.reach.answer is Answer.NO for row in rows),
            "reach_unclear": _count(row.reach.answer is Answer.UNCLEAR for row in rows),
            "approved": _count(row.standing == "approved" for row in rows),
            "stale": _count(row.standing in {"stale", "grace"} for row in rows),
            "draft": _count(row.standing == "draft" for row in rows),
            "in_production": _count(row.in_production is not None for row in rows),
            "suspended": _count(row.suspended for row in rows),
            "rules": sum(row.rule_count for row in rows),
            "rules_enforced": sum(row.rules.get("enforced", 0) for row in rows),
            "rules_unjudged": sum(row.rules.get("unjudged", 0) for row in rows),
            "errors": sum(row.findings.get("error", 0) for row in rows),
            "warnings": sum(row.findings.get("warning", 0) for row in rows),
            "claims_without_ground": _count(bool(row.gaps) for row in rows),
            "dangling_edges": len(self.graph.dangling),
            "unreachable_agents": len(self.graph.unreachable),
            "duplicates": _count(bool(row.same_as) for row in rows),
        }


def _count(found: Iterable[bool]) -> int:
    return sum(1 for one in found if one)


def amount(count: int, one: str, many: str = "") -> str:
    """``1 edge``, ``2 edges``."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def _verb(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def _sentences(report: Report) -> list[str]:
    if not report.rows:
        return ["The family has no agent yet."]
    n = report.numbers
    whole = n["agents"]
    return [
        (
            f"{n['inherit_every_tool']} of {whole} "
            f"{_verb(n['inherit_every_tool'], 'inherits', 'inherit')} every tool."
        ),
        _compliance(report, n),
        _protocol(report),
        (
            f"The escalation of {n['reach_people']} of {whole} reaches people; of "
            f"{n['reach_nobody']} it reaches nobody, of {n['reach_unclear']} it is unclear."
        ),
        (
            f"{n['approved']} of {whole} newest versions are approved, {n['draft']} are "
            f"drafts, {n['stale']} approvals are stale or will be; {n['in_production']} run in "
            "production."
        ),
        _rules(n),
        f"The files hold {amount(n['errors'], 'error')} and {amount(n['warnings'], 'warning')}.",
        _edges(n),
        _duplicates(n),
        f"{amount(n['suspended'], 'agent is', 'agents are')} suspended." if n["suspended"] else "",
    ]


def _compliance(report: Report, n: Mapping[str, int]) -> str:
    claimed, complies = n["claim_compliance"], n["comply"]
    if not claimed:
        return "No file claims to comply with a constitution."
    if not report.law:
        return (
            f"{claimed} of {n['agents']} claim to comply with the constitution, and none is "
            "ratified."
        )
    return (
        f"{complies} of {claimed} that claim to comply with the constitution "
        f"{_verb(complies, 'complies', 'comply')}; {n['lack_compliance']} "
        f"{_verb(n['lack_compliance'], 'lacks', 'lack')} it, {n['not_judged']} "
        f"{_verb(n['not_judged'], 'is', 'are')} not judged."
    )


def _protocol(report: Report) -> str:
    demanding = [row for row in report.rows if row.demands_escalation]
    if not demanding:
        return "No file makes escalation mandatory."
    whole = _count(row.protocol_is_whole for row in demanding)
    has = _verb(whole, "has", "have")
    return f"{whole} of {len(demanding)} that make escalation mandatory {has} the whole protocol."


def _rules(n: Mapping[str, int]) -> str:
    if not n["rules"]:
        return "The files state no rules."
    return (
        f"{n['rules_enforced']} of {n['rules']} rules are enforced; {n['rules_unjudged']} are not "
        "judged."
    )


def _edges(n: Mapping[str, int]) -> str:
    dangling, alone = n["dangling_edges"], n["unreachable_agents"]
    return (
        f"{amount(dangling, 'edge leads', 'edges lead')} to nobody known; "
        f"{amount(alone, 'agent', 'agents')} {_verb(alone, 'names', 'name')} nobody and "
        f"{_verb(alone, 'is', 'are')} named by nobody."
    )


def _duplicates(n: Mapping[str, int]) -> str:
    count = n["duplicates"]
    return f"{count} files hold the same text as another one." if count else ""


def problems_first(rows: Iterable[Row]) -> tuple[Row, ...]:
    """What needs people most comes first; then by name."""
    rank = {Answer.NO: 0, Answer.UNCLEAR: 1, Answer.YES: 2}
    return tuple(
        sorted(
            rows,
            key=lambda row: (
                not row.gaps,
                rank[row.reach.answer],
                -row.findings.get("error", 0),
                row.slug,
            ),
        )
    )


def as_dict(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    labels = report.graph.labels
    return {
        "family": report.slug,
        "name": report.name,
        "at": report.at,
        "constitution": report.law or None,
        "left_out": report.left_out,
        "sentences": list(report.sentences),
        "numbers": report.numbers,
        "agents": [_row_as_dict(row) for row in report.rows],
        "edges": [
            {
                "agent": edge.source,
                "peer": labels[edge.target],
                "kind": edge.kind.value,
                "text": edge.text,
                "line": edge.line,
                "mutual": edge.mutual,
            }
            for edge in report.graph.edges
        ],
        "unreachable": list(report.graph.unreachable),
    }


def _row_as_dict(row: Row) -> dict[str, Any]:
    return {
        "agent": row.slug,
        "name": row.name,
        "version": row.sequence,
        "status": row.standing,
        "suspended": row.suspended,
        "in_production": row.in_production,
        "findings": dict(row.findings),
        "inherits_all_tools": row.inherits,
        "reach": {"answer": row.reach.answer.value, "reasons": list(row.reach.reasons)},
        "protocol_missing": list(row.reach.missing),
        "compliance": row.compliance.value,
        "claims_without_ground": [
            {"line": gap.line, "claim": gap.claim, "real": gap.real} for gap in row.gaps
        ],
        "rules": dict(row.rules),
        "matrix": dict(row.matrix),
        "dangling": [edge.text for edge in row.dangling],
        "same_as": list(row.same_as),
    }
