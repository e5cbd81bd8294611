"""Read a constitution: spec-kit's Markdown form, or a plain list of principles."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from governance.base.encoding import decode
from governance.base.findings import Finding, Severity, distinct
from governance.base.frontmatter import split_frontmatter
from governance.base.keys import Keys
from governance.base.outline import Item, Outline, blank_out, outline
from governance.constitution.lint import (
    Placeholder,
    placeholder_findings,
    placeholders,
    vague_findings,
)
from governance.constitution.names import plain_title, principle_key, same_principle

__all__ = ["parse_constitution", "principle_key", "same_principle"]

_PRINCIPLES = re.compile(r"(core |guiding |our |the )*(principles|articles)", re.IGNORECASE)
_NUMBERED = re.compile(
    r"^(?:(?:[Aa]rticles?|[Pp]rinciple)\s+)?([IVXLC]+|\d{1,3})\s*(?:[.):—–-]|(?=,|&))\s*\S"
)
_GOVERNANCE = re.compile(r"\bgovernance\b|\bamend(?:ment|ments|ing)\b", re.IGNORECASE)
_NON_NEGOTIABLE = re.compile(r"\bnon[- ]negotiable\b", re.IGNORECASE)
_STRICT = re.compile(r"\b(?:MUST|SHALL|REQUIRED|NEVER|ALWAYS)\b")
_SOFT = re.compile(r"\b(?:SHOULD|RECOMMENDED|MAY)\b")
_SOFT_PROSE = re.compile(r"\bshould\b|\bprefer", re.IGNORECASE)
_STRICT_PROSE = re.compile(r"\b(?:must|shall|never|always|required)\b", re.IGNORECASE)
_ALIASES = re.compile(
    r"(?:\*\*|_)?(?:also known as|aliases|alias|also called)(?:\*\*|_)?\s*:?(?:\*\*|_)?\s*:?\s*"
    r"([^.\n]{2,200})",
    re.IGNORECASE,
)
_ALSO = re.compile(r"\(also:[ \t]*([^()\n]{2,200})\)", re.IGNORECASE)
_META = re.compile(
    r"(?<!\w)(?:\*\*|__)?(Version|Ratified|Last[ \t]Amended)(?:\*\*|__)?[ \t]?:(?:\*\*|__)?[ \t]*"
    r"([^|\n*]*)",
    re.IGNORECASE,
)
_SEMVER = re.compile(r"^v?(\d+\.\d+\.\d+)$")
_BOLD_LEAD = re.compile(r"^(?:\*\*|__)(.+?)(?:\*\*|__)[ \t]*[:.—–-]*[ \t]*(.*)$", re.DOTALL)
_PLAIN_LEAD = re.compile(r"^([^:.]{2,80}?)(?::[ \t]+|[ \t]+[—–][ \t]+)(.*)$", re.DOTALL)


_META_FORM = (
    "End the document with **Version**: 1.0.0 | **Ratified**: 2026-05-31 | "
    "**Last Amended**: 2026-05-31."
)


class Level(StrEnum):
    MUST = "MUST"
    SHOULD = "SHOULD"


@dataclass(frozen=True, slots=True)
class ParsedPrinciple:
    """``key`` is shared by all names of the principle; ``number`` is its place, from 1."""

    key: str
    number: int
    title: str
    text: str
    level: Level
    non_negotiable: bool
    aliases: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class ParsedSection:
    title: str
    level: int
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class ParsedConstitution:
    """``version`` and the dates are what the document says, empty where it says nothing valid."""

    text: str
    title: str
    principles: tuple[ParsedPrinciple, ...]
    governance_text: str
    sections: tuple[ParsedSection, ...]
    version: str
    ratified: date | None
    last_amended: date | None
    placeholders: tuple[Placeholder, ...]
    findings: tuple[Finding, ...]

    @property
    def is_ratifiable(self) -> bool:
        """No placeholder and no other error; vague words are acknowledged elsewhere."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    def free_sections(self) -> Iterator[tuple[str, str]]:
        """Title and text of what is neither a principle nor about governance, nor their title."""
        taken = {principle.line for principle in self.principles}
        below = 0
        for at, section in enumerate(self.sections):
            if below and section.level > below:
                continue
            below = 0
            after = self.sections[at + 1].line if at + 1 < len(self.sections) else 1 << 30
            if section.line in taken or _is_about_governance(section.title, section.level):
                below = section.level
            elif not any(section.line < line < after for line in taken):
                title = "Preamble" if section.level == 1 and not at else plain_title(section.title)
                if section.text.strip() or not _PRINCIPLES.fullmatch(title):
                    yield title, section.text

    def as_dict(self) -> dict[str, Any]:
        """Everything but the text as JSON values."""
        whole = asdict(self)
        del whole["text"]
        whole["findings"] = [finding.as_dict() for finding in self.findings]
        for name in ("ratified", "last_amended"):
            whole[name] = whole[name].isoformat() if whole[name] else None
        return whole


def parse_constitution(raw: bytes) -> ParsedConstitution:
    """Read the bytes of a constitution. Never raises; what is wrong is among the findings."""
    decoded = decode(raw)
    front = split_frontmatter(decoded.text)
    first_line = front.body_line if front.present else 1
    body = "\n" * (first_line - 1) + front.body
    document = _Document(body)
    meta = _Meta(body)
    unfilled = placeholders(body)
    principles = document.principles()
    governance = document.governance({principle.line for principle in principles})
    return ParsedConstitution(
        text=decoded.text,
        title=document.title(),
        principles=principles,
        governance_text=governance,
        sections=document.sections(),
        version=meta.version,
        ratified=meta.ratified,
        last_amended=meta.last_amended,
        placeholders=unfilled,
        findings=distinct(
            [
                *decoded.findings,
                *(front.findings if front.present else ()),
                *placeholder_findings(unfilled),
                *vague_findings(body),
                *meta.findings,
                *_shape_findings(document, principles, governance),
            ]
        ),
    )


def _is_about_governance(title: str, level: int) -> bool:
    return level > 1 and bool(_GOVERNANCE.search(title))


class _Document:
    """The outline of a constitution and the text below each of its headings."""

    def __init__(self, body: str) -> None:
        self.lines = blank_out(body, spans=False, blocks=False).split("\n")
        self.found: Outline = outline("\n".join(self.lines))

    def title(self) -> str:
        first = self.found.headings[0] if self.found.headings else None
        return plain_title(first.text) if first and first.level == 1 else ""

    def sections(self) -> tuple[ParsedSection, ...]:
        return tuple(
            ParsedSection(heading.text, heading.level, self.text_below(i, deep=False), heading.line)
            for i, heading in enumerate(self.found.headings)
        )

    def governance(self, principles: set[int]) -> str:
        """All that stands below headings about governance and amendments."""
        found: list[str] = []
        below = 0
        for i, heading in enumerate(self.found.headings):
            if below and heading.level > below:
                continue
            below = 0
            if heading.line in principles:
                below = heading.level
            elif _is_about_governance(heading.text, heading.level):
                below = heading.level
                found.append(self.text_below(i))
        return "\n\n".join(found)

    def text_below(self, index: int, *, deep: bool = True) -> str:
        """The text of a section, with that of its subsections where ``deep``."""
        headings = self.found.headings
        level = headings[index].level
        end = len(self.lines)
        for heading in headings[index + 1 :]:
            if heading.level <= level or not deep:
                end = heading.line - 1
                break
        return "\n".join(self.lines[headings[index].line : end]).strip().rstrip("-").rstrip()

    def principles(self) -> tuple[ParsedPrinciple, ...]:
        """Below a heading Principles; else numbered headings; else the one list there is."""
        keys = Keys()
        found = self._below_principles() or self._numbered_headings() or self._plain_list()
        return tuple(
            _principle(keys, number, title, text, line)
            for number, (title, text, line) in enumerate(found, start=1)
        )

    def _below_principles(self) -> list[tuple[str, str, int]]:
        for i, heading in enumerate(self.found.headings):
            if heading.level > 1 and _PRINCIPLES.fullmatch(plain_title(heading.text)):
                return self._headed(self.found.children(i)) or self._listed(i)
        return []

    def _numbered_headings(self) -> list[tuple[str, str, int]]:
        headings = self.found.headings
        numbered = [i for i, heading in enumerate(headings) if _NUMBERED.match(heading.text)]
        articles = [i for i in numbered if headings[i].text[:7].lower() == "article"]
        return self._headed(articles or numbered)

    def _headed(self, indexes: list[int]) -> list[tuple[str, str, int]]:
        headings = self.found.headings
        return [(headings[i].text, self.text_below(i), headings[i].line) for i in indexes]

    def _listed(self, section: int) -> list[tuple[str, str, int]]:
        return [_from_item(item) for item in self._outer_items() if item.section == section]

    def _plain_list(self) -> list[tuple[str, str, int]]:
        """A document of one heading at most, where the list itself is the law."""
        if len(self.found.headings) > 1:
            return []
        return [_from_item(item) for item in self._outer_items()]

    def _outer_items(self) -> Iterator[Item]:
        return (item for item in self.found.items if item.depth == 0)


def _from_item(item: Item) -> tuple[str, str, int]:
    match = _BOLD_LEAD.match(item.text) or _PLAIN_LEAD.match(item.text)
    title, text = (match[1], match[2]) if match else (item.text, "")
    return title, text or item.text, item.line


def _principle(keys: Keys, number: int, title: str, text: str, line: int) -> ParsedPrinciple:
    plain = plain_title(title)
    non_negotiable = bool(_NON_NEGOTIABLE.search(title) or "NON-NEGOTIABLE" in text)
    return ParsedPrinciple(
        key=keys.take(principle_key(title)),
        number=number,
        title=plain or title,
        text=text,
        level=_level(title, text, non_negotiable),
        non_negotiable=non_negotiable,
        aliases=_aliases(title, text),
        line=line,
    )


def _level(title: str, text: str, non_negotiable: bool) -> Level:
    """RFC 2119 capitals decide; without any, a principle that only advises is a SHOULD."""
    said = f"{title}\n{text}"
    if non_negotiable or _STRICT.search(said):
        return Level.MUST
    if _SOFT.search(said):
        return Level.SHOULD
    advises = _SOFT_PROSE.search(said) and not _STRICT_PROSE.search(said)
    return Level.SHOULD if advises else Level.MUST


def _aliases(title: str, text: str) -> tuple[str, ...]:
    """From a line "Also known as: X, Y", and from "(also: X)" in the title or the text."""
    said = [*_ALSO.findall(f"{title}\n{text}")]
    if match := _ALIASES.search(text):
        said.append(match[1])
    parts = [part for names in said for part in re.split(r"\s*[,;]\s*|\s+or\s+", names)]
    names = (name for part in parts if (name := part.strip(" *_\"'“”")))
    return tuple(dict.fromkeys(names))


class _Meta:
    """The version line at the end of the document."""

    def __init__(self, body: str) -> None:
        self.findings: list[Finding] = []
        self._found = {
            re.sub(r"\s+", " ", match[1].lower()): (match[2].strip(" *_"), match.start())
            for match in _META.finditer(blank_out(body, spans=False))
        }
        self._body = body
        self.version = self._read_version()
        self.ratified = self._read_date("ratified", "RATIFIED")
        self.last_amended = self._read_date("last amended", "LAST_AMENDED")
        if self.ratified and self.last_amended and self.last_amended < self.ratified:
            self._report(
                "AMENDED_BEFORE_RATIFIED",
                "last amended",
                "It says that it was amended before it was ratified.",
            )

    def _read_version(self) -> str:
        value = self._found.get("version", ("", 0))[0]
        match = _SEMVER.match(value)
        if match:
            return match[1]
        if not value:
            self._report("VERSION_MISSING", "version", "The document names no version.")
        elif not _is_unfilled(value):
            self._report("VERSION_MALFORMED", "version", f"“{value}” is no version such as 1.2.0.")
        return ""

    def _read_date(self, label: str, code: str) -> date | None:
        value = self._found.get(label, ("", 0))[0]
        if not value:
            self._report(
                f"{code}_MISSING", label, f"The document does not say when it was {label}."
            )
            return None
        try:
            return date.fromisoformat(value[:10]) if len(value) == 10 else _no_date(value)
        except ValueError:
            if not _is_unfilled(value):
                self._report(
                    f"{code}_MALFORMED", label, f"“{value}” is no date such as 2026-05-31."
                )
            return None

    def _report(self, code: str, label: str, message: str) -> None:
        at = self._found[label][1] if label in self._found else 0
        line = self._body.count("\n", 0, at) + 1 if label in self._found else 0
        self.findings.append(
            Finding(code, Severity.WARNING, line, message, _META_FORM, excerpt=label)
        )


def _no_date(value: str) -> date:
    raise ValueError(value)


def _is_unfilled(value: str) -> bool:
    """A placeholder is reported as one."""
    return value.startswith(("[", "<", "{", "TODO"))


def _shape_findings(
    document: _Document, principles: tuple[ParsedPrinciple, ...], governance: str
) -> Iterator[Finding]:
    if not document.title():
        yield Finding(
            "NO_TITLE",
            Severity.WARNING,
            1,
            "The document has no title.",
            "Start with a line such as # Example Constitution.",
        )
    if not principles:
        yield Finding(
            "NO_PRINCIPLES",
            Severity.ERROR,
            0,
            "No principle was found.",
            "Write each principle as a heading below ## Core Principles, or as one list.",
        )
    if not governance:
        yield Finding(
            "NO_GOVERNANCE",
            Severity.WARNING,
            0,
            "The document does not say how it is amended.",
            "Add the section ## Governance.",
        )
    for line in document.found.unclosed:
        yield Finding(
            "UNCLOSED_FENCE",
            Severity.WARNING,
            line,
            "A code block starts here and never ends; it was read as text.",
            "Close the block, or remove this line.",
        )
    yield from _twins(principles)


def _twins(principles: tuple[ParsedPrinciple, ...]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for principle in principles:
        shared = principle_key(principle.title)
        if shared in seen:
            yield Finding(
                "PRINCIPLE_TWICE",
                Severity.WARNING,
                principle.line,
                f"“{principle.title}” is another name of “{seen[shared]}”.",
                "Join the two, or rename one.",
                excerpt=principle.key,
            )
        seen.setdefault(shared, principle.title)
