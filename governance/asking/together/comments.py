"""A word among colleagues about a question. The runner never sees it; it is never a vote."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from governance.asking.models import Ask, Comment, Reason
from governance.asking.outbox import tell
from governance.asking.permissions import NEEDED
from governance.asking.poke import poke_dispatch
from governance.asking.together.mentions import Mentions, mentions_in
from governance.asking.together.questions import check_may_read, may_read, note, open_question
from governance.asking.together.watching import tell_of_comment, watchers_of
from governance.base.canonical import sha256_hex
from governance.base.errors import InvalidInput, NotPermitted
from governance.people.models import User
from governance.people.permissions import Permission, has

LONGEST = 5_000
MAY_COMMENT = "To comment you need the right to answer this, to propose versions or to configure."


@dataclass(frozen=True, slots=True)
class Said:
    """A comment, and in words whom it did not reach."""

    comment: Comment
    sentences: list[str] = field(default_factory=list)


def check_may_comment(user: Any, ask: Ask) -> None:
    """Raise unless this person reads it and takes part in the work; auditors only read."""
    check_may_read(user, ask)
    rights = (NEEDED[ask.kind], Permission.PROPOSE, Permission.CONFIGURE)
    if not any(has(user, right) for right in rights):
        raise NotPermitted(MAY_COMMENT)


@transaction.atomic
def comment_on(*, ask_id: int, by: User, text: str, at: datetime) -> Said:
    """Say something to colleagues; who is mentioned and may read it gets a mail."""
    ask = open_question(ask_id)
    check_may_comment(by, ask)
    said = text.replace("\0", "\ufffd").strip()
    if not said:
        raise InvalidInput("Write what you want to say.", code="empty")
    if len(said) > LONGEST:
        raise InvalidInput(f"A comment has at most {LONGEST:,} characters.", code="too_long")
    mentions = mentions_in(said)
    told = [person for person in mentions.people if may_read(person, ask) and person != by]
    made = Comment.objects.create(ask=ask, author=by, text=said, at=at)
    made.mentioned.set(told)
    note(
        ask,
        "ask.commented",
        by=by,
        at=at,
        comment=made.pk,
        text_sha256=sha256_hex(said.encode()),
        mentioned=[person.subject for person in told],
    )
    _tell(made, told, at)
    return Said(made, _not_reached(mentions, ask, by))


def _tell(comment: Comment, mentioned: list[User], at: datetime) -> None:
    ask, knowing = comment.ask, [comment.author_id, *(person.pk for person in mentioned)]
    tell(ask, mentioned, why=f"mention:{comment.pk}", at=at, reason=Reason.MENTION)
    tell_of_comment(ask, watchers_of(ask, but=knowing), at=at)
    if mentioned:
        poke_dispatch()


def _not_reached(mentions: Mentions, ask: Ask, by: User) -> list[str]:
    return [
        *(f"Nobody is called {word}, so nobody was told." for word in mentions.unknown),
        *(
            f"Several people could be meant by {word}: write the whole name or the address."
            for word in mentions.unclear
        ),
        *(
            f"{person} may not read this and was not told."
            for person in mentions.people
            if person != by and not may_read(person, ask)
        ),
    ]
