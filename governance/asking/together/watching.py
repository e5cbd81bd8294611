"""Whoever watches a subject hears what is said about it and how it ends."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction

from governance.asking.models import Ask, Reason, Watcher
from governance.asking.outbox import tell
from governance.asking.together.questions import check_may_read, may_read, question_for
from governance.audit.services import append
from governance.people.models import User
from governance.people.services import actor_of


@transaction.atomic
def watch(*, ask_id: int, by: User, at: datetime) -> Watcher:
    """Hear the news of the subject of a question; doing it again changes nothing."""
    ask = question_for(by, ask_id)
    check_may_read(by, ask)
    watcher, is_new = Watcher.objects.get_or_create(
        subject=ask.subject, user=by, defaults={"since": at}
    )
    if is_new:
        _note(by, "user.watches", ask.subject, at)
    return watcher


@transaction.atomic
def unwatch(*, ask_id: int, by: User, at: datetime) -> bool:
    """Hear no more of it; false where it was not watched."""
    subject = question_for(by, ask_id).subject
    gone, _ = Watcher.objects.filter(subject=subject, user=by).delete()
    if gone:
        _note(by, "user.watches_no_more", subject, at)
    return bool(gone)


def _note(by: User, kind: str, subject: str, at: datetime) -> None:
    append(stream=by.subject, kind=kind, by=actor_of(by), at=at, data={"subject": subject})


def watchers_of(ask: Ask, *, but: Collection[int] = ()) -> list[User]:
    """Those who watch it and may still read it."""
    found = Watcher.objects.filter(subject=ask.subject).exclude(user__in=but)
    people = [row.user for row in found.select_related("user").order_by("user")]
    return [person for person in people if may_read(person, ask)]


def tell_of_comment(ask: Ask, people: list[User], *, at: datetime) -> None:
    """At the end of the hour, one mail for all that was said in it."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    tell(
        ask,
        people,
        why=f"comments:{hour:%Y-%m-%dT%H}",
        at=at,
        reason=Reason.NEWS,
        due_at=hour + timedelta(hours=1),
    )


def tell_of_end(ask: Ask, *, by: str, at: datetime) -> None:
    """How the question ended; whoever ended it knows."""
    people = [person for person in watchers_of(ask) if person.subject != by]
    tell(ask, people, why="settled", at=at, reason=Reason.SETTLED)
