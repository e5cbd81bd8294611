"""What must never be of cases: one that waits and nobody is asked about, and the reverse."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

import msgspec

from agents.ledger.halts import lift_halt
from agents.models import Halt
from escalations.models import Escalation
from escalations.raising import ask_people
from escalations.schema import RaisePayload
from governance.asking.models import Ask, AskKind
from governance.asking.services import close_ask
from governance.asking.watchdogs.auditor import AUDITOR
from governance.asking.watchdogs.checks import Suspect, register
from governance.asking.watchdogs.questions import not_asked

START = "escalation:ESC-"


def not_asked_about(at: datetime, limit: int) -> Iterable[Suspect]:
    """A case waits, and nobody is asked."""
    for case in not_asked(Escalation.objects.unresolved(), START)[:limit]:
        yield Suspect(
            case.subject, "Nobody was asked about this case.", partial(_ask_again, case.pk)
        )


def _ask_again(case_id: int, at: datetime) -> bool:
    found = Escalation.objects.unresolved().filter(pk=case_id)
    case = found.select_for_update(skip_locked=True).first()
    if case is None or not not_asked(found, START).exists():
        return False
    payload = msgspec.json.decode(bytes(case.request), type=RaisePayload)
    ask_people(case, payload, by=AUDITOR, at=at)
    return True


def asked_for_nothing(at: datetime, limit: int) -> Iterable[Suspect]:
    """A case is settled, and people are still asked about it."""
    for ask in Ask.objects.open().filter(kind=AskKind.CASE).order_by("pk")[: 20 * limit]:
        case = _settled_case(ask.subject)
        if case is not None:
            yield Suspect(
                ask.subject,
                f"People were still asked, though the case is {case.get_status_display().lower()}.",
                partial(_stop_asking, ask.subject),
            )


def _settled_case(subject: str) -> Escalation | None:
    number = subject.removeprefix(START)
    if not number.isdecimal():
        return None
    case = Escalation.objects.filter(pk=int(number)).first()
    return case if case and not case.is_unresolved else None


def _stop_asking(subject: str, at: datetime) -> bool:
    case = _settled_case(subject)
    if case is None:
        return False
    close_ask(subject=subject, because=case.status, by=AUDITOR, at=at)
    return True


def halted_for_nothing(at: datetime, limit: int) -> Iterable[Suspect]:
    """A case is settled, and its instance still stands still."""
    for halt in Halt.objects.filter(lifted_at=None).order_by("pk")[: 20 * limit]:
        if halt.source.startswith(START) and _settled_case(halt.source) is not None:
            yield Suspect(
                halt.source,
                "The instance that asked still stood still, though its case is settled.",
                partial(_lift, halt.source),
            )


def _lift(source: str, at: datetime) -> bool:
    if _settled_case(source) is None:
        return False
    lift_halt(source=source, at=at)
    return True


register("case that nobody is asked about", not_asked_about)
register("question about a settled case", asked_for_nothing)
register("halt of a settled case", halted_for_nothing)
