"""Who is looking at a question. A claim is a word among colleagues: it stops no reminder."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from governance.asking.models import Ask
from governance.asking.permissions import NEEDED
from governance.asking.together.questions import (
    check_may_answer,
    may_answer,
    note,
    open_question,
    set_claim,
)
from governance.base.errors import Conflict, NotPermitted
from governance.people.models import User
from governance.people.permissions import check

# After this anybody may put an end to somebody else's claim.
LAPSES_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a page shows of it to one person."""

    ask: Ask
    may_claim: bool
    may_release: bool
    is_mine: bool

    @property
    def by(self) -> User | None:
        return self.ask.claimed_by


def claim_of(user: Any, ask: Ask | None, *, at: datetime) -> Claim | None:
    """Who looks at an open question, and what this person may do about it."""
    if ask is None or ask.closed_at is not None:
        return None
    is_mine = ask.claimed_by_id is not None and ask.claimed_by_id == getattr(user, "pk", None)
    answers = may_answer(user, ask)
    return Claim(
        ask=ask,
        may_claim=ask.claimed_by_id is None and answers,
        may_release=is_mine or (answers and _has_lapsed(ask, at)),
        is_mine=is_mine,
    )


def _has_lapsed(ask: Ask, at: datetime) -> bool:
    return ask.claimed_at is not None and at - ask.claimed_at >= LAPSES_AFTER


@transaction.atomic
def claim_ask(*, ask_id: int, by: User, at: datetime) -> Ask:
    """Say that one looks at it. Who may not answer may not claim; the ladder goes on."""
    ask = open_question(ask_id)
    check_may_answer(by, ask)
    if ask.claimed_by_id == by.pk:
        return ask
    if ask.claimed_by is not None:
        raise Conflict(f"{ask.claimed_by} is looking at it already.", code="claimed")
    note(ask, "ask.claimed", by=by, at=at)
    return set_claim(ask, by, at)


@transaction.atomic
def release_claim(*, ask_id: int, by: User, at: datetime) -> Ask:
    """End one's own claim, or one of somebody else that is older than a day."""
    ask = open_question(ask_id)
    if ask.claimed_by is None:
        return ask
    check(by, NEEDED[ask.kind])
    if ask.claimed_by_id != by.pk and not _has_lapsed(ask, at):
        raise NotPermitted(
            f"{ask.claimed_by} is looking at it. After a day anybody may end that.", code="claimed"
        )
    note(ask, "ask.claim_released", by=by, at=at)
    return set_claim(ask, None, None)
