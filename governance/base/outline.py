"""The structure of a Markdown text: headings, list items, paragraphs, fenced blocks, by line.

Written for prose that tells machines what to do, not for rendering: a list item keeps the
sentence that introduces its list, and a fence that nobody closed is text, so that no rule gets
lost behind it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*)$")
_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})([^`]*)$")
_ITEM = re.compile(r"^([ \t]*)([-*+•]|\d{1,4}[.)])[ \t]+(\S.*)$")
_QUOTE = re.compile(r"^ {0,3}(?:>[ \t]?)+")
_CHECKBOX = re.compile(r"^\[[ xX]\][ \t]+")
_RULER = re.compile(r"^[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*$")


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int
    line: int


@dataclass(frozen=True, slots=True)
class Item:
    """One list item; ``depth`` 0 is the outermost list, ``number`` only in numbered lists."""

    text: str
    line: int
    section: int
    depth: int
    number: int | None
    intro: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    line: int
    section: int


@dataclass(frozen=True, slots=True)
class FencedBlock:
    """A closed fenced block; ``line`` is its first line of content."""

    info: str
    text: str
    line: int
    section: int


@dataclass(slots=True)
class Outline:
    """``section`` of a part is the index of its heading, -1 before the first."""

    headings: list[Heading] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    paragraphs: list[Paragraph] = field(default_factory=list)
    blocks: list[FencedBlock] = field(default_factory=list)
    unclosed: list[int] = field(default_factory=list)

    def parents(self) -> list[int]:
        """For each heading the one above it, or -1."""
        found: list[int] = []
        open_ones: list[int] = []
        for i, heading in enumerate(self.headings):
            while open_ones and self.headings[open_ones[-1]].level >= heading.level:
                open_ones.pop()
            found.append(open_ones[-1] if open_ones else -1)
            open_ones.append(i)
        return found

    def children(self, index: int) -> list[int]:
        """The headings directly below a heading, whatever levels they skip."""
        inside = self.inside(index)
        if not inside:
            return []
        top = min(self.headings[i].level for i in inside)
        return [i for i in inside if self.headings[i].level == top]

    def inside(self, index: int) -> list[int]:
        """Every heading below a heading, until one of its own level or higher."""
        level = self.headings[index].level
        found = []
        for i in range(index + 1, len(self.headings)):
            if self.headings[i].level <= level:
                break
            found.append(i)
        return found


def outline(text: str, first_line: int = 1) -> Outline:
    """Read the structure of a text whose first line has the number ``first_line``."""
    return _Reader(text.split("\n"), first_line).read()


def fences(lines: list[str]) -> tuple[dict[int, tuple[int, str]], list[int]]:
    """Closed fences as ``{opening: (closing, info)}``, and openings that nothing closes."""
    closed: dict[int, tuple[int, str]] = {}
    unclosed: list[int] = []
    hopeless: set[str] = set()
    i = 0
    while i < len(lines):
        match = _FENCE.match(lines[i])
        if match is None:
            i += 1
            continue
        end = -1 if match[1] in hopeless else _closing(lines, i + 1, match[1])
        if end < 0:
            hopeless.add(match[1])
            unclosed.append(i)
            i += 1
        else:
            closed[i] = (end, match[2].strip())
            i = end + 1
    return closed, unclosed


def _closing(lines: list[str], start: int, mark: str) -> int:
    for i in range(start, len(lines)):
        bare = lines[i].strip(" \t>")
        if bare.startswith(mark) and not bare.strip(mark[0]):
            return i
    return -1


@dataclass(slots=True)
class _Draft:
    """A list item or paragraph that may go on in the next line."""

    parts: list[str]
    line: int
    indent: int = -1
    depth: int = 0
    number: int | None = None
    intro: str = ""


class _Reader:
    def __init__(self, lines: list[str], first_line: int) -> None:
        self.lines = lines
        self.first_line = first_line
        self.found = Outline()
        self.draft: _Draft | None = None
        self.indents: list[int] = []
        self.intro = ""
        self.after_blank = True

    def read(self) -> Outline:
        closed, unclosed = fences(self.lines)
        self.found.unclosed = [i + self.first_line for i in unclosed]
        i = 0
        while i < len(self.lines):
            if i in closed:
                self._block(i, *closed[i])
                i = closed[i][0]
            else:
                self._line(_QUOTE.sub("", self.lines[i]), i + self.first_line)
            i += 1
        self._finish()
        return self.found

    @property
    def section(self) -> int:
        return len(self.found.headings) - 1

    def _block(self, opening: int, closing: int, info: str) -> None:
        # The list goes on behind a block that belongs to one of its items.
        self._finish()
        content = "\n".join(self.lines[opening + 1 : closing])
        line = opening + 1 + self.first_line
        self.found.blocks.append(FencedBlock(info, content, line, self.section))
        self.after_blank = True

    def _line(self, line: str, number: int) -> None:
        if not line.strip() or _RULER.match(line):
            self._finish()
            self.after_blank = True
            return
        heading = _HEADING.match(line)
        item = _ITEM.match(line)
        if heading:
            self._heading(heading, number)
        elif item:
            self._item(item, number)
        else:
            self._text(line, number)
        self.after_blank = False

    def _heading(self, match: re.Match[str], number: int) -> None:
        self._finish()
        self.indents, self.intro = [], ""
        self.found.headings.append(
            Heading(match[2].rstrip().rstrip("#").strip(), len(match[1]), number)
        )

    def _item(self, match: re.Match[str], number: int) -> None:
        self._finish()
        indent = len(match[1].expandtabs(4))
        while self.indents and self.indents[-1] > indent:
            self.indents.pop()
        if not self.indents or self.indents[-1] < indent:
            self.indents.append(indent)
        marker = match[2]
        self.draft = _Draft(
            parts=[_CHECKBOX.sub("", match[3].strip())],
            line=number,
            indent=indent,
            depth=len(self.indents) - 1,
            number=int(marker[:-1]) if marker[:-1].isdigit() else None,
            intro=self.intro,
        )

    def _text(self, line: str, number: int) -> None:
        if self.draft is not None:
            self.draft.parts.append(line.strip())
            return
        if not line.startswith((" ", "\t")):
            self.indents = []
        self.draft = _Draft([line.strip()], number)

    def _finish(self) -> None:
        draft, self.draft = self.draft, None
        if draft is None:
            return
        text = " ".join(draft.parts)
        if draft.indent < 0:
            self.found.paragraphs.append(Paragraph(text, draft.line, self.section))
            self.intro = text if text.rstrip("*_ ").endswith(":") else ""
            return
        self.found.items.append(
            Item(text, draft.line, self.section, draft.depth, draft.number, draft.intro)
        )


def blank_out(text: str, *, spans: bool = True, blocks: bool = True) -> str:
    """The text with HTML comments, fenced blocks and code spans as blanks, lines kept."""
    pieces: list[str] = []
    done = 0
    kept = {kind for kind, blank in (("span", spans), ("block", blocks)) if not blank}
    for start, end, kind in _masked(text):
        if kind in kept:
            continue
        pieces += [text[done:start], re.sub(r"[^\n]", " ", text[start:end])]
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def only_comments(text: str) -> str:
    """The text with all as blanks but what stands in HTML comments, lines kept."""
    pieces: list[str] = []
    done = 0
    for start, end, kind in _masked(text):
        if kind == "comment":
            pieces += [_BLACK.sub(" ", text[done : start + 4]), text[start + 4 : end - 3]]
            done = end - 3
    return "".join((*pieces, _BLACK.sub(" ", text[done:])))


_BLACK = re.compile(r"[^\n]")
_OPENER = re.compile(r"<!--|(?<!`)`+|^[ \t>]*(?:`{3,}|~{3,})[^`\n]*$", re.MULTILINE)
_GAP = re.compile(r"\n[ \t]*\n")


def _masked(text: str) -> Iterator[tuple[int, int, str]]:
    """Comments, blocks and code spans; what opens first wins, as in Markdown."""
    lines = text.split("\n")
    starts = _line_starts(lines)
    blocks = {starts[i]: starts[end] + len(lines[end]) for i, (end, _) in fences(lines)[0].items()}
    comments_end = text.rfind("-->")
    spans_end = _SpanEnds(text)
    at = 0
    while match := _OPENER.search(text, at):
        at = match.end()
        kind, end = "span", 0
        if match.group() == "<!--":
            kind, end = "comment", text.find("-->", at) + 3 if at <= comments_end else 0
        elif match.start() in blocks:
            kind, end = "block", blocks[match.start()]
        elif set(match.group()) == {"`"}:
            end = spans_end.after(at, match.group())
        if end:
            yield match.start(), end, kind
            at = end


def _line_starts(lines: list[str]) -> list[int]:
    starts, at = [], 0
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    return starts


class _SpanEnds:
    """Where code spans end; remembers what it looked for, to stay linear on hostile text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.gaps = [gap.start() for gap in _GAP.finditer(text)]
        self.hopeless: set[tuple[int, int]] = set()

    def after(self, at: int, ticks: str) -> int:
        """The end of a span that opened before ``at``, in its paragraph; 0 if none closes it."""
        next_gap = bisect_left(self.gaps, at)
        limit = self.gaps[next_gap] if next_gap < len(self.gaps) else len(self.text)
        if (limit, len(ticks)) in self.hopeless:
            return 0
        close = re.compile(f"(?<!`)`{{{len(ticks)}}}(?!`)").search(self.text, at, limit)
        if close is None:
            self.hopeless.add((limit, len(ticks)))
            return 0
        return close.end()
