"""Hand a question to a colleague: it becomes their claim, and they are told at once."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from governance.asking.models import Ask, Reason
from governance.asking.outbox import tell
from governance.asking.permissions import NEEDED
from governance.asking.poke import poke_dispatch
from governance.asking.together.questions import (
    check_may_answer,
    may_answer,
    note,
    open_question,
    set_claim,
)
from governance.base.errors import Conflict, InvalidInput, NotPermitted
from governance.people.models import User
from governance.people.permissions import roles_with

LONGEST_REASON = 500


@transaction.atomic
def hand_over(*, ask_id: int, to_id: int, by: User, at: datetime, reason: str = "") -> Ask:
    """Name a colleague who may answer. Both stand in the history; the ladder goes on."""
    ask = open_question(ask_id)
    check_may_answer(by, ask)
    to = _recipient(ask, to_id)
    if to == by:
        raise InvalidInput("To take it yourself, say that you are looking at it.", code="yourself")
    if ask.claimed_by_id == to.pk:
        raise Conflict(f"{to} is looking at it already.", code="claimed")
    why = reason.replace("\0", "\ufffd").strip()
    if len(why) > LONGEST_REASON:
        raise InvalidInput(f"A reason has at most {LONGEST_REASON} characters.", code="too_long")
    event = note(ask, "ask.handed_over", by=by, at=at, to=to.subject, reason=why)
    set_claim(ask, to, at)
    tell(ask, [to], why=f"handed_over:{event.number}", at=at, reason=Reason.ASKED)
    poke_dispatch()
    return ask


def _recipient(ask: Ask, to_id: int) -> User:
    to = User.objects.filter(pk=to_id, is_active=True).first()
    if to is None:
        raise InvalidInput("There is no such colleague.", code="nobody")
    if to.pk in ask.excluded:
        raise NotPermitted(f"{to} had a part in this and may not answer it.", code="four_eyes")
    if not may_answer(to, ask):
        raise NotPermitted(f"{to} may not answer this: it takes another role.", code="role")
    return to


def colleagues_for(kind: str) -> QuerySet[User]:
    """Those who may answer questions of a kind, unless they had a part in one."""
    people = User.objects.filter(is_active=True, roles__overlap=roles_with(NEEDED[kind]))
    return people.order_by("name", "email")
