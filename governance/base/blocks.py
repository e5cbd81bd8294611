"""The block of named lines that agents print when they escalate.

``Task: ...``, ``Options:`` with bullets, then free lines. Read here without judging it: the
same grammar serves the examples in a definition and the cases that runners send.
"""

import re
import textwrap
from dataclasses import dataclass, field
from typing import Any

from governance.base.keys import Keys
from governance.base.outline import fences

KNOWN_FIELDS = (
    "Agent",
    "Task",
    "Problem",
    "Attempted",
    "Options",
    "Impact",
    "Constitutional_Impact",
)
_KNOWN = {name.lower(): name for name in KNOWN_FIELDS}
_NAMED = re.compile(
    r"^(?P<bullet>[-*+•][ \t]+)?(?P<bold>\*\*|__)?(?P<name>[A-Za-z][\w /-]{0,60}?)"
    r"(?:(?:\*\*|__)?[ \t]?:(?!//)(?:\*\*|__)?)[ \t]*(?P<text>.*)$"
)
_HEADED = re.compile(r"^#{1,6}[ \t]+(?P<name>[A-Za-z][\w /-]{0,60}?)[ \t]?:?$")
_BULLET = re.compile(r"^([ \t]*)(?:[-*+•]|\d{1,3}[.)]|[A-Z][.)])[ \t]+(\S.*)$")
_LETTERED = re.compile(r"^()Option[ \t]+\w{1,3}[ \t]*[:.)–—-][ \t]*(\S.*)$", re.IGNORECASE)
_BOLD_LABEL = re.compile(r"^\*\*(.+?)\*\*[ \t]*[:—–-]?[ \t]*(.*)$")
_DASHED_LABEL = re.compile(r"^([^:—–]{1,80}?)(?:[ \t]*:[ \t]+|[ \t]+[—–-][ \t]+)(.+)$")
_PRO_OR_CON = re.compile(
    r"^(?:\*\*)?(Pros?|Cons?)(?:\*\*)?[ \t]?:(?:\*\*)?[ \t]*(.*)$", re.IGNORECASE
)
_INLINE = re.compile(r";|[ \t]\|[ \t]|(?:^|(?<=[ \t,]))(?:\d{1,2}|[A-H])[.)][ \t]")
_ORNAMENT = re.compile(r"^[^\w\[(“\"'`]+")


@dataclass(frozen=True, slots=True)
class Option:
    key: str
    label: str
    description: str = ""
    pros: tuple[str, ...] = ()
    cons: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Only what is there, as the raise payload wants it."""
        full = {
            "key": self.key,
            "label": self.label,
            "description": self.description,
            "pros": list(self.pros),
            "cons": list(self.cons),
        }
        return {name: value for name, value in full.items() if value}


@dataclass(slots=True)
class Named:
    """One named line with all that belongs to it; ``name`` in the spelling of the contract."""

    name: str
    line: int
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.parts).strip()


@dataclass(frozen=True, slots=True)
class Block:
    title: str
    fields: tuple[Named, ...]
    options: tuple[Option, ...]
    notes: tuple[str, ...]


def read_block(text: str) -> Block:
    """Read a block, fenced or not. Never raises."""
    inner, first_line, around = _unfenced(text)
    return _BlockReader(textwrap.dedent(inner).split("\n"), first_line, around).read()


def field_name(written: str) -> str:
    """``Constitutional Impact`` and ``constitutional-impact`` are ``Constitutional_Impact``."""
    name = re.sub(r"[\s/-]+", "_", written.strip())
    return _KNOWN.get(name.lower(), name)


def bullets(text: str) -> tuple[str, ...]:
    """The bullets of a text, or the text as one, or nothing."""
    found = [match[2].strip() for line in text.split("\n") if (match := _BULLET.match(line))]
    return tuple(found) or ((text,) if text else ())


def plain_title(text: str) -> str:
    """A title without heading marks, emoji, bold marks and closing colon."""
    return _ORNAMENT.sub("", text).rstrip(" \t:*_#").strip()


def _unfenced(text: str) -> tuple[str, int, tuple[str, ...]]:
    """The first fenced block that names known fields, its first line, and the lines around it."""
    lines = text.split("\n")
    for opening, (closing, _) in fences(lines)[0].items():
        inner = lines[opening + 1 : closing]
        if sum(_names_known(line.strip()) for line in inner) >= 2:
            around = (line.strip() for line in lines[:opening] + lines[closing + 1 :])
            return "\n".join(inner), opening + 2, tuple(line for line in around if line)
    return text, 1, ()


def _names_known(line: str) -> bool:
    match = _NAMED.match(line) or _HEADED.match(line)
    return match is not None and field_name(match["name"]) in KNOWN_FIELDS


def _named(line: str) -> tuple[str, str] | None:
    """Name and text of a line that starts a field."""
    match = _NAMED.match(line)
    if match is None:
        match = _HEADED.match(line)
        known = match is not None and field_name(match["name"]) in KNOWN_FIELDS
        return (field_name(match["name"]), "") if match and known else None
    name = field_name(match["name"])
    if name in KNOWN_FIELDS or (_is_title_case(match["name"]) and not match["bullet"]):
        return name, match["text"].strip()
    return (name, match["text"].strip()) if match["bold"] and match["bullet"] else None


def _is_title_case(name: str) -> bool:
    parts = name.split()
    if len(parts) > 5 or re.match(r"option\b", name, re.IGNORECASE):
        return False
    return "_" in name or all(part[0].isupper() or part in {"of", "and"} for part in parts)


class _BlockReader:
    def __init__(self, lines: list[str], first_line: int, around: tuple[str, ...]) -> None:
        self.lines = lines
        self.first_line = first_line
        self.notes = list(around)
        self.title = ""
        self.fields: list[Named] = []
        self.options = _Options()
        self.last_field = max(
            (i for i, line in enumerate(lines) if _named(line.rstrip())), default=-1
        )

    def read(self) -> Block:
        after_blank = True
        for i, line in enumerate(self.lines):
            if line.strip():
                self._line(line.rstrip(), i, after_blank)
            after_blank = not line.strip()
        self._inline_options()
        return Block(
            self.title, tuple(self.fields), tuple(self.options.finished()), tuple(self.notes)
        )

    def _line(self, line: str, i: int, after_blank: bool) -> None:
        current = self.fields[-1] if self.fields else None
        named = _named(line)
        if current is None and not self.title and self._is_title(line, named):
            self.title = plain_title(line)
        elif current is not None and current.name == "Options" and self._option(line, named):
            current.parts.append(line)
        elif named is not None:
            self.fields.append(Named(named[0], i + self.first_line, [named[1]] if named[1] else []))
        elif current is not None and self._goes_on(line, i, current, after_blank):
            self._append(current, line)
        else:
            self.notes.append(line.strip())

    def _append(self, current: Named, line: str) -> None:
        current.parts.append(line if _BULLET.match(line) else line.strip())
        if current.name == "Options" and self.options.found:
            self.options.detail(line.strip())

    def _is_title(self, line: str, named: tuple[str, str] | None) -> bool:
        if named is not None and (named[0] in KNOWN_FIELDS or named[1]):
            return bool(_ORNAMENT.match(line)) and named[0] not in KNOWN_FIELDS
        looks_like_one = line.rstrip("*_ ").endswith(":") or _ORNAMENT.match(line) is not None
        return looks_like_one and bool(plain_title(line))

    def _option(self, line: str, named: tuple[str, str] | None) -> bool:
        if named is not None and named[0] in KNOWN_FIELDS:
            return False
        match = _BULLET.match(line) or _LETTERED.match(line)
        if match is None:
            if line.startswith((" ", "\t")):
                self.options.detail(line.strip())
                return True
            return False
        self.options.bullet(len(match[1].expandtabs(4)), match[2].strip())
        return True

    def _goes_on(self, line: str, i: int, current: Named, after_blank: bool) -> bool:
        """Whether a line without a name belongs to the field above it."""
        if not current.parts or line.startswith((" ", "\t")) or _BULLET.match(line):
            return True
        return i < self.last_field or (not after_blank and line[0].islower())

    def _inline_options(self) -> None:
        for named in self.fields:
            if named.name == "Options" and not self.options.found:
                for part in _INLINE.split(named.text.replace("\n", " ")):
                    if part.strip(" \t,"):
                        self.options.bullet(0, part.strip(" \t,"))


class _Options:
    """Collects options; deeper bullets are their details."""

    def __init__(self) -> None:
        self.found: list[_OptionDraft] = []
        self.side: list[str] | None = None

    def bullet(self, indent: int, text: str) -> None:
        if self.found and indent > self.found[0].indent:
            self.detail(text)
            return
        self.side = None
        self.found.append(_option_draft(indent, text))

    def detail(self, text: str) -> None:
        if not self.found:
            self.bullet(0, text)
            return
        option = self.found[-1]
        match = _PRO_OR_CON.match(text)
        bare = _BULLET.sub(r"\2", text)
        if match:
            self.side = option.pros if match[1].lower().startswith("pro") else option.cons
            if match[2]:
                self.side.append(match[2])
        elif self.side is not None:
            self.side.append(bare)
        else:
            option.description.append(bare)

    def finished(self) -> list[Option]:
        keys = Keys()
        return [
            Option(
                keys.take(draft.label),
                draft.label,
                " ".join(draft.description).strip(),
                tuple(draft.pros),
                tuple(draft.cons),
            )
            for draft in self.found
        ]


@dataclass(slots=True)
class _OptionDraft:
    indent: int
    label: str
    description: list[str]
    pros: list[str] = field(default_factory=list)
    cons: list[str] = field(default_factory=list)


def _option_draft(indent: int, text: str) -> _OptionDraft:
    label, description = _label_and_description(text)
    return _OptionDraft(indent, label.replace("**", "").strip(" :*"), [description])


def _label_and_description(text: str) -> tuple[str, str]:
    """``JWT tokens (stateless, more complex)`` is a label with a description."""
    if text.endswith(")") and " (" in text:
        label, description = text[:-1].split(" (", 1)
        return label, description
    match = _BOLD_LABEL.match(text) or _DASHED_LABEL.match(text)
    if match:
        return match[1], match[2].strip()
    return text, ""
