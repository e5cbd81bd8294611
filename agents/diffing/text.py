"""Changes of the text that is no part of the contract, counted and shown by its first lines."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.changes import Change, Kind
from agents.contract import ParsedDefinition
from agents.diffing.pairing import pair, tokens
from agents.diffing.parts import lines_of
from governance.base.frontmatter import Frontmatter
from governance.base.keys import words

_MARKS = re.compile(r"^\s*(?:#{1,6}\s+|>\s*|[-*+•]\s+|\d+[.)]\s+)*")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_TURNING = frozenset(
    words("not no never none nothing nobody without cannot neither nor unless except don t")
)
_NUMBERS = re.compile(r"^\d[\d.,]*$")
_SHOWN_LINES = 6
_LONGEST = 1_000
# Joiners belong to emoji and scripts; a byte order mark at the start is no text.
_INNOCENT = frozenset("\u200d\u200c\ufeff\u00ad")


@dataclass(frozen=True, slots=True)
class _Line:
    key: str
    text: str
    words: tuple[str, ...]
    is_code: bool = False


def text_changes(
    old: ParsedDefinition,
    new: ParsedDefinition,
    *,
    before: Frontmatter,
    after: Frontmatter,
    told: bool,
) -> Iterator[Change]:
    """``told`` says that other changes tell of the text already."""
    yield from _hidden(old.text, new.text)
    was, now = list(_lines(before, set())), list(_lines(after, set()))
    yield from _code(was, now)
    if _flat(was) == _flat(now):
        return
    found = list(_differences(_lines(before, lines_of(old)), _lines(after, lines_of(new))))
    yield from found
    if Counter(line.words for line in was) == Counter(line.words for line in now):
        yield Change(Kind.TEXT_MOVED, "text", "Lines moved.")
    elif not (found or told):
        yield Change(Kind.TEXT_REWORDED, "text", "Some words changed.")


def _flat(lines: Sequence[_Line]) -> list[str]:
    return [word for line in lines for word in line.words]


def _code(was: Sequence[_Line], now: Sequence[_Line]) -> Iterator[Change]:
    """Code of the same words with other signs: in code, a sign is no ornament."""
    known = {line.text for line in was}
    said = Counter(line.words for line in was)
    changed = [line for line in now if line.is_code and line.text not in known and said[line.words]]
    if changed:
        sentence = "Signs in the code changed."
        yield Change(Kind.TEXT_REWORDED, "code", sentence, after=_excerpt(changed))


def _lines(front: Frontmatter, told: set[int]) -> Iterator[_Line]:
    """The lines with words below the frontmatter, but for those that the parts tell of."""
    opened = ""
    for number, line in enumerate(front.body.split("\n"), front.body_line):
        fence = _FENCE.match(line)
        if fence and (not opened or fence[1].startswith(opened)):
            opened = "" if opened else fence[1]
        said = tokens(_MARKS.sub("", line))
        if said and number not in told:
            yield _Line(f"line-{number}", line.strip(), said, bool(opened))


def _differences(old: Iterator[_Line], new: Iterator[_Line]) -> Iterator[Change]:
    was, now = list(old), list(new)
    gone = _beyond(was, Counter(line.words for line in now))
    come = _beyond(now, Counter(line.words for line in was))
    pairs, removed, added = _pairs(gone, come)
    turned = [both for both in pairs if _turns(*both)]
    reworded = [both for both in pairs if not _turns(*both)]
    if removed:
        yield _told(Kind.TEXT_REMOVED, "removed", removed, [])
    if added:
        yield _told(Kind.TEXT_ADDED, "added", [], added)
    if turned:
        yield _told(Kind.TEXT_REVERSED, "given another number or sense", *_unzip(turned))
    if reworded:
        yield _told(Kind.TEXT_REWORDED, "worded differently", *_unzip(reworded))


def _pairs(
    gone: list[_Line], come: list[_Line]
) -> tuple[list[tuple[_Line, _Line]], list[_Line], list[_Line]]:
    """Lines of the two texts by their likeness only: where they stand is no matter."""
    apart = [_Line(f"new-{line.key}", line.text, line.words) for line in come]
    return pair(gone, apart, lambda line: line.text)


def _beyond(lines: Sequence[_Line], others: Counter[tuple[str, ...]]) -> list[_Line]:
    """The lines that the other text does not hold, or not as often."""
    left = Counter(others)
    found = []
    for line in lines:
        if left[line.words] > 0:
            left[line.words] -= 1
        else:
            found.append(line)
    return found


def _turns(before: _Line, after: _Line) -> bool:
    """Whether a negation or a number came or went."""
    was, now = Counter(before.words), Counter(after.words)
    moved = (was - now) + (now - was)
    return any(word in _TURNING or _NUMBERS.match(word) for word in moved)


def _unzip(pairs: Sequence[tuple[_Line, _Line]]) -> tuple[list[_Line], list[_Line]]:
    return [before for before, _ in pairs], [after for _, after in pairs]


def _told(kind: Kind, done: str, before: Sequence[_Line], after: Sequence[_Line]) -> Change:
    count = max(len(before), len(after))
    lines = "1 line of text is" if count == 1 else f"{count} lines of text are"
    return Change(kind, kind.value, f"{lines} {done}.", _excerpt(before), _excerpt(after))


def _excerpt(lines: Sequence[_Line]) -> str:
    shown = "\n".join(line.text for line in lines[:_SHOWN_LINES])[:_LONGEST]
    return f"{shown}\n…" if len(lines) > _SHOWN_LINES else shown


def _hidden(old: str, new: str) -> Iterator[Change]:
    added = _unseen(new) - _unseen(old)
    if added:
        names = ", ".join(sorted(f"U+{ord(char):04X}" for char in added)[:5])
        sentence = f"Adds characters that people cannot see, and models can read: {names}."
        yield Change(Kind.HIDDEN_ADDED, "hidden", sentence, after=names)


def _unseen(text: str) -> Counter[str]:
    return Counter(
        char
        for char in text
        if ord(char) > 126 and char not in _INNOCENT and unicodedata.category(char) == "Cf"
    )
