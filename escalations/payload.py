"""What a runner sends: the Markdown block that agents print, or strict JSON."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from governance.base.blocks import KNOWN_FIELDS, Block, Named, Option, bullets, read_block
from governance.base.encoding import hidden_findings
from governance.base.findings import Finding, Severity

MAX_BYTES = 256 * 1024
MAX_OPTIONS = 50
MAX_EXTRA = 64
MAX_DEPTH = 20
_UNFILLED = re.compile(r"^\[[^\[\]]{2,}\]$")
# An unterminated string runs to the end, so that hostile quotes are looked at once only.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[{\]}]")
_HALF = re.compile("[\ud800-\udfff]")


class PayloadTooLarge(ValueError):
    """The payload is beyond a limit; the sentence says which."""


class InvalidPayload(ValueError):
    """The payload is not strict JSON; the sentence says where."""


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """A block as read.

    ``fields`` holds the typed fields by the names of the contract, ``Options`` apart in
    ``options``; ``extra`` all other named fields, ``notes`` the lines that belong to none.
    """

    title: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    options: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def attempted(self) -> tuple[str, ...]:
        return bullets(self.fields.get("Attempted", ""))

    def as_payload(self) -> dict[str, Any]:
        """The block in the form of a JSON raise payload, without what it leaves out."""
        fields = self.fields
        impact = fields.get("Constitutional_Impact", "")
        whole = {
            "agent": fields.get("Agent", ""),
            "title": self.title,
            "task": fields.get("Task", ""),
            "problem": fields.get("Problem", ""),
            "attempted": list(self.attempted),
            "options": self.options,
            "impact": fields.get("Impact", ""),
            "constitutional_impact": {"text": impact} if impact else None,
            "extra": self.extra | ({"Notes": "\n".join(self.notes)} if self.notes else {}),
        }
        return {name: value for name, value in whole.items() if value}


def parse_block(text: str) -> ParsedBlock:
    """Read a block; what it leaves out is a finding. Only :class:`PayloadTooLarge` refuses."""
    _check_size(len(text.encode("utf-8", "surrogatepass")))
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    block = read_block(plain)
    known = _joined(named for named in block.fields if named.name in KNOWN_FIELDS)
    extra = _joined(named for named in block.fields if named.name not in KNOWN_FIELDS)
    options = [option for option in block.options if not _UNFILLED.match(option.label)]
    _check_counts(len(options), len(extra))
    known.pop("Options", None)
    findings = [*hidden_findings(plain), *_gaps(block, known, options), *_doubles(block)]
    return ParsedBlock(
        title=block.title,
        fields=known,
        options=[option.as_dict() for option in options],
        extra=extra,
        notes=block.notes,
        findings=tuple(findings),
    )


def parse_json(raw: bytes) -> dict[str, Any]:
    """Read one JSON object, refusing whatever two readers could understand differently.

    Raises :class:`PayloadTooLarge` or :class:`InvalidPayload`.
    """
    _check_size(len(raw))
    _check_depth(raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidPayload(f"The body is not UTF-8 (byte {error.start}).") from error
    value = _loads(text)
    if not isinstance(value, dict):
        raise InvalidPayload("The body must be one JSON object.")
    _check_strings(value)
    return value


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise PayloadTooLarge(f"The payload may be at most {MAX_BYTES // 1024} KB.")


def _check_counts(options: int, extra: int) -> None:
    if options > MAX_OPTIONS:
        raise PayloadTooLarge(f"A case may have at most {MAX_OPTIONS} options, not {options}.")
    if extra > MAX_EXTRA:
        raise PayloadTooLarge(f"A case may have at most {MAX_EXTRA} further fields, not {extra}.")


def _joined(fields: Iterator[Named]) -> dict[str, str]:
    """Fields by name; one that comes twice keeps both texts."""
    parts: dict[str, list[str]] = {}
    for named in fields:
        parts.setdefault(named.name, []).append(named.text)
    return {name: "\n".join(filter(None, texts)) for name, texts in parts.items()}


def _gaps(block: Block, known: dict[str, str], options: list[Option]) -> Iterator[Finding]:
    there = known | ({"Options": "yes"} if options else {})
    lines = {named.name: named.line for named in block.fields}
    for name in KNOWN_FIELDS:
        if not there.get(name):
            yield _missing(name, lines.get(name, 0))
        elif _UNFILLED.match(there[name]):
            yield _unfilled(name, there[name], lines[name])
    if len(options) == 1:
        yield _one_option(options[0], lines.get("Options", 0))


def _missing(name: str, line: int) -> Finding:
    return Finding(
        "MISSING_FIELD",
        Severity.WARNING,
        line,
        f"The block does not say {name}.",
        f"Add a line {name}: ...",
        excerpt=name,
    )


def _unfilled(name: str, text: str, line: int) -> Finding:
    return Finding(
        "UNFILLED_FIELD",
        Severity.WARNING,
        line,
        f"{name} still holds the hint of the template: {text}",
        "Write what it asks for.",
        excerpt=name,
    )


def _one_option(option: Option, line: int) -> Finding:
    return Finding(
        "ONE_OPTION",
        Severity.WARNING,
        line,
        f"There is only one option: {option.label}.",
        "Name at least two that differ.",
        excerpt=option.key,
    )


def _doubles(block: Block) -> Iterator[Finding]:
    seen: set[str] = set()
    for named in block.fields:
        if named.name in seen:
            yield Finding(
                "DUPLICATE_FIELD",
                Severity.WARNING,
                named.line,
                f"{named.name} stands there twice; both texts are kept.",
                "Write it once.",
                excerpt=named.name,
            )
        seen.add(named.name)
    labels: set[str] = set()
    for option in block.options:
        if option.label.casefold() in labels:
            yield Finding(
                "DUPLICATE_OPTION",
                Severity.WARNING,
                0,
                f"Two options are called {option.label}.",
                "Name options that differ.",
                excerpt=option.key,
            )
        labels.add(option.label.casefold())


def _check_depth(raw: bytes) -> None:
    """Count brackets before parsing: the parser itself would run out of stack."""
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise InvalidPayload(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _loads(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise InvalidPayload(
            f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from error
    except InvalidPayload:
        raise
    except ValueError as error:
        raise InvalidPayload("The body holds a number with too many digits.") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidPayload(f"The key “{key}” stands there twice.")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise InvalidPayload(f"{name} is no JSON number.")


def _finite(written: str) -> float:
    value = float(written)
    if not math.isfinite(value):
        raise InvalidPayload(f"The number {written[:40]} is too large.")
    return value


def _check_strings(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidPayload("The body holds a NUL character.")
        if _HALF.search(value):
            raise InvalidPayload("The body holds half of a character (a lone surrogate).")
    elif isinstance(value, dict):
        for key, part in value.items():
            _check_strings(key)
            _check_strings(part)
    elif isinstance(value, list):
        for part in value:
            _check_strings(part)
