"""One-click fixes: a new draft whose bytes differ from the old ones in the mended places only."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from agents.contract import ParsedDefinition
from agents.importing import check_size, read_definition, slug_of
from agents.models import AgentVersion
from agents.parsing import parse_definition
from agents.permissions import excluded_from
from agents.services import import_definition, locked_version
from governance.base.editing import MOST_ROUNDS
from governance.base.encoding import bom_of, decode
from governance.base.errors import Conflict, InvalidInput, NotThere, Refusal
from governance.base.findings import Finding
from governance.base.frontmatter import split_frontmatter
from governance.people.models import User

_END = re.compile(r"\r\n|\r|\n")
_END_BYTES = re.compile(rb"\r\n|\r|\n")
# Fixes of the whole file, in the order in which they are applied: lines are counted before.
WHOLE_FILE = (
    "FRONTMATTER_UNTERMINATED",
    "FRONTMATTER_AFTER_BLANK_LINE",
    "LINE_ENDS",
    "ENCODING_UTF16",
    "BYTE_ORDER_MARK",
)


@dataclass(slots=True)
class _File:
    """A file's bytes by lines; ``ends`` holds what stands behind each line but the last."""

    encoding: str
    mark: bytes
    lines: list[bytes]
    ends: list[bytes]

    @property
    def raw(self) -> bytes:
        pairs = zip(self.lines, [*self.ends, b""], strict=True)
        return self.mark + b"".join(line + end for line, end in pairs)


def is_fixable(finding: Finding) -> bool:
    """Whether the portal can mend what a finding is about without guessing what was meant."""
    return finding.replacement is not None or finding.code in WHOLE_FILE


def apply_fix(raw: bytes, finding: Finding) -> bytes:
    """The bytes after the fix of one finding; encoding and line ends stay unless it is theirs."""
    return apply_fixes(raw, [finding])


def apply_fixes(raw: bytes, findings: Iterable[Finding]) -> bytes:
    """The bytes after the fixes of findings of this text; the first fix of a line wins."""
    file, chosen = _opened(raw), list(findings)
    done: set[int] = set()
    for finding in chosen:
        if finding.replacement is not None and finding.line not in done:
            _replace_line(file, finding)
            done.add(finding.line)
    for code in WHOLE_FILE:
        if any(finding.code == code for finding in chosen):
            _WHOLE[code](file)
    return file.raw


def _opened(raw: bytes) -> _File:
    encoding = decode(raw).encoding
    mark, _ = bom_of(raw)
    wide = encoding.startswith(("utf-16", "utf-32"))
    file = _wide(raw, mark, encoding) if wide else _narrow(raw, mark)
    if file.raw != raw:
        raise Conflict("This file is too damaged to be mended here.", code="damaged")
    return file


def _narrow(raw: bytes, mark: bytes) -> _File:
    body = raw[len(mark) :]
    return _File("utf-8", mark, _END_BYTES.split(body), _END_BYTES.findall(body))


def _wide(raw: bytes, mark: bytes, encoding: str) -> _File:
    text = raw[len(mark) :].decode(encoding, "replace")
    lines = [line.encode(encoding) for line in _END.split(text)]
    return _File(encoding, mark, lines, [end.encode(encoding) for end in _END.findall(text)])


def _replace_line(file: _File, finding: Finding) -> None:
    if 1 <= finding.line <= len(file.lines):
        line = finding.replacement or ""
        file.lines[finding.line - 1] = line.encode(file.encoding, "replace")


def _close_frontmatter(file: _File) -> None:
    """Put the missing line in front of the text, ended like the line above it."""
    at = split_frontmatter(decode(file.raw).text).body_line - 1
    end = file.ends[at - 1] if 0 < at <= len(file.ends) else "\n".encode(file.encoding)
    file.lines.insert(at, "---".encode(file.encoding))
    file.ends.insert(min(at, len(file.ends)), end)


def _drop_blank_start(file: _File) -> None:
    while file.ends and not file.lines[0].decode(file.encoding, "replace").strip():
        del file.lines[0], file.ends[0]


def _plain_ends(file: _File) -> None:
    file.ends = ["\n".encode(file.encoding)] * len(file.ends)


def _as_utf8(file: _File) -> None:
    file.lines = [line.decode(file.encoding).encode() for line in file.lines]
    file.ends = [end.decode(file.encoding).encode() for end in file.ends]
    file.encoding, file.mark = "utf-8", b""


def _without_mark(file: _File) -> None:
    file.mark = b""


_WHOLE = {
    "FRONTMATTER_UNTERMINATED": _close_frontmatter,
    "FRONTMATTER_AFTER_BLANK_LINE": _drop_blank_start,
    "LINE_ENDS": _plain_ends,
    "ENCODING_UTF16": _as_utf8,
    "BYTE_ORDER_MARK": _without_mark,
}


def safe_fixes(raw: bytes, filename: str, parsed: ParsedDefinition | None = None) -> list[Finding]:
    """The findings that can be mended and leave the agent its name.

    ``parsed`` is what the caller has read from the bytes already.
    """
    check_size(raw)
    parsed = parsed or parse_definition(raw, filename=filename)
    named = slug_of(parsed, filename)
    return [
        finding
        for finding in parsed.findings
        if is_fixable(finding) and _keeps_name(raw, filename, finding, named)
    ]


def fixes_of(version: AgentVersion) -> set[str]:
    """The keys of a version's findings that one click mends; none where a newer one came in."""
    if version.agent.versions.filter(sequence__gt=version.sequence).exists():
        return set()
    try:
        return {finding.key for finding in safe_fixes(bytes(version.raw), version.filename)}
    except Refusal:
        return set()


def _keeps_name(raw: bytes, filename: str, finding: Finding, named: str) -> bool:
    touches_name = finding.code in ("NAME_NOT_PLAIN", "NAME_NOT_TEXT", "UNQUOTED_VALUE")
    return not touches_name or read_definition(apply_fix(raw, finding), filename).named == named


def fixed_by_all(raw: bytes, filename: str) -> bytes:
    """The bytes after every safe fix."""
    return in_rounds(raw, lambda now: safe_fixes(now, filename))[0]


def in_rounds(
    raw: bytes, fixes_in: Callable[[bytes], Sequence[Finding]]
) -> tuple[bytes, list[Finding]]:
    """The bytes after every fix, and what was mended: that may bring another fix to light.

    A line that needs several gets one in each round.
    """
    done: list[Finding] = []
    for _ in range(MOST_ROUNDS):
        chosen = fixes_in(raw)
        mended = apply_fixes(raw, chosen)
        if mended == raw:
            break
        raw, done = mended, [*done, *chosen]
    return raw, done


@transaction.atomic
def fix_version(
    *, version_id: int, finding_keys: Sequence[str] | None, by: User, at: datetime
) -> AgentVersion:
    """Make a new draft with these findings mended, or with all that are safe (``None``).

    Whoever wrote the text counts as an author of the draft too: mending it approves nothing.
    """
    version = locked_version(version_id)
    if version.agent.versions.filter(sequence__gt=version.sequence).exists():
        raise Conflict(
            "A newer version came in since. Mend that one, so that nothing of it is lost.",
            code="moved",
        )
    raw = bytes(version.raw)
    mended = (
        fixed_by_all(raw, version.filename)
        if finding_keys is None
        else apply_fixes(raw, _chosen(version, raw, finding_keys))
    )
    draft, created = import_definition(
        raw=mended,
        filename=version.filename,
        family="",
        by=by,
        at=at,
        slug=version.agent.slug,
        provenance=version.provenance,
        co_authors=excluded_from(version),
    )
    if not created:
        raise Conflict("There is nothing to mend.", code="nothing_to_fix")
    return draft


def _chosen(version: AgentVersion, raw: bytes, keys: Sequence[str]) -> list[Finding]:
    known = {finding.key: finding for finding in safe_fixes(raw, version.filename)}
    missing = [key for key in keys if key not in known]
    if missing and missing[0] in {finding["key"] for finding in version.findings}:
        raise InvalidInput("There is no safe fix for this: change the line yourself.")
    if missing or not keys:
        raise NotThere("There is no such finding.", code="unknown_finding")
    return [known[key] for key in keys]
