"""Text as a matcher compares it: what only looks different, or hides, is made the same."""

import posixpath
import re
import unicodedata
from functools import lru_cache

# Letters of other scripts that a reader takes for Latin ones, and the many dashes and quotes.
_LIKE = str.maketrans(
    "АВЕКМНОРСТУХЅІЈԁԛԜаеорсухіјѕһӏԝтмкнвΑΒΕΖΗΙΚΜΝΟΡΤΥΧαορυνικτχƖıⅼ‐‑‒–—―−﹣＿⁄∕․＇＂∣",
    "ABEKMHOPCTYXSIJdqWaeopcyxijshlwtmkhbABEZHIKMNOPTYXaopuviktxlil--------_//.'\"|",
)
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
)
_SPACES = re.compile("[\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_PLAIN = re.compile(r"[\t\n\r -~]*")
_SCHEME = re.compile(r"^file://(?:localhost)?(?=[/~.])", re.IGNORECASE)
_HOME = re.compile(r"^(?:\$HOME|\$\{HOME\}|%USERPROFILE%)(?=$|/)")
# A comment that is not closed runs to the end, so that looking for its end costs one pass.
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|--[^\n]*|#[^\n]*", re.DOTALL)
_LONGEST_KEPT = 300
_TOKEN = re.compile(r"[^\W_]+(?:_[^\W_]+)*")


def seen(text: str) -> str:
    """``text`` as a reader sees it: one normal form, no hidden characters, no look-alikes."""
    if _PLAIN.fullmatch(text):
        return text
    bare = _HIDDEN.sub("", _SPACES.sub(" ", text))
    normal = unicodedata.normalize("NFKC", bare.translate(_LIKE))
    return _HIDDEN.sub("", normal).translate(_LIKE)


def folded(text: str) -> str:
    """:func:`seen`, and upper case is lower case."""
    return _folded(text) if len(text) <= _LONGEST_KEPT else seen(text).casefold()


@lru_cache(maxsize=8192)
def _folded(text: str) -> str:
    return seen(text).casefold()


def path_of(text: str) -> str:
    """One spelling of a path: no ``.``, ``..``, ``//`` or backslashes; the case is kept."""
    return _short_path(text) if len(text) <= _LONGEST_KEPT else _path(text)


@lru_cache(maxsize=8192)
def _short_path(text: str) -> str:
    return _path(text)


def _path(text: str) -> str:
    plain = _HOME.sub("~", _SCHEME.sub("", seen(text).strip())).replace("\\", "/")
    if not plain:
        return ""
    tidy = posixpath.normpath(plain)
    return f"/{tidy.lstrip('/')}" if tidy.startswith("//") else tidy


def phrase_of(text: str) -> str:
    """The words of a statement in lower case, each between single spaces."""
    return f" {' '.join(_TOKEN.findall(folded(text)))} "


def phrases_in(text: str) -> tuple[str, ...]:
    """A statement as it stands, without its comments, and with what they part joined.

    What is a comment differs between databases, so all three are looked through.
    """
    bare, glued = _COMMENT.sub(" ", text), _COMMENT.sub("", text)
    return tuple(phrase_of(one) for one in dict.fromkeys((text, bare, glued)))
