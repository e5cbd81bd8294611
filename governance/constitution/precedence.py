"""What goes before what: the sentences about conflicts, and whether the order decides."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from governance.constitution.parsing import ParsedConstitution
from governance.constitution.statements import line_of, sentences_of

_ABOUT = re.compile(
    r"\b(?:take[sn]?|has|have|of|by|and) precedence\b|\bprecedence\b|\bprevails?\b|\bsupersedes?\b"
    r"|\bstands? above\b|\bgoes before\b|\bconflicts? (?:is|are) resolved\b"
    r"|\boverrides?\b|\boutranks?\b|\bhighest wins\b|\btakes? priority\b|\border of priority\b"
    r"|\b(?:in (?:case of|the event of|any)|if there is|when there is) (?:a |any )?conflicts?\b"
    r"|\b(?:when|where|if) .{0,60}\b(?:conflicts?|contradicts?|disagrees?)\b",
    re.IGNORECASE,
)
_BY_ORDER = re.compile(
    r"\b(?:in|by) (?:descending |this |their |the )?order\b.{0,40}\b(?:precedence|priority)\b"
    r"|\b(?:precedence|priority)\b.{0,60}\b(?:in|by) (?:the |their |this )?(?:descending )?order\b"
    r"|\border of (?:precedence|priority|importance)\b"
    r"|\b(?:earlier|lower[- ]numbered|higher[- ]listed|first[- ]listed)\b.{0,60}"
    r"\b(?:wins?|prevails?|precedence|overrides?|priority|supersedes?)\b"
    r"|\b(?:wins?|prevails?|precedence|overrides?|supersedes?)\b.{0,40}"
    r"\blater (?:ones?|principles?)",
    re.IGNORECASE,
)
_LAW = re.compile(
    r"\b(?:principles?|articles?|constitution|document|rules?|laws?|specs?|hierarchy|order"
    r"|guid(?:e|es|ance|elines?)|standards?|polic(?:y|ies)|practices?|conventions?)\b",
    re.IGNORECASE,
)
_NOT_LAW = re.compile(r"\bmerge conflicts?\b|\bconflicts? of interest\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PrecedenceNote:
    sentence: str
    line: int


@dataclass(frozen=True, slots=True)
class Precedence:
    """``by_order``: the text says that an earlier principle goes before a later one."""

    notes: tuple[PrecedenceNote, ...] = ()
    by_order: bool = False

    @property
    def text(self) -> str:
        """The sentences, one a paragraph."""
        return "\n\n".join(note.sentence for note in self.notes)


def precedence_of(parsed: ParsedConstitution) -> Precedence:
    """Every sentence about what prevails, with its line."""
    notes = tuple(_notes(parsed))
    return Precedence(notes, any(_BY_ORDER.search(note.sentence) for note in notes))


def _notes(parsed: ParsedConstitution) -> Iterator[PrecedenceNote]:
    lines = parsed.text.split("\n")
    for section in parsed.sections:
        for said, is_commentary in sentences_of(section.text):
            if not is_commentary and _says_what_prevails(said):
                yield PrecedenceNote(said, line_of(said, lines, section.line))


def _says_what_prevails(said: str) -> bool:
    return bool(_ABOUT.search(said) and _LAW.search(said) and not _NOT_LAW.search(said))
