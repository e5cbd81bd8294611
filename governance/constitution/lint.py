"""What a constitution may not hold as law: placeholders, and words without a measure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from governance.base.findings import Finding, Severity
from governance.base.outline import blank_out

_BRACKETS = re.compile(r"(?<![\\\]!])\[([^\[\]\n]{1,200})\](?![(\[])")
_DEFINITION = re.compile(r"^ {0,3}\[([^\[\]\n]{1,200})\]:[ \t]*\S", re.MULTILINE)
_CAPITALS = re.compile(r"^[A-Z][A-Z0-9]*(?:[ _/-]+[A-Z0-9]+)*(?::.*)?$")
_CITED = re.compile(
    r"^(?:RFC|ISO|IEC|BCP|STD|IEEE|NIST|OWASP|CVE|W3C|ADR|PEP|EU|GDPR)\b|^\d|^.{1,2}$"
)
_HINT = re.compile(
    r"^(?:e\.?g\b|i\.?e\b|for example|examples?\b|your\b|insert\b|describe\b|add\b|list\b|name of\b"
    r"|fill\b|choose\b|specif|replace\b|enter\b|define\b|state\b|tbd\b|todo\b"
    r"|to be (?:defined|filled)|the name\b"
    r"|(?:project|principle|section|company|organi[sz]ation|team|product|service)"
    r"(?:'s)? (?:name|title|description|content|goal)s?\b|(?:date|name|version|project|yyyy.*)$)",
    re.IGNORECASE,
)
_BRACES = re.compile(r"\{\{[^{}\n]{1,100}\}\}|\{[A-Z][A-Z0-9_]{2,60}\}")
_ANGLES = re.compile(r"(?<![\w\\<])<(?![!/?])((?:[A-Za-z]|\.\.\.|…)[^<>]{0,400})>")
_LINK = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|[^\s@]+@[^\s@]+$)", re.IGNORECASE)
_HTML = re.compile(
    r"^(?:a|abbr|b|big|blockquote|br|cite|code|col|dd|del|details|div|dl|dt|em|figcaption|figure"
    r"|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p|picture|pre|q|s|samp|small|source|span|strong|sub"
    r"|summary|sup|table|tbody|td|tfoot|th|thead|tr|u|ul|var|video)(?:[\s/]|$)",
    re.IGNORECASE,
)
_LATER = re.compile(r"\bTODO\([A-Z_]{2,60}\)|(?<=[:|])[ *]*\b(?:TBD|TODO)\b")
_NUMBERED_DUMMY = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+|(?:[-*+]|\d{1,3}[.)])[ \t]+)(?:\*\*)?"
    r"((?:Principle|Guideline|Article|Rule|Section) (?:\d{1,3}|[A-Z]))(?:\*\*)?[ \t]*$",
    re.MULTILINE,
)

_VAGUE = re.compile(
    r"\b(?:(?<!fail )(?<!fail-)fast(?:er)?(?!-forward)|quick(?:ly)?|user-friendly"
    r"|appropriate(?:ly)?"
    r"|adequate(?:ly)?|robust(?:ly)?|intuitive(?:ly)?|reasonabl[ey]|sufficient(?:ly)?|timely"
    r"|seamless(?:ly)?|performant|responsive|high[- ]quality|state[- ]of[- ]the[- ]art"
    r"|best[- ]effort"
    r"|easy to use|easily|efficient(?:ly)?|scalable|flexible|as needed|as appropriate|as required"
    r"|as far as possible|as (?:soon|much|little) as possible|(?:where|when|if|whenever|wherever)"
    r"(?:ever)? (?:possible|practical|practicable|feasible|appropriate|necessary|needed|applicable)"
    r"|where it makes sense|good enough|and so on|etc)\b",
    re.IGNORECASE,
)
_MEASURE = re.compile(
    r"(?<!\d)\d{1,15}(?:[.,]\d{1,15})?\s{0,3}(?:%|(?:percent|ms|milliseconds?|s|secs?|seconds?"
    r"|minutes?|mins?|hours?|h|days?|weeks?|months?|[kmgt]i?b|bytes|requests|rps|lines|users"
    r"|points|clicks|steps|px|fps)\b)|[<>≤≥]=?\s{0,3}\d"
    r"|\b(?:at most|at least|under|below|within|no more than|less than|more than)\s{1,3}\d",
    re.IGNORECASE,
)
_SENTENCE = re.compile(
    r"(?<=[.!?;])\s+|\n[ \t]*\n|\n(?=[ \t]*(?:[-*+]|\d{1,3}[.)]|#{1,6}|\|)[ \t])"
)
_URL = re.compile(r"\]\([^)\n]{1,500}\)|https?://\S+")


@dataclass(frozen=True, slots=True)
class Placeholder:
    token: str
    line: int


def placeholders(text: str) -> tuple[Placeholder, ...]:
    """What nobody filled in, outside comments, fenced blocks and code spans."""
    bare = blank_out(text)
    found = sorted(set(_unfilled(bare)))
    lines = _LineCounter(bare)
    return tuple(Placeholder(" ".join(token.split()), lines.at(at)) for at, token in found)


def placeholder_findings(found: tuple[Placeholder, ...]) -> list[Finding]:
    return [
        Finding(
            "PLACEHOLDER",
            Severity.ERROR,
            placeholder.line,
            f"{placeholder.token} is not filled in.",
            "Write what belongs here, or remove the line.",
            excerpt=placeholder.token,
        )
        for placeholder in found
    ]


def vague_findings(text: str) -> list[Finding]:
    """Each word that nobody can check, in a sentence that holds no measure."""
    bare = _URL.sub(lambda match: " " * len(match.group()), blank_out(text))
    lines = _LineCounter(bare)
    return [
        _vague(word.group().lower(), lines.at(start + word.start()))
        for start, sentence in _sentences(bare)
        if not _MEASURE.search(sentence)
        for word in _VAGUE.finditer(sentence)
    ]


def _vague(word: str, line: int) -> Finding:
    return Finding(
        "VAGUE_WORD",
        Severity.WARNING,
        line,
        f"“{word}” has no measure here, so nobody can check it.",
        "Say how much, how many or by when; or acknowledge the word.",
        excerpt=word,
    )


def _unfilled(bare: str) -> Iterator[tuple[int, str]]:
    defined = {match[1].lower() for match in _DEFINITION.finditer(bare)}
    for match in _BRACKETS.finditer(bare):
        inner = match[1].strip()
        if inner.lower() not in defined and not inner.startswith("^") and _is_blank_form(inner):
            yield match.start(), match.group()
    for match in _ANGLES.finditer(bare):
        if not _LINK.match(match[1]) and not _HTML.match(match[1]):
            yield match.start(), match.group()
    for pattern in (_BRACES, _LATER):
        yield from ((match.start(), match.group().strip(" *")) for match in pattern.finditer(bare))
    yield from ((match.start(1), match[1]) for match in _NUMBERED_DUMMY.finditer(bare))


def _is_blank_form(inner: str) -> bool:
    if _CITED.match(inner):
        return False
    return bool(_CAPITALS.match(inner) or _HINT.match(inner))


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for end in _SENTENCE.finditer(text):
        yield start, text[start : end.start()]
        start = end.end()
    yield start, text[start:]


class _LineCounter:
    """Line numbers of offsets that only grow."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.line = 1

    def at(self, offset: int) -> int:
        self.line += self.text.count("\n", self.offset, offset)
        self.offset = offset
        return self.line
