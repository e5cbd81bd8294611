"""The Sync Impact Report as spec-kit keeps it: a comment to paste at the top of the file."""

from collections.abc import Iterable, Iterator

from governance.constitution.models import ConstitutionVersion
from governance.constitution.reports import Report

_ADDED, _REMOVED, _RENAMED = "added", "removed", "renamed"


def sync_report(report: Report, *, address: str) -> str:
    """Markdown that holds one HTML comment; ``address`` is where the agents touched are listed."""
    inside = "\n".join(_lines(report, address))
    # Two hyphens would end the comment.
    return f"<!--\n{inside.replace('--', '- -')}\n-->\n"


def _lines(report: Report, address: str) -> Iterator[str]:
    yield "Sync Impact Report"
    yield "=================="
    yield f"Version change: {_name(report.base)} → {_name(report.version)} ({report.label})"
    yield f"Bump rationale: {_rationale(report)}"
    changes = report.diff.changes
    yield from _listed(
        "Modified principles",
        (change.sentence for change in changes if change.kind not in {_ADDED, _REMOVED, _RENAMED}),
    )
    yield from _listed(
        "Renamed principles", (change.sentence for change in changes if change.kind == _RENAMED)
    )
    yield from _listed("Added principles", _titles(report, _ADDED))
    yield from _listed("Removed principles", _titles(report, _REMOVED))
    yield from _listed("Governance", (part.sentence for part in report.diff.governance))
    yield from _listed("Sections", (part.sentence for part in report.diff.sections))
    yield from _listed("Approvals touched", _touched(report))
    yield f"Agents touched: {address}"


def _name(version: ConstitutionVersion | None) -> str:
    if version is None:
        return "(no law)"
    return version.declared_version or f"version {version.sequence}"


def _rationale(report: Report) -> str:
    gravest = report.diff.sentences[0]
    if not report.is_overridden:
        return gravest
    return f"{report.proposal.reason} (The portal found {report.computed_label}: {gravest})"


def _titles(report: Report, kind: str) -> Iterator[str]:
    return (change.title for change in report.diff.changes if change.kind == kind)


def _touched(report: Report) -> Iterator[str]:
    if report.touches_all:
        yield "all"
    else:
        yield from report.touched


def _listed(heading: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if not found:
        yield f"{heading}: none"
        return
    yield f"{heading}:"
    yield from (f"  - {line}" for line in found)
