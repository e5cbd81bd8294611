"""The report of a family on its way out: as Markdown and as a table for a spreadsheet."""

import re

from agents.family.report import Report, Row
from governance.base.spreadsheet import as_csv

COLUMNS = (
    "agent",
    "version",
    "state",
    "suspended",
    "in production",
    "reaches people",
    "why",
    "protocol lacks",
    "errors",
    "warnings",
    "notes",
    "inherits every tool",
    "compliance",
    "claims without ground",
    "rules",
    "enforced",
    "matrix",
    "edges to nobody",
    "same text as",
)
_MARKS = re.compile(r"[\\`*\[\]|]")


def csv_of(report: Report) -> str:
    """One line for each agent."""
    return as_csv(COLUMNS, map(_values, report.rows))


def _values(row: Row) -> list[object]:
    return [
        row.slug,
        row.sequence,
        row.label,
        row.suspended,
        row.in_production,
        row.reach.answer.value,
        row.reach.sentence,
        "; ".join(row.reach.missing),
        *(row.findings.get(severity, 0) for severity in ("error", "warning", "info")),
        row.inherits,
        row.compliance_label,
        "; ".join(f"line {gap.line}: {gap.claim} ({gap.real})" for gap in row.gaps),
        row.rule_count,
        row.rules.get("enforced", 0),
        row.matrix_in_words,
        "; ".join(edge.text for edge in row.dangling),
        "; ".join(row.same_as),
    ]


def as_markdown(report: Report) -> str:
    """The same as the page, without its drawing."""
    labels = report.graph.labels
    lines = [f"# Family {_plain(report.name)}", "", f"As of {report.at:%Y-%m-%d %H:%M} UTC.", ""]
    lines += [f"- {sentence}" for sentence in report.sentences]
    if report.with_gaps:
        lines += ["", "## Claimed, but not so", ""]
        lines += [
            f"- {row.slug}, line {gap.line}: “{_plain(gap.claim)}”. {_plain(gap.real)}"
            for row in report.with_gaps
            for gap in row.gaps
        ]
    lines += ["", "## Agents", ""]
    lines += _table(
        ("Agent", "State", "Reaches people", "Why", "Protocol lacks", "Findings", "Tools"),
        [
            (
                row.slug,
                row.label,
                row.reach.answer.value,
                row.reach.sentence,
                ", ".join(row.reach.missing) or "nothing",
                row.findings_in_words,
                "inherits every tool" if row.inherits else "named",
            )
            for row in report.rows
        ],
    )
    if report.graph.edges:
        lines += ["", "## Who works with whom", ""]
        lines += _table(
            ("Agent", "With", "What", "Line"),
            [
                (edge.source, f"{labels[edge.target]} ({edge.kind})", edge.text, str(edge.line))
                for edge in report.graph.edges
            ],
        )
    return "\n".join(lines) + "\n"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    rule = ["---"] * len(heads)
    return [f"| {' | '.join(map(_plain, row))} |" for row in (heads, rule, *rows)]


def _plain(text: str) -> str:
    """One line in which nothing reads as Markdown."""
    flat = " ".join(text.split()).replace("<", "&lt;")
    return _MARKS.sub(r"\\\g<0>", flat)
