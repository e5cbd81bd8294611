"""From a file to a text field and back, so that what nobody touched stays as it was."""

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from governance.base.encoding import decode
from governance.base.errors import InvalidInput, NotThere
from governance.base.findings import Finding, with_replacements

# What a field of a page may hold at most is refused by size elsewhere; comparing lines costs
# their product, so beyond this many a file of mixed line ends gets its commonest one.
_MOST_LINES = 3_000
_ENDS = re.compile(r"\r\n|\r|\n")
_NAMES = {"\r\n": "Windows", "\r": "old Macintosh", "\n": "plain"}
FIX, FIX_ALL = "fix:", "fix-all"
# Mending one thing may bring another to light.
MOST_ROUNDS = 8
# What is said of a file's form: mending it is saving the text plainly.
FORM_FINDINGS = frozenset({"LINE_ENDS", "BYTE_ORDER_MARK"})


@dataclass(frozen=True, slots=True)
class FileForm:
    """What of a file a text field does not show."""

    encoding: str
    repaired: bool
    has_bom: bool
    line_ends: str

    @property
    def is_kept(self) -> bool:
        """Whether a changed text can be written in the file's own form."""
        return self.encoding == "utf-8"

    @property
    def is_plain(self) -> bool:
        """UTF-8 with plain line ends and nothing in front."""
        return self.is_kept and not self.has_bom and self.line_ends == "plain"


def form_of(raw: bytes) -> FileForm:
    """How a file is written."""
    decoded = decode(raw)
    kinds = set(_ends(raw)) if decoded.encoding == "utf-8" else {"\n"}
    return FileForm(
        encoding=decoded.encoding,
        repaired=decoded.repaired or any(f.code == "NUL_CHARACTER" for f in decoded.findings),
        has_bom=raw.startswith(codecs.BOM_UTF8),
        line_ends="mixed" if len(kinds) > 1 else _NAMES[next(iter(kinds), "\n")],
    )


def typed(posted: str) -> str:
    """What was typed: browsers send every line end of a text field as CRLF."""
    return posted.replace("\r\n", "\n").replace("\r", "\n")


def field_of(raw: bytes) -> str:
    """The text of bytes that :func:`bytes_of` made, as it was typed: nothing is repaired."""
    return typed(raw.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace"))


def bytes_of(text: str, *, like: bytes = b"", plain: bool = False) -> bytes:
    """A text as the bytes of a file, in the form of another file where that is UTF-8.

    The text of a file that needed no repair, put back unchanged, gives its bytes again.
    """
    text = typed(text)
    before = decode(like)
    if plain or not like or before.encoding != "utf-8":
        return text.encode("utf-8", "replace")
    mark = codecs.BOM_UTF8 if like.startswith(codecs.BOM_UTF8) else b""
    return mark + _with_ends(text, before.text, _ends(like)).encode("utf-8", "replace")


def _ends(raw: bytes) -> list[str]:
    return _ENDS.findall(raw.decode("utf-8", "replace"))


def _with_ends(text: str, before: str, ends: Sequence[str]) -> str:
    """The text with the line ends of the lines it shares; new lines end as most others do."""
    if not ends:
        return text
    common = Counter(ends).most_common(1)[0][0]
    if len(set(ends)) == 1:
        return text.replace("\n", common)
    new = text.split("\n")
    chosen = [common] * len(new)
    for old_at, new_at, size in _shared(before.split("\n"), new):
        for offset in range(size):
            if old_at + offset < len(ends):
                chosen[new_at + offset] = ends[old_at + offset]
    chosen[-1] = ""
    return "".join(line + end for line, end in zip(new, chosen, strict=True))


def _shared(old: Sequence[str], new: Sequence[str]) -> Iterable[tuple[int, int, int]]:
    """Stretches of equal lines: where in the old text, where in the new one, how many."""
    if list(old) == list(new):
        return [(0, 0, len(old))]
    if max(len(old), len(new)) > _MOST_LINES:
        return []
    return SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()


def fixed(text: str, findings: Sequence[Finding], act: str) -> str:
    """The text after the safe replacement of one finding (``fix:<key>``) or of all of them."""
    if act == FIX_ALL:
        return with_replacements(text, findings)
    key = act.removeprefix(FIX)
    chosen = [finding for finding in findings if finding.key == key]
    if not chosen:
        raise NotThere("The text changed since: this finding is gone.", code="unknown_finding")
    if chosen[0].replacement is None:
        raise InvalidInput("There is no safe fix for this: change the line yourself.")
    return with_replacements(text, chosen)
