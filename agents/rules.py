"""Rules: every line that says NEVER, ALWAYS, MUST or MUST NOT, wherever it stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.contract import Modality, Rule
from governance.base.keys import Keys
from governance.base.outline import Outline

_SAID = r"MUST\s+NEVER|MUST\s+NOT|MUST\s+ALWAYS|MUST|NEVER|ALWAYS|DO\s+NOT|DON['’]?T|SHALL\s+NOT"
_LEADING = re.compile(rf"^[^\w`]*(?P<said>{_SAID})(?![\w-])[\s:*_–—]*", re.IGNORECASE)
_WITHIN = re.compile(rf"\b(?P<said>{_SAID})(?![\w-])")
_INTRODUCING = re.compile(rf"\b(?P<said>{_SAID})\W*:\W*$", re.IGNORECASE)
_HEADING = re.compile(rf"^\W*(?P<said>{_SAID})(?:s|\s+do(?:\s+this)?)?\W*$", re.IGNORECASE)
_ORNAMENT = re.compile(r"^[^\w`\"'“(\[]+")
_CODE = re.compile(r"`[^`]*`")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z*`“\"])")
_LONGEST_INTRO = 90
_PROHIBITIONS = frozenset({Modality.NEVER, Modality.MUST_NOT})


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    line: int
    heading: str
    intro: str
    is_item: bool


def read_rules(outline: Outline) -> tuple[Rule, ...]:
    """All rules in the order of the text; code is not read."""
    keys = Keys()
    return tuple(
        Rule(keys.take(f"{modality.replace('_', ' ')} {body}"), modality, text, line.line)
        for line in sorted(_lines(outline), key=lambda line: line.line)
        for modality, body, text in _said_in(line)
    )


def prohibits(text: str) -> bool:
    """Whether a line begins as a prohibition, which tells no situation to escalate in."""
    leading = _LEADING.match(text)
    return leading is not None and _modality(leading["said"]) in _PROHIBITIONS


def plain(text: str) -> str:
    """Text without bold marks and double spaces."""
    return " ".join(text.replace("**", "").replace("__", "").split())


def _lines(outline: Outline) -> Iterator[_Line]:
    for item in outline.items:
        heading = outline.headings[item.section].text if item.section >= 0 else ""
        yield _Line(item.text, item.line, heading, item.intro, True)
    for paragraph in outline.paragraphs:
        yield _Line(paragraph.text, paragraph.line, "", "", False)


def _said_in(line: _Line) -> Iterator[tuple[Modality, str, str]]:
    """Modality, the rule without it, and the rule as a sentence."""
    leading = _LEADING.match(line.text)
    if leading and (line.is_item or leading["said"].isupper()):
        body = _ORNAMENT.sub("", plain(line.text[leading.end() :]))
        if body:
            yield _modality(leading["said"]), body, f"{_words(leading['said'])} {body}"
    elif line.is_item and (said := _said_above(line)):
        body = plain(line.text)
        yield _modality(said), body, f"{_words(said)} {body}"
    else:
        yield from _in_sentences(line.text)


def _said_above(line: _Line) -> str:
    """The modality that the line above the list, or its heading, gives to each of its items."""
    introduced = _INTRODUCING.search(line.intro) if len(line.intro) <= _LONGEST_INTRO else None
    match = introduced or (None if line.intro else _HEADING.match(line.heading))
    return match["said"] if match else ""


def _in_sentences(text: str) -> Iterator[tuple[Modality, str, str]]:
    if not _WITHIN.search(text):
        return
    for sentence in _SENTENCE_END.split(text):
        match = _WITHIN.search(_CODE.sub(lambda code: " " * len(code.group()), sentence))
        if match and not text.isupper():
            yield _modality(match["said"]), _LEADING.sub("", plain(sentence)), plain(sentence)


def _modality(said: str) -> Modality:
    words = said.upper()
    if "NEVER" in words:
        return Modality.NEVER
    if "ALWAYS" in words:
        return Modality.ALWAYS
    return Modality.MUST if words == "MUST" else Modality.MUST_NOT


def _words(said: str) -> str:
    return " ".join(said.upper().split())
