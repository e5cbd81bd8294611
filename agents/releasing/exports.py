"""A moment as JSON, signed, and as CSV."""

from datetime import datetime
from typing import Any

from agents.releasing.as_of import AsOf, Row
from agents.resolving import reader_name
from governance.audit.receipts import sign
from governance.base.canonical import digest_of, stamp
from governance.base.spreadsheet import as_csv
from governance.constitution.models import ConstitutionVersion
from governance.people.models import Runner, User

COLUMNS = (
    "agent", "family", "version", "sha256", "runs", "reason", "kind", "released_at",
    "released_by", "approved_at", "approved_by", "judged_under", "constitution_in_force", "until",
)  # fmt: skip


def signed_report(past: AsOf, *, reader: User | Runner, at: datetime) -> dict[str, Any]:
    """The report and a signature over the fingerprint of its canonical bytes."""
    report = report_of(past)
    signature = sign(
        audience=reader_name(reader),
        subject=f"environment:{past.environment.slug}",
        at=at,
        claims={"as_of": report["at"], "report_sha256": digest_of(report)},
        typ="as-of",
    )
    return {"report": report, "signature": signature}


def report_of(past: AsOf) -> dict[str, Any]:
    """One moment as plain JSON, without floats."""
    return {
        "at": stamp(past.at),
        "environment": past.environment.slug,
        "constitution": law_as_json(past.law),
        "agents": [_row_as_json(row) for row in past.rows],
    }


def law_as_json(law: ConstitutionVersion | None) -> dict[str, Any] | None:
    """Which text of the constitution is meant."""
    if law is None:
        return None
    return {
        "sequence": law.sequence,
        "declared_version": law.declared_version,
        "sha256": law.sha256,
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    release, approval = row.release, row.approval
    return {
        "agent": release.agent.slug,
        "family": release.agent.family.slug,
        "version": release.version.sequence,
        "sha256": release.version.sha256,
        "runs": row.runs,
        "code": row.code,
        "reason": row.reason,
        "until": moment(row.until),
        "release": {
            "kind": str(release.kind),
            "at": stamp(release.at),
            "by": str(release.released_by),
            "reason": release.reason,
            "expires_at": moment(release.expires_at),
        },
        "approval": {
            "review": approval.pk,
            "approved_at": moment(approval.closed_at),
            "judged_under": law_as_json(row.judged_under),
            "stale_since": moment(row.stale_since),
            "grace_until": moment(row.grace_until),
            "by": [
                {"name": str(vote.voter), "at": stamp(vote.at), "method": vote.method}
                for vote in row.approvers
            ],
        }
        if approval
        else None,
    }


def moment(at: datetime | None) -> str | None:
    """A moment for JSON."""
    return stamp(at) if at else None


def csv_of(past: AsOf) -> str:
    """One line for each agent, for a spreadsheet."""
    return as_csv(COLUMNS, (_cells(row, past) for row in past.rows))


def _cells(row: Row, past: AsOf) -> list[Any]:
    release, approval = row.release, row.approval
    return [
        release.agent.slug,
        release.agent.family.slug,
        release.version.sequence,
        release.version.sha256,
        row.runs,
        row.reason,
        release.kind,
        stamp(release.at),
        release.released_by,
        moment(approval.closed_at) if approval else "",
        "; ".join(f"{vote.voter} ({vote.method}, {stamp(vote.at)})" for vote in row.approvers),
        row.judged_under.sha256 if row.judged_under else "",
        past.law.sha256 if past.law else "",
        moment(row.until),
    ]
