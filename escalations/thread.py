"""People ask the runner back, and it answers. The question to people stays open meanwhile."""

from datetime import datetime

from django.db import transaction

from escalations.cases import check_unresolved, locked_case, locked_case_of, tell
from escalations.deciding import LONGEST_TEXT
from escalations.models import Escalation, Message, Status
from escalations.permissions import check_may_ask
from governance.audit.services import append
from governance.base.canonical import sha256_hex
from governance.base.errors import Conflict, InvalidInput, TooLarge
from governance.people.models import Runner, User
from governance.people.services import actor_of


@transaction.atomic(durable=True)
def ask_runner(*, escalation_id: int, by: User, text: str, at: datetime) -> Message:
    """Ask for information; the case waits for the runner, people are reminded all the same."""
    return _ask(escalation_id, by, text, "escalation.asked_back", at)


@transaction.atomic(durable=True)
def request_changes(*, escalation_id: int, by: User, text: str, at: datetime) -> Message:
    """Ask for an edited question, which the runner raises in place of this one, or says why not.

    The case stays open and its people are reminded, until the new one supersedes it.
    """
    return _ask(escalation_id, by, text, "escalation.changes_requested", at)


def _ask(escalation_id: int, by: User, text: str, kind: str, at: datetime) -> Message:
    check_may_ask(by)
    case = locked_case(escalation_id)
    check_unresolved(case)
    wants_edit = kind == "escalation.changes_requested"
    said = checked_text(text, what="what to change" if wants_edit else "a question")
    message = Message.objects.create(
        escalation=case, author=by, text=said, is_question=True, wants_edit=wants_edit, at=at
    )
    if case.status == Status.OPEN:
        case.move_to(Status.INFO_REQUESTED)
    _record(case, message, kind, by)
    return message


@transaction.atomic(durable=True)
def answer_question(*, escalation_id: int, runner: Runner, text: str, at: datetime) -> Message:
    """Answer what people asked; a :class:`Conflict` where nobody asked anything."""
    case = locked_case_of(runner, escalation_id, at=at)
    check_unresolved(case)
    said = checked_text(text, what="an answer")
    last = case.messages.order_by("-id").first()
    if last and last.runner_id == runner.pk and last.text == said:
        return last
    if case.status != Status.INFO_REQUESTED:
        raise Conflict(f"Nobody has asked anything about {case.ref}.", code="nothing_asked")
    message = Message.objects.create(escalation=case, runner=runner, text=said, at=at)
    case.move_to(Status.OPEN)
    _record(case, message, "escalation.answered", runner)
    return message


def checked_text(text: str, *, what: str) -> str:
    """Text that says something, within the limits."""
    said = text.strip()
    if not said:
        raise InvalidInput(f"Write {what}.", code="text_needed")
    if len(said) > LONGEST_TEXT:
        raise TooLarge(f"A text has at most {LONGEST_TEXT} characters.")
    if "\x00" in said:
        raise InvalidInput("Text must not hold the NUL character.", code="nul_character")
    return said


def _record(case: Escalation, message: Message, kind: str, by: User | Runner) -> None:
    append(
        stream=case.subject,
        kind=kind,
        by=actor_of(by),
        at=message.at,
        data={"message": message.pk, "text_sha256": sha256_hex(message.text.encode())},
    )
    tell(case)
