"""Text as a matcher compares it: what only looks different, or hides, is made the same."""

import posixpath
import re
import unicodedata

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
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*|#[^\n]*", re.DOTALL)
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
    return seen(text).casefold()


def path_of(text: str) -> str:
    """One spelling of a path: no ``.``, ``..``, ``//`` or backslashes; the case is kept."""
    plain = _HOME.sub("~", _SCHEME.sub("", seen(text).strip())).replace("\\", "/")
    if not plain:
        return ""
    tidy = posixpath.normpath(plain)
    return f"/{tidy.lstrip('/')}" if tidy.startswith("//") else tidy


def phrase_of(text: str) -> str:
    """The words of a statement, each between single spaces, without its comments."""
    bare = _COMMENT.sub(" ", folded(text))
    return f" {' '.join(_TOKEN.findall(bare))} "


def glued_phrase_of(text: str) -> str:
    """The same with comments cut out and nothing in their place: ``DR/**/OP`` is ``DROP``."""
    return f" {' '.join(_TOKEN.findall(_COMMENT.sub('', folded(text))))} "
