"""Stable keys: a short name made of the identifying words of an item."""

import hashlib
import re
import unicodedata
from collections import Counter

LIMIT = 60
_ARTICLES = frozenset({"a", "an", "the"})
_APART = re.compile(r"[^a-z0-9]+")
_APOSTROPHES = re.compile(r"['’`*]")


def words(text: str) -> list[str]:
    """Lower-case ASCII words of a text, without Markdown marks and, if any are left, articles."""
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text))
    ascii_text = plain.encode("ascii", "ignore").decode().lower()
    found = [word for word in _APART.split(ascii_text) if word]
    return [word for word in found if word not in _ARTICLES] or found


def slug(text: str, limit: int = LIMIT) -> str:
    """``never-add-external-dependencies``: whole words up to a limit, never empty."""
    key = ""
    for word in words(text):
        longer = f"{key}-{word}" if key else word
        if len(longer) > limit:
            break
        key = longer
    return key or f"item-{_digest(text, 8)}"


class Keys:
    """Hands out keys that are unique within one list.

    The first taker keeps the plain key. A later one whose words differ beyond the limit gets a
    digest of them, so that its key does not depend on its place in the list.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._repeats: Counter[str] = Counter()

    def take(self, text: str) -> str:
        key = slug(text)
        if key in self._taken:
            key = f"{key}-{_digest(' '.join(words(text)), 6)}"
        plain = key
        while key in self._taken:
            self._repeats[plain] += 1
            key = f"{plain}-{self._repeats[plain] + 1}"
        self._taken.add(key)
        return key


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]
