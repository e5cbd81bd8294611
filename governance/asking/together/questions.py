"""What every act about a question begins with: who may read it, who may answer it."""

from datetime import datetime
from typing import Any

from governance.asking.models import Ask, AskKind
from governance.asking.permissions import NEEDED
from governance.audit.models import AuditEvent
from governance.audit.services import append
from governance.base.errors import Conflict, NotPermitted, NotThere, sentence_of
from governance.people.models import User
from governance.people.permissions import Permission, check
from governance.people.services import actor_of

# Whoever may see things reads every question, but for these.
READERS: dict[str, Permission] = {AskKind.CONFIGURATION: Permission.READ_HISTORY}
NO_SUCH = "There is no such question."
FOUR_EYES = "You may not answer this, so leave it to others."
BUSY = "Somebody else acts on this at this moment. Try again."


def may_read(user: Any, ask: Ask) -> bool:
    """Whether this person may read what is asked."""
    return not sentence_of(check_may_read, user, ask)


def question_for(user: Any, ask_id: int) -> Ask:
    """One question, or ``NotThere`` for strangers as for what does not exist."""
    found = Ask.objects.select_related("claimed_by").filter(pk=ask_id).first()
    if found is None or not may_read(user, found):
        raise NotThere(NO_SUCH)
    return found


def open_question(ask_id: int) -> Ask:
    """One that still waits for people; a :class:`Conflict` where it is settled."""
    ask = Ask.objects.select_related("claimed_by").filter(pk=ask_id).first()
    if ask is None:
        raise NotThere(NO_SUCH)
    if ask.closed_at is not None:
        raise Conflict("This question is settled.", code="closed")
    return ask


def check_may_read(user: Any, ask: Ask) -> None:
    """Raise the sentence unless this person may read what is asked."""
    check(user, Permission.VIEW)
    check(user, READERS.get(ask.kind, Permission.VIEW))


def check_may_answer(user: Any, ask: Ask) -> None:
    """Raise unless this person holds the right and had no part in it."""
    check(user, NEEDED[ask.kind])
    if user.pk in ask.excluded:
        raise NotPermitted(FOUR_EYES, code="four_eyes")


def may_answer(user: Any, ask: Ask) -> bool:
    return not sentence_of(check_may_answer, user, ask)


def note(ask: Ask, kind: str, *, by: User, at: datetime, **data: Any) -> AuditEvent:
    """Write it into the history of the subject, before anything else is locked.

    Whoever settles the subject holds its stream as well: once it is ours, open is open.
    """
    event = append(
        stream=ask.subject, kind=kind, by=actor_of(by), at=at, data={"ask": ask.pk, **data}
    )
    if not Ask.objects.open().filter(pk=ask.pk).exists():
        raise Conflict("This question was settled a moment ago.", code="closed")
    return event


def set_claim(ask: Ask, holder: User | None, since: datetime | None) -> Ask:
    """Who looks at it, unless that changed meanwhile. The caller holds the history.

    Whoever has the row may wait for that history, so nobody waits for the row here.
    """
    rows = Ask.objects.open().filter(pk=ask.pk)
    now = rows.select_for_update(skip_locked=True, no_key=True).values_list("claimed_by").first()
    if now is None:
        raise Conflict(BUSY, code="busy")
    if now[0] != ask.claimed_by_id:
        raise Conflict("Somebody was faster. Look again.", code="claimed")
    rows.update(claimed_by=holder, claimed_at=since)
    ask.claimed_by, ask.claimed_at = holder, since
    return ask
