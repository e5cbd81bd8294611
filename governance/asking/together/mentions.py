"""Who is meant by ``@Eva Adams`` or ``@eva@example.org``."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from governance.people.models import User

MOST = 20
# Not inside a word: an address in a sentence mentions nobody.
_MENTION = re.compile(r"(?<![\w.+@-])@([\w.+-]+@[\w-]+(?:\.[\w-]+)+|\w[\w'-]*)")


@dataclass(slots=True)
class Mentions:
    """Those who were found, and what was written of those who were not."""

    people: list[User] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)


def mentions_in(text: str) -> Mentions:
    """The active people whom a text mentions, each once."""
    found = Mentions()
    marks = list(_MENTION.finditer(text))[:MOST]
    known = _candidates(mark[1] for mark in marks)
    for mark in marks:
        meant = _meant(mark[1].lower(), text[mark.start(1) :].lower(), known[mark[1].lower()])
        bucket = found.unclear if meant else found.unknown
        if len(meant) == 1:
            found.people += [one for one in meant if one not in found.people]
        elif mark[1] not in bucket:
            bucket.append(mark[1])
    return found


def _candidates(words: Iterable[str]) -> dict[str, list[User]]:
    """For each word the people whose name or address begins with it; one query for all."""
    wanted = {word.lower() for word in words}
    condition = Q(pk__in=())
    for word in wanted:
        condition |= Q(email=word) if "@" in word else _begins_with(word)
    found: dict[str, list[User]] = defaultdict(list)
    for user in User.objects.filter(condition, is_active=True).order_by("pk"):
        for word in wanted:
            if word == user.email or user.email.startswith(f"{word}@") or _named(user, word):
                found[word].append(user)
    return found


def _begins_with(word: str) -> Q:
    return Q(name__istartswith=word) | Q(email__startswith=f"{word}@")


def _named(user: User, word: str) -> bool:
    return re.match(rf"{re.escape(word)}\b", user.name.lower()) is not None


def _meant(word: str, rest: str, people: list[User]) -> list[User]:
    """Whose whole name stands there, else everybody whom the word alone could mean."""
    whole = [user for user in people if re.match(rf"{re.escape(user.name.lower())}\b", rest)]
    longest = max((len(user.name) for user in whole if user.name), default=0)
    return [user for user in whole if len(user.name) == longest] if longest else people
