"""Two texts line by line: in one column, or side by side with the changed words marked."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

CONTEXT = 3
# Comparing long stretches costs their product; beyond this they are shown as replaced whole.
_MOST_LINES = 3_000
# Words are compared one by one in short lines, of a change that is not too large; else what the
# two lines begin and end with alike is left unmarked.
_MOST_WORDS = 80
_MOST_CLOSE = 400
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
Opcode = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Line:
    """``kind`` is ``same``, ``add``, ``del`` or ``hunk``; numbers count from 1."""

    kind: str
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a line; ``changed`` where the other side differs."""

    text: str
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of two columns; ``left`` or ``right`` is ``None`` where that side has no line."""

    kind: str
    old: int | None = None
    new: int | None = None
    left: tuple[Piece, ...] | None = None
    right: tuple[Piece, ...] | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """The same changes in one column and in two; ``changed`` counts lines gone and lines new."""

    lines: list[Line]
    rows: list[Row]

    @property
    def changed(self) -> int:
        return sum(line.kind in {"add", "del"} for line in self.lines)


def both(old: str, new: str) -> Texts:
    """Both ways to show what changed, compared once."""
    before, after = old.split("\n"), new.split("\n")
    hunks = list(_hunks(before, after))
    return Texts(_in_one(before, after, hunks), _in_two(before, after, hunks))


def inline(old: str, new: str) -> list[Line]:
    """The changed lines with some around them, in one column."""
    before, after = old.split("\n"), new.split("\n")
    return _in_one(before, after, list(_hunks(before, after)))


def _in_one(
    before: Sequence[str], after: Sequence[str], hunks: Sequence[Sequence[Opcode]]
) -> list[Line]:
    found: list[Line] = []
    for hunk in hunks:
        found.append(Line("hunk", _where(hunk)))
        for tag, i1, i2, j1, j2 in hunk:
            if tag == "equal":
                found += [
                    Line("same", before[i1 + k], i1 + k + 1, j1 + k + 1) for k in range(i2 - i1)
                ]
                continue
            found += [Line("del", before[i], old=i + 1) for i in range(i1, i2)]
            found += [Line("add", after[j], new=j + 1) for j in range(j1, j2)]
    return found


def _in_two(
    before: Sequence[str], after: Sequence[str], hunks: Sequence[Sequence[Opcode]]
) -> list[Row]:
    """The same in two columns, lines that replace each other on one row."""
    found: list[Row] = []
    changed = sum(i2 - i1 for hunk in hunks for tag, i1, i2, _, _ in hunk if tag != "equal")
    for hunk in hunks:
        found.append(Row("hunk", left=(Piece(_where(hunk)),)))
        for opcode in hunk:
            found += _rows(before, after, opcode, closely=changed <= _MOST_CLOSE)
    return found


def _rows(
    before: Sequence[str], after: Sequence[str], opcode: Opcode, *, closely: bool
) -> Iterator[Row]:
    tag, i1, i2, j1, j2 = opcode
    for k in range(max(i2 - i1, j2 - j1)):
        left = before[i1 + k] if i1 + k < i2 else None
        right = after[j1 + k] if j1 + k < j2 else None
        was, now = _pieces(left, right, closely=closely)
        yield Row(
            "same" if tag == "equal" else "changed",
            i1 + k + 1 if left is not None else None,
            j1 + k + 1 if right is not None else None,
            was,
            now,
        )


def _pieces(
    left: str | None, right: str | None, *, closely: bool
) -> tuple[tuple[Piece, ...] | None, tuple[Piece, ...] | None]:
    if left is None or right is None or left == right:
        return (
            None if left is None else (Piece(left),),
            None if right is None else (Piece(right),),
        )
    before, after = _WORDS.findall(left), _WORDS.findall(right)
    opcodes: Sequence[Opcode]
    if closely and max(len(before), len(after)) <= _MOST_WORDS:
        opcodes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    else:
        opcodes = _ends(before, after)
    was = tuple(Piece("".join(before[a:b]), tag != "equal") for tag, a, b, _, _ in opcodes if a < b)
    now = tuple(Piece("".join(after[a:b]), tag != "equal") for tag, _, _, a, b in opcodes if a < b)
    return was, now


def _ends(before: Sequence[str], after: Sequence[str]) -> list[Opcode]:
    """What two lists begin and end with alike, and one replacement between."""
    start, end = _alike(before, after)
    i2, j2 = len(before) - end, len(after) - end
    return [
        ("equal", 0, start, 0, start),
        ("replace", start, i2, start, j2),
        ("equal", i2, len(before), j2, len(after)),
    ]


def _alike(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many items two lists have in common at their start, and then at their end."""
    shorter = min(len(before), len(after))
    start = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    rest = shorter - start
    end = next((n for n in range(rest) if before[-1 - n] != after[-1 - n]), rest)
    return start, end


def _hunks(before: Sequence[str], after: Sequence[str]) -> Iterator[list[Opcode]]:
    """Groups of opcodes with a few equal lines around each change."""
    group: list[Opcode] = []
    opcodes = _opcodes(before, after)
    for at, (tag, i1, i2, j1, j2) in enumerate(opcodes):
        if tag != "equal":
            group.append((tag, i1, i2, j1, j2))
            continue
        length = i2 - i1
        last = at == len(opcodes) - 1
        if group and (last or length > 2 * CONTEXT):
            shown = min(CONTEXT, length)
            yield [*group, ("equal", i1, i1 + shown, j1, j1 + shown)]
            group = []
        if not last:
            skipped = 0 if group else max(0, length - CONTEXT)
            group.append(("equal", i1 + skipped, i2, j1 + skipped, j2))
    if group:
        yield group


def _opcodes(before: Sequence[str], after: Sequence[str]) -> list[Opcode]:
    start, end = _alike(before, after)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    found: list[Opcode] = [("equal", 0, start, 0, start)] if start else []
    found += _middle(old, new, start)
    if end:
        found.append(("equal", len(before) - end, len(before), len(after) - end, len(after)))
    return found


def _middle(old: Sequence[str], new: Sequence[str], start: int) -> list[Opcode]:
    if not old and not new:
        return []
    if max(len(old), len(new)) > _MOST_LINES:
        return [("replace", start, start + len(old), start, start + len(new))]
    matched = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [
        (tag, i1 + start, i2 + start, j1 + start, j2 + start) for tag, i1, i2, j1, j2 in matched
    ]


def _where(hunk: Sequence[Opcode]) -> str:
    _, i1, _, j1, _ = hunk[0]
    return f"Line {i1 + 1} before, line {j1 + 1} now"
