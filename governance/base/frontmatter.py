"""YAML frontmatter, read tolerantly and safely: whatever is wrong with it is a finding."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import yaml

from governance.base.findings import Finding, Severity
from governance.base.yaml_nodes import Refused, read_mapping

MAX_CHARS = 64 * 1024
_FENCE = "---"
_TITLE = re.compile(r"^#{1,6} +\S")
_CLOSERS = frozenset({"---", "..."})
_PAIR = re.compile(r"^([A-Za-z_][\w.-]*)[ \t]*:(?:[ \t]+(.*)|)$")
_DASH = re.compile(r"^\s*-\s+(.*)$")
_BLOCK_SCALAR = re.compile(r"^[|>][-+0-9]*$")
_QUOTED = re.compile(r"""^(["'])(.*)\1$""")
# How dialogues in a description begin; they look like keys, and stand there again and again.
_SPOKEN = frozenset({"user", "assistant", "human", "Context", "User", "Assistant", "Human"})
_UNSAFE_PLAIN = re.compile(r":(?:\s|$)|\s#|^[\s*&!%@`|>{}\[\],?\-#\"']")


@dataclass(frozen=True, slots=True)
class Frontmatter:
    """What stands between the two ``---`` lines.

    ``data`` holds JSON values only; ``texts`` the scalars of the first level as they were
    written, so that version ``1.10`` stays ``1.10``. ``lines`` tells where each key stands and
    ``body_line`` on which line the text after the frontmatter starts.
    """

    data: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    raw: str = ""
    body: str = ""
    body_line: int = 1
    present: bool = False
    parsed: bool = False
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the frontmatter is: ``lines[start:end]``, the body from ``body``."""

    start: int
    end: int
    body: int
    findings: tuple[Finding, ...] = ()


def split_frontmatter(text: str) -> Frontmatter:
    """Split a text with ``\\n`` line ends and read its frontmatter. Never raises."""
    lines = text.split("\n")
    place = _find(lines)
    if place is None:
        return Frontmatter(body=text, findings=(_missing(),))
    raw, read = _read_place(lines, place)
    sooner = None if read.parsed else _sooner_end(lines, place)
    if sooner:
        place = sooner
        raw, read = _read_place(lines, place)
    return Frontmatter(
        data=read.data,
        texts=read.texts,
        lines=read.lines,
        raw=raw,
        body="\n".join(lines[place.body :]),
        body_line=place.body + 1,
        present=True,
        parsed=read.parsed,
        findings=place.findings + read.findings,
    )


def _read_place(lines: list[str], place: _Place) -> tuple[str, Frontmatter]:
    own = lines[place.start : place.end]
    raw = "\n".join(own)
    return raw, _read(raw, own, place.start + 1)


def _sooner_end(lines: list[str], place: _Place) -> _Place | None:
    """Where the frontmatter ends, if the line that seemed to close it is a ruler in the text."""
    end = _likely_end(lines, place.start)
    between = lines[end : place.end]
    is_text = end < place.body - 1 and not between[0].strip()
    if end == place.start or not is_text or not any(_TITLE.match(line) for line in between):
        return None
    return _Place(place.start, end, end, (*place.findings, _unterminated(place.start)))


def _missing() -> Finding:
    return Finding(
        "FRONTMATTER_MISSING",
        Severity.ERROR,
        1,
        "The file has no frontmatter, so it names neither itself nor its tools.",
        "Start the file with --- and at least name and description, then --- again.",
    )


def _find(lines: list[str]) -> _Place | None:
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is None or lines[first].rstrip() != _FENCE:
        return None
    late = (_after_blank(first),) if first else ()
    for i in range(first + 1, len(lines)):
        if lines[i].rstrip() in _CLOSERS:
            return _Place(first + 1, i, i + 1, late)
    end = _likely_end(lines, first + 1)
    if end == first + 1:
        return None
    return _Place(first + 1, end, end, (*late, _unterminated(first + 1)))


def _after_blank(first: int) -> Finding:
    return Finding(
        "FRONTMATTER_AFTER_BLANK_LINE",
        Severity.WARNING,
        first + 1,
        "Blank lines stand before the frontmatter; harnesses then ignore it.",
        "Remove the blank lines at the start of the file.",
    )


def _unterminated(line: int) -> Finding:
    return Finding(
        "FRONTMATTER_UNTERMINATED",
        Severity.ERROR,
        line,
        "The frontmatter has no closing --- line; it was read up to the first line of text.",
        "Close the frontmatter with a line that holds only ---.",
    )


def _likely_end(lines: list[str], start: int) -> int:
    end = start
    for i in range(start, len(lines)):
        line = lines[i]
        if _PAIR.match(line) or (end > start and (_DASH.match(line) or line.startswith(" "))):
            end = i + 1
        else:
            break
    return end


def _read(raw: str, lines: list[str], first_line: int) -> Frontmatter:
    if len(raw) > MAX_CHARS:
        return _too_large(first_line)
    try:
        mapping = read_mapping(f"{raw}\n", first_line)
    except Refused as refused:
        return _by_line(lines, first_line, refused.finding)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return _by_line(lines, first_line, _unparseable(error, raw, first_line))
    return Frontmatter(
        data=mapping.data,
        texts=mapping.texts,
        lines=mapping.lines,
        parsed=True,
        findings=tuple(mapping.findings),
    )


def _too_large(line: int) -> Frontmatter:
    finding = Finding(
        "FRONTMATTER_TOO_LARGE",
        Severity.ERROR,
        line,
        f"The frontmatter is larger than {MAX_CHARS // 1024} KB and was not read.",
        "Move the long text below the frontmatter.",
    )
    return Frontmatter(findings=(finding,))


def _unparseable(error: Exception, raw: str, first_line: int) -> Finding:
    line = first_line + _lines_before(error, raw)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None)
    return Finding(
        "FRONTMATTER_UNPARSEABLE",
        Severity.ERROR,
        line,
        f"The frontmatter is not valid YAML ({reason or 'it cannot be read'}). "
        "The simple lines were read one by one.",
        "Put values that hold a colon or start with a special character in quotes.",
        excerpt=str(reason or ""),
    )


def _lines_before(error: Exception, raw: str) -> int:
    """How many lines stand before the place of an error; a control character has no mark.

    What is left open to the end is reported behind the line end that reading adds.
    """
    mark = getattr(error, "problem_mark", None)
    if mark:
        return min(int(mark.line), raw.count("\n"))
    return raw.count("\n", 0, getattr(error, "position", 0))


def _by_line(lines: list[str], first_line: int, why: Finding) -> Frontmatter:
    """Read simple ``key: value`` lines where the whole is not YAML."""
    found = Frontmatter(findings=(why,))
    findings = [why]
    for key, value, at in _pairs(lines):
        line = first_line + at
        if key in found.data:
            findings.append(_duplicate(key, line))
        found.data[key] = value
        found.lines[key] = line
        if isinstance(value, str):
            found.texts[key] = value
        needs_quotes = _quoting_fix(lines[at], line, goes_on=bool(_continued(lines, at + 1)))
        if needs_quotes:
            findings.append(needs_quotes)
    return Frontmatter(found.data, found.texts, found.lines, findings=tuple(findings))


def _duplicate(key: str, line: int) -> Finding:
    return Finding(
        "DUPLICATE_KEY",
        Severity.ERROR,
        line,
        f"The key “{key}” stands there twice; the last one counts here, elsewhere the first may.",
        "Keep one of them.",
        excerpt=key,
    )


def _pairs(lines: list[str]) -> Iterator[tuple[str, Any, int]]:
    for at, line in enumerate(lines):
        match = _PAIR.match(line)
        if match and starts_key(line):
            value = (match[2] or "").strip()
            yield match[1], _simple_value(value, lines, at + 1), at


def starts_key(line: str) -> bool:
    """Whether a line names a key, and is no line of a dialogue in the value before."""
    match = _PAIR.match(line)
    return match is not None and match[1] not in _SPOKEN


def _simple_value(value: str, lines: list[str], after: int) -> Any:
    if not value or _BLOCK_SCALAR.match(value):
        return _indented(lines, after)
    if value.startswith("[") and value.endswith("]"):
        return [_unquoted(part) for part in value[1:-1].split(",") if part.strip()]
    return "\n".join((_unquoted(value), *_continued(lines, after)))


def _continued(lines: list[str], after: int) -> list[str]:
    """The lines of text that go on with a value, up to the next key."""
    own = [line.strip() for line in takewhile(lambda line: not starts_key(line), lines[after:])]
    while own and not own[-1]:
        own.pop()
    return own


def _indented(lines: list[str], after: int) -> Any:
    own = []
    for line in lines[after:]:
        if line.strip() and not line.startswith((" ", "\t", "-")):
            break
        own.append(line)
    dashes = [match[1] for line in own if (match := _DASH.match(line))]
    if dashes:
        return [_unquoted(dash) for dash in dashes]
    return "\n".join(line.strip() for line in own).strip()


def _unquoted(value: str) -> str:
    value = value.strip()
    match = _QUOTED.match(value)
    return match[2] if match else value


def _quoting_fix(line: str, number: int, *, goes_on: bool) -> Finding | None:
    match = _PAIR.match(line)
    value = (match[2] or "").strip() if match else ""
    if match is None or not _needs_quotes(value):
        return None
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return Finding(
        "UNQUOTED_VALUE",
        Severity.WARNING,
        number,
        f"The value of “{match[1]}” holds characters that mean something in YAML.",
        "Put the value in double quotes.",
        excerpt=match[1],
        replacement=None if goes_on else f'{match[1]}: "{escaped}"',
    )


def _needs_quotes(value: str) -> bool:
    if not value or _BLOCK_SCALAR.match(value) or _QUOTED.match(value):
        return False
    if value.startswith(("[", "{")) and value.endswith(("]", "}")):
        return False
    return bool(_UNSAFE_PLAIN.search(value))
