"""Findings: what a parser or linter noticed in a text, one by one."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a finding matters; an error may block what the file wants to become."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_GRAVITY = {severity: -rank for rank, severity in enumerate(Severity)}


def by_gravity(severity: str, line: int) -> tuple[int, int]:
    """The order in which pages list findings: errors first, then by line."""
    return _GRAVITY[Severity(severity)], line


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing noticed.

    ``line`` counts from 1 in the repaired text; 0 means the file as a whole.
    ``fix`` is a sentence. ``replacement`` is the line's new text where a fix is safe to apply
    with one click, else ``None``. ``excerpt`` is the piece of text it is about.
    """

    code: str
    severity: Severity
    line: int
    message: str
    fix: str = ""
    excerpt: str = ""
    replacement: str | None = None

    @property
    def key(self) -> str:
        """A short name that stays the same while code, line and excerpt do."""
        identity = "\0".join((self.code, str(self.line), self.excerpt))
        return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def as_dict(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "code": self.code,
            "severity": self.severity.value,
            "line": self.line,
            "message": self.message,
            "fix": self.fix,
            "excerpt": self.excerpt,
            "replacement": self.replacement,
        }


def distinct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in order of line, each key once."""
    by_key = {finding.key: finding for finding in findings}
    return tuple(sorted(by_key.values(), key=lambda finding: finding.line))


def with_replacements(text: str, findings: Iterable[Finding]) -> str:
    """The text after the one-click fixes of these findings; the first fix of a line wins."""
    lines = text.split("\n")
    done: set[int] = set()
    for finding in findings:
        if finding.replacement is None or finding.line in done:
            continue
        if 1 <= finding.line <= len(lines):
            lines[finding.line - 1] = finding.replacement
            done.add(finding.line)
    return "\n".join(lines)
