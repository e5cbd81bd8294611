"""The auditor: looks for what must never be, mends what it can, and leaves a trace of both.

It trusts no constraint of the database, since whoever can drop one can do so by hand. Bounded:
so many findings of each check, so many seconds for each of its queries and for the whole.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction

from governance.asking.heartbeat import AUDIT, beat
from governance.asking.models import Repair
from governance.asking.watchdogs.checks import Check, Suspect, known
from governance.audit.actors import system
from governance.audit.services import append, lock_if_free

AUDITOR = system("auditor")
# Of each check in one audit; the next one goes on.
LIMIT = 100
QUERY_MS = 5_000
# With one slow check on top this stays under the worker's time limit.
BUDGET_SECONDS = 30.0
# What cannot be mended is written down once a day, not once a minute.
AGAIN = timedelta(days=1)
log = structlog.get_logger()


@dataclass(slots=True)
class Report:
    """What one audit found. It passed where nothing stayed wrong and every check answered."""

    mended: int = 0
    unmended: int = 0
    # Somebody else is writing about it at this moment: the next audit looks again.
    busy: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not (self.unmended or self.busy or self.broken)


def audit(*, at: datetime) -> Report:
    """Run every check. The heartbeat is written only where all of them came to an end."""
    report = Report()
    until = time.monotonic() + BUDGET_SECONDS
    for name, check in known().items():
        try:
            if time.monotonic() > until:
                raise TimeoutError("no time is left for this check")
            for suspect in _looked_for(check, at):
                _treat(name, suspect, at, report)
        except Exception as error:
            log.exception("check_broken", check=name, error=type(error).__name__)
            report.broken.append(name)
    if not report.broken:
        beat(name=AUDIT, at=at, handled=report.unmended + report.busy)
    return report


@transaction.atomic(durable=True)
def _looked_for(check: Check, at: datetime) -> list[Suspect]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(QUERY_MS)])
    return list(check(at, LIMIT))


@transaction.atomic(durable=True)
def _treat(name: str, suspect: Suspect, at: datetime, report: Report) -> None:
    """Mend one thing, with its trace in the same transaction, or write down that it is wrong."""
    # Whoever settles the subject holds its stream; waiting here could end in a deadlock.
    if not lock_if_free(suspect.subject):
        report.busy += 1
    elif suspect.mend is None:
        report.unmended += 1
        if not _is_known(name, suspect, at):
            _record(name, suspect, at, mended=False)
    elif suspect.mend(at):
        report.mended += 1
        _record(name, suspect, at, mended=True)
    else:
        report.busy += 1


def _is_known(name: str, suspect: Suspect, at: datetime) -> bool:
    recent = Repair.objects.filter(what=name, mended=False, at__gt=at - AGAIN)
    return recent.filter(subject=suspect.subject).exists()


def _record(name: str, suspect: Suspect, at: datetime, *, mended: bool) -> None:
    Repair.objects.create(
        what=name, subject=suspect.subject, sentence=suspect.sentence[:300], mended=mended, at=at
    )
    append(
        stream=suspect.subject,
        kind="auditor.mended" if mended else "auditor.found",
        by=AUDITOR,
        at=at,
        data={"check": name, "sentence": suspect.sentence[:300]},
    )
    log.error("auditor_found", check=name, subject=suspect.subject, mended=mended)
