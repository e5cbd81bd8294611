"""Word to those who wrote a version: what was said about it, and how its review ended."""

from datetime import datetime

from governance.asking.models import Ask, Reason
from governance.asking.outbox import tell
from governance.asking.poke import poke_dispatch
from governance.asking.together.watching import tell_of_comment, watchers_of
from governance.people.models import User
from governance.review.models import Review, ReviewStatus

DECIDED = (ReviewStatus.APPROVED, ReviewStatus.CHANGES_REQUESTED, ReviewStatus.REJECTED)


def ask_of(review: Review) -> Ask | None:
    """The open question of a review; one that is part of a list's has none of its own."""
    return Ask.objects.open().filter(subject=review.stream).first()


def tell_outcome(review: Review, ask: Ask | None, *, at: datetime) -> None:
    """People who wrote or submitted a version hear how it was decided; taking it back is theirs."""
    if ask is None or review.status not in DECIDED:
        return
    tell(ask, _authors(review), why="settled", at=at, reason=Reason.SETTLED)
    poke_dispatch()


def tell_comment(review: Review, *, by: User, at: datetime) -> None:
    """Those who wrote it and those who watch it hear of comments, once an hour."""
    ask = ask_of(review.part_of or review)
    if ask is None:
        return
    authors = [person for person in _authors(review) if person.pk != by.pk]
    known = [by.pk, *(person.pk for person in authors)]
    tell_of_comment(ask, [*authors, *watchers_of(ask, but=known)], at=at)


def _authors(review: Review) -> list[User]:
    return list(User.objects.filter(pk__in=review.excluded, is_active=True).order_by("pk"))
