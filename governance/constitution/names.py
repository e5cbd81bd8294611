"""One principle, several names: 'III. Test-First (NON-NEGOTIABLE)' is 'Test-First Development'."""

import re
from collections.abc import Iterable

from governance.base.keys import slug, words

_FLAGS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_NUMBERING = re.compile(
    r"^\W*(?:(?:article|articles|principle|rule|section)\s+)?"
    r"(?:[ivxlc]+|\d+(?:\.\d+)*)\s*[.):—–-]+\s*",
    re.IGNORECASE,
)
_TITLED = re.compile(r"^\W*(?:article|principle|rule)\s+(?:[ivxlc]+|\d+)\s+", re.IGNORECASE)
_TAILS = frozenset(
    words(
        "development principle principles imperative mandate standard standards requirement "
        "requirements policy policies rule rules discipline approach practice practices"
    )
)
_LINKING = frozenset({"and", "of", "for"})
_SAME = {"test-driven": "test-first", "tdd": "test-first", "tests-first": "test-first"}


def plain_title(title: str) -> str:
    """A title without numbering, bold marks and flags in parentheses."""
    bare = _FLAGS.sub(" ", title.replace("**", "").replace("__", ""))
    bare = _TITLED.sub("", _NUMBERING.sub("", bare.strip()))
    return " ".join(bare.split()).strip(" :*_.-—–")


def principle_key(title: str) -> str:
    """The key that all names of one principle share."""
    parts = [word for word in words(plain_title(title)) if word != "and"]
    while len(parts) > 1 and (parts[-1] in _TAILS or parts[-1] in _LINKING):
        parts.pop()
    key = "-".join(parts)
    return slug(_SAME.get(key, key) or title)


def same_principle(first: str, second: str) -> bool:
    """Whether two titles name one principle."""
    return principle_key(first) == principle_key(second)


def keys_of_names(title: str, aliases: Iterable[str] = ()) -> frozenset[str]:
    """The keys under which somebody may claim a principle: of its title and of its aliases."""
    return frozenset(principle_key(name) for name in (title, *aliases) if name.strip())
