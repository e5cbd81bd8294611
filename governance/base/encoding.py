"""From the bytes of a file to text: repaired where damaged, visible where it hides something."""

import codecs
import re
import unicodedata
from dataclasses import dataclass

import ftfy

from governance.base.findings import Finding, Severity

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Only what undoes a wrong decoding: quotes, ligatures, width and normal forms stay as written.
_REPAIR = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_encoding=True,
    restore_byte_a0=True,
    replace_lossy_sequences=False,
    decode_inconsistent_utf8=True,
    fix_c1_controls=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    fix_surrogates=False,
    remove_control_chars=False,
    normalization=None,
    explain=False,
)
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
_ZERO_WIDTH = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2065\u3164\ufeff"
    "\uffa0\ufff9-\ufffb"
)
_TAGS = "\U000e0000-\U000e0fff"
_CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_HIDDEN = re.compile(f"[{_BIDI}{_ZERO_WIDTH}{_TAGS}{_CONTROL}]")
_KINDS = (
    ("BIDI_CHARACTER", Severity.ERROR, re.compile(f"[{_BIDI}]"), "change the order of reading"),
    ("ZERO_WIDTH_CHARACTER", Severity.WARNING, re.compile(f"[{_ZERO_WIDTH}]"), "have no width"),
    ("TAG_CHARACTER", Severity.ERROR, re.compile(f"[{_TAGS}]"), "are invisible to people"),
    ("CONTROL_CHARACTER", Severity.ERROR, re.compile(f"[{_CONTROL}]"), "are control characters"),
)
_JOINER = "\u200d"
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z]")
# Letters that look like Latin ones; a mu in front of a unit is none of them.
_LOOK_ALIKE = re.compile("[\u0400-\u052fΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαικνρυϲϳ]")
# What is left of an emoji whose upper bytes are gone: no letter was wrongly decoded here.
_HALF_EMOJI = re.compile("[<=>][\x80-\x9f]")
EXCERPT = 160
_DAMAGED = Finding(
    "ENCODING_DAMAGED",
    Severity.ERROR,
    0,
    "Some bytes are no text; each such place is shown as \ufffd.",
    "Bring the file in again from its source.",
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text with ``\\n`` line ends, and what it took to get there."""

    text: str
    findings: tuple[Finding, ...]
    repaired: bool
    encoding: str


def decode(raw: bytes) -> Decoded:
    """Read bytes as text. Never raises; whatever was changed or looks hidden is a finding."""
    text, encoding, findings = _read(raw)
    text = _normal_line_ends(text, findings)
    text = _without_nul(text, findings)
    text, repaired = _repair_lines(text, findings)
    findings += hidden_findings(text)
    lossy = any(finding.code == "ENCODING_NOT_UTF8" for finding in findings)
    return Decoded(text, tuple(findings), repaired or lossy, encoding)


def visible(text: str) -> str:
    """Show what a reader would not see: ``‹U+202E›`` for each hidden character."""
    return _HIDDEN.sub(_shown, text)


def hidden_findings(text: str) -> list[Finding]:
    """One finding for each line and kind of hidden or look-alike character."""
    if text.isascii() and not _HIDDEN.search(text):
        return []
    found: list[Finding] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.isascii() and not _HIDDEN.search(line):
            continue
        found += _hidden_in_line(line, number)
        found += _mixed_words(line, number)
    return found


def bom_of(raw: bytes) -> tuple[bytes, str]:
    """The byte order mark that a file starts with and the encoding it tells; else nothing."""
    return next((known for known in _BOMS if raw.startswith(known[0])), (b"", ""))


def _read(raw: bytes) -> tuple[str, str, list[Finding]]:
    bom, encoding = bom_of(raw)
    if bom:
        return _read_as(raw[len(bom) :], encoding, [_about_bom(encoding)])
    guess = _utf16_without_bom(raw)
    if guess:
        return _read_as(raw, guess, [_about_bom(guess)])
    try:
        return raw.decode("utf-8"), "utf-8", []
    except UnicodeDecodeError:
        return _read_mixed(raw)


def _read_as(raw: bytes, encoding: str, findings: list[Finding]) -> tuple[str, str, list[Finding]]:
    try:
        return raw.decode(encoding), encoding, findings
    except UnicodeDecodeError:
        if encoding == "utf-8":
            text, mixed, more = _read_mixed(raw)
            return text, mixed, findings + more
        return raw.decode(encoding, "replace"), encoding, [*findings, _DAMAGED]


def _about_bom(encoding: str) -> Finding:
    if encoding == "utf-8":
        return Finding(
            "BYTE_ORDER_MARK",
            Severity.INFO,
            1,
            "The file starts with a byte order mark; some harnesses then miss the frontmatter.",
            "Save the file as UTF-8 without a byte order mark.",
        )
    return Finding(
        "ENCODING_UTF16",
        Severity.WARNING,
        1,
        f"The file is {encoding.upper()}; harnesses expect UTF-8.",
        "Save the file as UTF-8.",
        excerpt=encoding,
    )


def _utf16_without_bom(raw: bytes) -> str:
    """ASCII text in UTF-16 has a zero in nearly every second byte."""
    sample = raw[:4096]
    if len(sample) < 4 or len(raw) % 2:
        return ""
    half = len(sample) // 2
    if sample[1::2].count(0) > 0.7 * half and sample[::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if sample[::2].count(0) > 0.7 * half and sample[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return ""


def _read_mixed(raw: bytes) -> tuple[str, str, list[Finding]]:
    lines: list[str] = []
    findings: list[Finding] = []
    for number, line in enumerate(re.split(rb"\r\n|\r|\n", raw), start=1):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            text = _windows(line)
            lines.append(text)
            findings.append(_not_utf8(text, number))
    if b"\r" in raw:
        findings.append(_about_line_ends())
    return "\n".join(lines), "mixed", findings


def _windows(line: bytes) -> str:
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _not_utf8(text: str, number: int) -> Finding:
    return Finding(
        "ENCODING_NOT_UTF8",
        Severity.WARNING,
        number,
        f"This line is not UTF-8. It was read as Windows-1252: {visible(text)[:EXCERPT]}",
        "Check the line and save the file as UTF-8.",
        excerpt=text[:EXCERPT],
        replacement=text,
    )


def _normal_line_ends(text: str, findings: list[Finding]) -> str:
    if "\r" not in text:
        return text
    findings.append(_about_line_ends())
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _about_line_ends() -> Finding:
    return Finding(
        "LINE_ENDS",
        Severity.INFO,
        0,
        "The file has Windows or old Macintosh line ends; the text is kept with plain ones.",
        "Save the file with LF line ends.",
    )


def _without_nul(text: str, findings: list[Finding]) -> str:
    if "\0" not in text:
        return text
    for number, line in enumerate(text.split("\n"), start=1):
        if "\0" in line:
            findings.append(_about_nul(line, number))
    return text.replace("\0", "\ufffd")


def _about_nul(line: str, number: int) -> Finding:
    return Finding(
        "NUL_CHARACTER",
        Severity.ERROR,
        number,
        "This line holds NUL characters; each is shown as \ufffd.",
        "Remove them.",
        excerpt=visible(line)[:EXCERPT],
        replacement=line.replace("\0", ""),
    )


def _repair_lines(text: str, findings: list[Finding]) -> tuple[str, bool]:
    if text.isascii():
        return text, False
    lines = text.split("\n")
    repaired = False
    for number, line in enumerate(lines, start=1):
        better = _repair(line)
        if better != line:
            repaired = True
            lines[number - 1] = better
            findings.append(_about_repair(line, better, number))
    return "\n".join(lines), repaired


def _repair(line: str) -> str:
    if line.isascii() or _HALF_EMOJI.search(line):
        return line
    better = ftfy.fix_encoding(line, _REPAIR)
    worse = "\n" in better or ("\ufffd" in better and "\ufffd" not in line)
    return line if worse else better


def _about_repair(before: str, after: str, number: int) -> Finding:
    return Finding(
        "ENCODING_REPAIRED",
        Severity.WARNING,
        number,
        "Damaged characters were repaired. "
        f"Before: {visible(before)[:EXCERPT]} After: {visible(after)[:EXCERPT]}",
        "Accept the repaired line in a new version saved as UTF-8.",
        excerpt=before[:EXCERPT],
        replacement=after,
    )


def _hidden_in_line(line: str, number: int) -> list[Finding]:
    found = []
    for code, severity, pattern, what in _KINDS:
        hidden = [m.group() for m in pattern.finditer(line) if not _joins_emoji(m)]
        if hidden:
            names = ", ".join(sorted({_name(char) for char in hidden}))
            found.append(
                Finding(
                    code,
                    severity,
                    number,
                    f"{len(hidden)} hidden characters here {what}: {names}.",
                    "Remove them.",
                    excerpt=visible(line)[:EXCERPT],
                    replacement=pattern.sub(_unless_joiner, line),
                )
            )
    return found


def _mixed_words(line: str, number: int) -> list[Finding]:
    return [
        Finding(
            "MIXED_SCRIPT",
            Severity.WARNING,
            number,
            f"The word “{word}” mixes Latin letters with look-alikes: {_look_alikes(word)}.",
            "Write the word in one script.",
            excerpt=word,
        )
        for word in dict.fromkeys(_WORD.findall(line))
        if _LATIN.search(word) and _LOOK_ALIKE.search(word)
    ]


def _look_alikes(word: str) -> str:
    return ", ".join(dict.fromkeys(_name(char) for char in _LOOK_ALIKE.findall(word)))


def _name(char: str) -> str:
    name = unicodedata.name(char, "")
    return f"U+{ord(char):04X} {name}".rstrip()


def _shown(match: re.Match[str]) -> str:
    return match.group() if _joins_emoji(match) else f"‹U+{ord(match.group()):04X}›"


def _unless_joiner(match: re.Match[str]) -> str:
    return match.group() if _joins_emoji(match) else ""


def _joins_emoji(match: re.Match[str]) -> bool:
    """A zero-width joiner inside one emoji, such as a family, hides nothing."""
    if match.group() != _JOINER:
        return False
    before = match.string[max(match.start() - 1, 0) : match.start()]
    after = match.string[match.end() : match.end() + 1]
    return _is_pictorial(before) and _is_pictorial(after)


def _is_pictorial(char: str) -> bool:
    return bool(char) and (char == "\ufe0f" or unicodedata.category(char) in {"So", "Sk"})
