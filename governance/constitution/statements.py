"""What a text of law says, sentence by sentence, and how far another wording of it differs.

Deterministic and strict: a difference counts as mere wording only where it is plainly that.
Words that oblige, negate, count or compare decide; articles, typing errors, endings, layout and
the order of sentences do not. ``docs/constitution.md`` tells the rules to people.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from governance.constitution.vocabulary import (
    FUNCTION_WORDS,
    LIMITERS,
    MODALS,
    NEGATIONS,
    PHRASES,
    SAME_WORDS,
    Modal,
)
from governance.constitution.wordings import NUMBER, closeness, differing, is_continued

_MARKS = re.compile(r"\*{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)|`|~~")
_ITEM = re.compile(r"^[ \t>]*(?:[-*+•]|\d{1,4}[.)]|\|)[ \t]+")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+")
_ENDS = re.compile(r"(?<=[.!?;:])[\s*_]+(?=\S)")
_ABBREVIATED = re.compile(r"\b(e\.g|i\.e|etc|vs|cf|incl|approx)\.", re.IGNORECASE)
_ASIDE = re.compile(
    r"\((?:e\.?g\b|i\.?e\b|for example|such as|see|that is|also)[^()]*\)", re.IGNORECASE
)
_COMMENTARY = re.compile(
    r"^\W*(?:rationale|why(?: this matters)?|reasons?|reasoning|background|examples?|for example"
    r"|e\.?g\b|note|notes)\b\W*(?::|$|—|–|,|\.g)",
    re.IGNORECASE,
)
_META = re.compile(r"^\W*(?:version|ratified|last[ \t]amended)\W{0,5}:", re.IGNORECASE)
_ALIAS = re.compile(r"^\W*(?:also known as|aliases|alias|also called)\b", re.IGNORECASE)
_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+|%|[<>≤≥]=?")
_CAPITALS = re.compile(r"\b(?:MUST|SHALL|REQUIRED|NEVER|ALWAYS|SHOULD|RECOMMENDED|MAY|OPTIONAL)\b")
_CLOSE_ENOUGH = 0.5
# Beyond this the sentences that differ are taken for gone and new.
_MOST_PAIRS = 10_000
_GUIDANCE_CHANGED = 1 / 3
_LABEL_WORDS = 4
_QUOTED = 160


class Shift(IntEnum):
    """How far a text moved; higher is graver."""

    SAME = 0
    WORDING = 1
    REVISED = 2
    EXPANDED = 3
    STRENGTHENED = 4
    WEAKENED = 5
    REDEFINED = 6

    @property
    def is_material(self) -> bool:
        """Whether it is more than wording."""
        return self > Shift.WORDING

    @property
    def breaks(self) -> bool:
        """Whether what complied before may not comply now, or the other way round."""
        return self >= Shift.STRENGTHENED


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence: its words that count, in order, and what it obliges to."""

    text: str
    tokens: tuple[str, ...]
    modals: tuple[Modal, ...]
    is_commentary: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """How far a text moved, and the sentences that say where."""

    shift: Shift
    reasons: tuple[str, ...] = ()


def quoted(text: str) -> str:
    """A sentence for a sentence: in quotation marks, not too long."""
    short = text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1].rstrip()}…"
    return f"“{short}”"


@lru_cache(maxsize=256)
def statements_of(text: str) -> tuple[Statement, ...]:
    """The sentences of a text without version line and aliases."""
    return tuple(
        Statement(
            sentence,
            tuple(_tokens(sentence)),
            _modals(sentence),
            (is_comment or _is_label(sentence)) and not _CAPITALS.search(sentence),
        )
        for sentence, is_comment in sentences_of(text)
    )


def _is_label(sentence: str) -> bool:
    """``Winner selection:`` names what follows and says nothing itself."""
    return sentence.endswith(":") and len(sentence.split()) <= _LABEL_WORDS


def without_meta(text: str) -> str:
    """The text without the line of version and dates."""
    lines = [line for line in text.split("\n") if not _META.match(_MARKS.sub("", line))]
    return "\n".join(lines).strip()


def paragraphs_of(text: str) -> Iterator[list[str]]:
    """The sentences of each paragraph or list item."""
    for block, is_heading in _blocks(text):
        if not is_heading:
            yield [" ".join(part.split()) for part in _ENDS.split(_bare(block)) if part.strip()]


def line_of(sentence: str, lines: Sequence[str], after: int) -> int:
    """The line, from 1, on which a sentence of ``statements_of`` begins; 0 if it is not found."""
    start = " ".join(sentence.split()[:4])
    for number, line in enumerate(lines[after:], start=after + 1):
        if start in " ".join(_MARKS.sub("", line).split()):
            return number
    first = sentence.split()[:1]
    for number, line in enumerate(lines[after:], start=after + 1):
        if _MARKS.sub("", line).split()[-1:] == first:
            return number
    return 0


def sentences_of(text: str) -> Iterator[tuple[str, bool]]:
    """Each sentence, and whether it is commentary."""
    below_comment = False
    for block, is_heading in _blocks(text):
        comments = bool(_COMMENTARY.match(block))
        if is_heading:
            below_comment = comments
        if _META.match(_MARKS.sub("", block)) or _ALIAS.match(_MARKS.sub("", block)):
            continue
        for sentence in _ENDS.split(_bare(block)):
            if any(character.isalnum() for character in sentence):
                yield " ".join(sentence.split()), comments or below_comment


def _bare(block: str) -> str:
    """Without marks, and without full stops that end no sentence."""
    return _ABBREVIATED.sub(lambda match: match[1].replace(".", ""), _MARKS.sub("", block))


def _blocks(text: str) -> Iterator[tuple[str, bool]]:
    """Paragraphs, list items and headings, each on one line."""
    held: list[str] = []
    for line in text.split("\n"):
        starts = bool(_ITEM.match(line) or _HEADING.match(line))
        if (starts or not line.strip()) and held:
            yield " ".join(held), False
            held = []
        if _HEADING.match(line):
            yield _HEADING.sub("", line).strip(" #"), True
        elif line.strip():
            held.append(_ITEM.sub("", line).strip())
    if held:
        yield " ".join(held), False


def _plain(sentence: str) -> str:
    lowered = _ASIDE.sub(" ", sentence).lower().replace("’", "'")
    for pattern, instead in PHRASES:
        lowered = pattern.sub(instead, lowered)
    return lowered


def _tokens(sentence: str) -> Iterator[str]:
    for word in _TOKEN.findall(_plain(sentence)):
        word = SAME_WORDS.get(word, word)
        if word not in FUNCTION_WORDS and word not in MODALS:
            yield "not" if word in NEGATIONS else SAME_WORDS.get(_stem(word), _stem(word))
        if word in NEGATIONS and word in MODALS:
            yield "not"


def _stem(word: str) -> str:
    """A word without its ending: tests, tested and testing are one."""
    if word in LIMITERS:
        return word
    for ending, instead in (("ies", "y"), ("ing", ""), ("ied", "y"), ("ed", ""), ("es", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return (word[: -len(ending)] + instead).removesuffix("e")
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        return word[:-1].removesuffix("e")
    return word.removesuffix("e") if len(word) > 4 else word


def _modals(sentence: str) -> tuple[Modal, ...]:
    """What a sentence obliges to, sorted; capitals decide where there are any."""
    capitals = _CAPITALS.search(sentence)
    said = sentence if capitals else sentence.lower()
    found: list[Modal] = []
    last = -2
    for at, word in enumerate(_TOKEN.findall(_shouted(said) if capitals else _plain(said))):
        modal = MODALS.get(word.lower()) if not capitals or word.isupper() else None
        if modal is not None:
            if not (found and found[-1] is modal and at - last <= 2):
                found.append(modal)
            last = at
    if not capitals and any(modal is not Modal.MAY for modal in found):
        found = [modal for modal in found if modal is not Modal.MAY]
    return tuple(sorted(found))


def _shouted(sentence: str) -> str:
    return re.sub(r"\bMAY NOT\b", "MUST NOT", sentence)


def compare_texts(before: str, after: str, *, plain_binds: bool = True) -> Compared:
    """How far a text of law moved from one wording to another.

    ``plain_binds``: a text in which no word obliges is law all the same, every sentence of it.
    """
    if before.strip() == after.strip():
        return Compared(Shift.SAME)
    old, new = statements_of(before), statements_of(after)
    if _flat(old) == _flat(new):
        return Compared(Shift.WORDING)
    return _Pairing(old, new, plain_binds=plain_binds).result()


def obliges(text: str) -> bool:
    """Whether anything in a text binds: a MUST, or plain sentences where no word advises."""
    found = [statement for statement in statements_of(text) if not statement.is_commentary]
    said = {modal for statement in found for modal in statement.modals}
    return Modal.STRICT in said or bool(found) and not said


def _flat(statements: Sequence[Statement]) -> list[object]:
    said = [statement for statement in statements if not statement.is_commentary]
    tokens = [token for statement in said for token in statement.tokens]
    return [tokens, [modal for statement in said for modal in statement.modals]]


class _Pairing:
    """Two lists of sentences, each sentence beside the one that replaced it."""

    def __init__(
        self, old: Sequence[Statement], new: Sequence[Statement], *, plain_binds: bool
    ) -> None:
        self.old, self.new = list(old), list(new)
        self.old_is_plain = plain_binds and _is_plain(old)
        self.new_is_plain = plain_binds and _is_plain(new)
        self.rules_added = False
        self.shifts: list[tuple[Shift, str]] = []

    def result(self) -> Compared:
        """The gravest of all differences; a rule lost and another gained is redefined."""
        for was, now in self._pairs():
            self._compare(was, now)
        found = {shift for shift, _ in self.shifts}
        gravest = max(found, default=Shift.WORDING)
        if {Shift.STRENGTHENED, Shift.WEAKENED} <= found:
            gravest = Shift.REDEFINED
        if gravest is Shift.WEAKENED and self.rules_added:
            gravest = Shift.REDEFINED
        if gravest is Shift.EXPANDED and Shift.REVISED in found and not self.rules_added:
            gravest = Shift.REVISED
        grave = sorted((item for item in self.shifts if item[0].is_material), reverse=True)
        return Compared(gravest, tuple(dict.fromkeys(reason for _, reason in grave)))

    def _pairs(self) -> Iterator[tuple[Statement | None, Statement | None]]:
        old, new = _without_equals(self.old, self.new)
        for was, now in list(_closest(old, new)):
            old.remove(was)
            new.remove(now)
            yield was, now
        yield from ((was, None) for was in old)
        yield from ((None, now) for now in new)

    def _compare(self, was: Statement | None, now: Statement | None) -> None:
        if was is None and now is not None:
            shift = Shift.WORDING if now.is_commentary else Shift.EXPANDED
            self.rules_added |= self._binds(now, self.new_is_plain)
            self.shifts.append((shift, f"New: {quoted(now.text)}"))
        elif now is None and was is not None:
            self.shifts.append((self._lost(was), f"Gone: {quoted(was.text)}"))
        elif was is not None and now is not None:
            reason = f"{quoted(was.text)} became {quoted(now.text)}"
            self.shifts.append((self._moved(was, now), reason))

    def _lost(self, was: Statement) -> Shift:
        if was.is_commentary:
            return Shift.WORDING
        return Shift.WEAKENED if self._binds(was, self.old_is_plain) else Shift.REVISED

    def _moved(self, was: Statement, now: Statement) -> Shift:
        if was.is_commentary and now.is_commentary:
            return Shift.WORDING
        before, after = _force(was, self.old_is_plain), _force(now, self.new_is_plain)
        if before != after:
            return _direction(before, after)
        return self._reworded(was, now)

    def _reworded(self, was: Statement, now: Statement) -> Shift:
        binds = self._binds(was, self.old_is_plain) or self._binds(now, self.new_is_plain)
        others = differing(was.tokens, now.tokens)
        if not others:
            return Shift.WORDING
        if is_continued(was.tokens, now.tokens):
            return Shift.EXPANDED
        decides = any(word == "not" or NUMBER.match(word) for word in others)
        if binds:
            return Shift.REDEFINED
        many = len(others) / 2 > _GUIDANCE_CHANGED * max(len(was.tokens), len(now.tokens))
        return Shift.REVISED if decides or many else Shift.WORDING

    @staticmethod
    def _binds(statement: Statement, is_plain: bool) -> bool:
        return bool(statement.modals) or is_plain


def _is_plain(statements: Sequence[Statement]) -> bool:
    """Whether a text is law written without any word that obliges."""
    return not any(statement.modals for statement in statements)


def _force(statement: Statement, is_plain: bool) -> tuple[Modal, ...]:
    if statement.modals or statement.is_commentary:
        return statement.modals
    return (Modal.STRICT,) if is_plain else ()


def _direction(before: tuple[Modal, ...], after: tuple[Modal, ...]) -> Shift:
    gained, lost = Counter(after) - Counter(before), Counter(before) - Counter(after)
    if lost[Modal.STRICT] and not gained[Modal.STRICT]:
        return Shift.WEAKENED
    if gained[Modal.STRICT] and not lost[Modal.STRICT]:
        return Shift.STRENGTHENED
    if lost[Modal.SOFT] != gained[Modal.SOFT]:
        return Shift.WEAKENED if lost[Modal.SOFT] else Shift.STRENGTHENED
    return Shift.REDEFINED


def _without_equals(
    old: list[Statement], new: list[Statement]
) -> tuple[list[Statement], list[Statement]]:
    """The sentences that stand on one side only, as far as words that count go."""

    def face(statement: Statement) -> tuple[object, ...]:
        return statement.tokens, statement.modals, statement.is_commentary

    in_both = Counter(map(face, old)) & Counter(map(face, new))

    def rest(statements: list[Statement]) -> list[Statement]:
        left = Counter(in_both)
        found = []
        for statement in statements:
            left[face(statement)] -= 1
            if left[face(statement)] < 0:
                found.append(statement)
        return found

    return rest(old), rest(new)


def _closest(
    old: Sequence[Statement], new: Sequence[Statement]
) -> Iterator[tuple[Statement, Statement]]:
    """Pairs of sentences that share most of their words, the closest first."""
    if len(old) * len(new) > _MOST_PAIRS:
        return
    scored = sorted(
        (
            (-closeness(was.tokens, now.tokens), i, j)
            for i, was in enumerate(old)
            for j, now in enumerate(new)
        ),
    )
    taken_old: set[int] = set()
    taken_new: set[int] = set()
    for score, i, j in scored:
        if -score < _CLOSE_ENOUGH:
            return
        if i not in taken_old and j not in taken_new:
            taken_old.add(i)
            taken_new.add(j)
            yield old[i], new[j]


@lru_cache(maxsize=256)
def words_of(text: str) -> tuple[str, ...]:
    """All words that count of a text, for ``closeness``."""
    return tuple(token for statement in statements_of(text) for token in statement.tokens)
