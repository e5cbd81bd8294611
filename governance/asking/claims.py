"""Who is looking at a question. A claim is a word among colleagues: it stops no reminder."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from governance.asking.mail import WORDS
from governance.asking.models import Ask
from governance.audit.services import append
from governance.base.errors import Conflict, NotPermitted, NotThere
from governance.people.models import User
from governance.people.permissions import Permission, check, has
from governance.people.services import actor_of

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


def ask_for(user: Any, ask_id: int) -> Ask:
    """One question, or ``NotThere`` for strangers as for what does not exist."""
    found = Ask.objects.select_related("claimed_by").filter(pk=ask_id).first()
    if found is None or not has(user, Permission.VIEW):
        raise NotThere("There is no such question.")
    return found


def claim_of(user: Any, ask: Ask | None, *, at: datetime) -> Claim | None:
    """Who looks at an open question, and what this person may do about it."""
    if ask is None or ask.closed_at is not None:
        return None
    is_mine = ask.claimed_by_id is not None and ask.claimed_by_id == getattr(user, "pk", None)
    may_answer = has(user, WORDS[ask.kind][2]) and user.pk not in ask.excluded
    return Claim(
        ask=ask,
        may_claim=ask.claimed_by_id is None and may_answer,
        may_release=is_mine or (may_answer and _has_lapsed(ask, at)),
        is_mine=is_mine,
    )


def _has_lapsed(ask: Ask, at: datetime) -> bool:
    return ask.claimed_at is not None and at - ask.claimed_at >= LAPSES_AFTER


@transaction.atomic
def claim_ask(*, ask_id: int, by: User, at: datetime) -> Ask:
    """Say that one looks at it. Who may not answer may not claim; the ladder goes on."""
    ask = _open(ask_id)
    check(by, WORDS[ask.kind][2])
    if by.pk in ask.excluded:
        raise NotPermitted("You may not answer this, so leave it to others.", code="four_eyes")
    if ask.claimed_by_id == by.pk:
        return ask
    if ask.claimed_by is not None:
        raise Conflict(f"{ask.claimed_by} is looking at it already.", code="claimed")
    return _set(ask, by, at, kind="ask.claimed", by=by, at=at)


@transaction.atomic
def release_claim(*, ask_id: int, by: User, at: datetime) -> Ask:
    """End one's own claim, or one of somebody else that is older than a day."""
    ask = _open(ask_id)
    if ask.claimed_by is None:
        return ask
    check(by, WORDS[ask.kind][2])
    if ask.claimed_by_id != by.pk and not _has_lapsed(ask, at):
        raise NotPermitted(
            f"{ask.claimed_by} is looking at it. After a day anybody may end that.", code="claimed"
        )
    return _set(ask, None, None, kind="ask.claim_released", by=by, at=at)


def _open(ask_id: int) -> Ask:
    ask = Ask.objects.select_related("claimed_by").filter(pk=ask_id).first()
    if ask is None:
        raise NotThere("There is no such question.")
    if ask.closed_at is not None:
        raise Conflict("This question is settled.", code="closed")
    return ask


def _set(
    ask: Ask, holder: User | None, since: datetime | None, *, kind: str, by: User, at: datetime
) -> Ask:
    """The history first: whoever settles the subject holds its stream and wants the ask's row."""
    append(stream=ask.subject, kind=kind, by=actor_of(by), at=at, data={"ask": ask.pk})
    unchanged = Ask.objects.open().filter(pk=ask.pk, claimed_by=ask.claimed_by_id)
    if not unchanged.update(claimed_by=holder, claimed_at=since):
        raise Conflict("Somebody was faster. Look again.", code="claimed")
    ask.claimed_by, ask.claimed_at = holder, since
    return ask
