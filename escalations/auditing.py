"""What must never be of cases: one that waits and nobody is asked about, and the reverse."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

import msgspec
from django.db.models import QuerySet

from agents.ledger.halts import lift_halt
from agents.models import Halt
from escalations.models import SUBJECT, UNRESOLVED, Escalation
from escalations.raising import ask_people
from escalations.schema import RaisePayload
from governance.asking.models import Ask, AskKind
from governance.asking.services import close_ask
from governance.asking.watchdogs.auditor import AUDITOR
from governance.asking.watchdogs.checks import Suspect, register
from governance.asking.watchdogs.questions import not_asked

# So many of what is open are looked at; whatever should have ended is among the oldest.
OLDEST = 10_000


def not_asked_about(at: datetime, limit: int) -> Iterable[Suspect]:
    """A case waits, and nobody is asked."""
    for case in not_asked(Escalation.objects.unresolved(), SUBJECT)[:limit]:
        yield Suspect(
            case.subject, "Nobody was asked about this case.", partial(_ask_again, case.pk)
        )


def _ask_again(case_id: int, at: datetime) -> bool:
    found = Escalation.objects.unresolved().filter(pk=case_id)
    case = found.select_for_update(skip_locked=True).first()
    if case is None or not not_asked(found, SUBJECT).exists():
        return False
    payload = msgspec.json.decode(bytes(case.request), type=RaisePayload)
    ask_people(case, payload, by=AUDITOR, at=at)
    return True


def asked_for_nothing(at: datetime, limit: int) -> Iterable[Suspect]:
    """A case is settled, and people are still asked about it."""
    asks = Ask.objects.open().filter(kind=AskKind.CASE).order_by("pk")
    for case in _settled(asks.values_list("subject", flat=True)[:OLDEST])[:limit]:
        yield Suspect(
            case.subject,
            f"People were still asked, though the case is {case.get_status_display().lower()}.",
            partial(_stop_asking, case.subject),
        )


def _settled(subjects: Iterable[str]) -> QuerySet[Escalation]:
    """Of the cases that these are about, those that wait for nobody."""
    numbers = [subject.removeprefix(SUBJECT) for subject in subjects if subject.startswith(SUBJECT)]
    ids = [int(number) for number in numbers if number.isdecimal()]
    return Escalation.objects.filter(pk__in=ids).exclude(status__in=UNRESOLVED).order_by("pk")


def _stop_asking(subject: str, at: datetime) -> bool:
    case = _settled([subject]).first()
    if case is None:
        return False
    close_ask(subject=subject, because=case.status, by=AUDITOR, at=at)
    return True


def halted_for_nothing(at: datetime, limit: int) -> Iterable[Suspect]:
    """A case is settled, and its instance still stands still."""
    halts = Halt.objects.filter(lifted_at=None).order_by("pk")
    for case in _settled(halts.values_list("source", flat=True)[:OLDEST])[:limit]:
        yield Suspect(
            case.subject,
            "The instance that asked still stood still, though its case is settled.",
            partial(_lift, case.subject),
        )


def _lift(source: str, at: datetime) -> bool:
    if not _settled([source]).exists():
        return False
    lift_halt(source=source, at=at)
    return True


register("case that nobody is asked about", not_asked_about)
register("question about a settled case", asked_for_nothing)
register("halt of a settled case", halted_for_nothing)
