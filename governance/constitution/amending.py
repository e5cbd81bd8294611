"""What an amendment does: two versions of the law compared, principle by principle.

MAJOR removes or redefines, MINOR adds, PATCH rewords. ``docs/constitution.md`` tells the rules.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from governance.constitution.lawtext import (
    TEXTS_ALIKE,
    Article,
    LawText,
    law_of,
    pair_articles,
)
from governance.constitution.models import AmendmentLevel, ConstitutionVersion
from governance.constitution.precedence import Precedence
from governance.constitution.quorum import quorum_of
from governance.constitution.statements import (
    Compared,
    Shift,
    compare_texts,
    obliges,
    words_of,
)
from governance.constitution.wordings import closeness

RANK: dict[str, int] = {
    AmendmentLevel.PATCH: 0,
    AmendmentLevel.MINOR: 1,
    AmendmentLevel.MAJOR: 2,
}
_KINDS: dict[Shift, str] = {
    Shift.WORDING: "reworded",
    Shift.REVISED: "revised",
    Shift.EXPANDED: "expanded",
    Shift.STRENGTHENED: "strengthened",
    Shift.WEAKENED: "weakened",
    Shift.REDEFINED: "redefined",
}
_PREAMBLE = "Preamble"


@dataclass(frozen=True, slots=True)
class PrincipleChange:
    """What happens to one principle. ``kind``: added, removed, redefined, strengthened,
    weakened, expanded (says more), revised (guidance rewritten), reworded, renamed, reordered.
    """

    kind: str
    key: str
    title: str
    before: str
    after: str
    non_negotiable: bool
    level: str
    keys: tuple[str, ...]
    sentence: str
    reasons: tuple[str, ...] = ()

    @property
    def is_material(self) -> bool:
        """Whether it is more than wording."""
        return self.level != AmendmentLevel.PATCH


@dataclass(frozen=True, slots=True)
class PartChange:
    """What happens to the governance section, or to a section that is no principle."""

    title: str
    level: str
    before: str
    after: str
    sentence: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LawDiff:
    """``touched`` are the keys, by every name, of principles that differ in more than wording;
    ``differing`` those of all that differ. ``sentences`` say it for people, the gravest first.
    """

    level: str
    touched: tuple[str, ...] = ()
    touches_all: bool = False
    changes: tuple[PrincipleChange, ...] = ()
    governance: tuple[PartChange, ...] = ()
    sections: tuple[PartChange, ...] = ()
    governance_changed: bool = False
    is_first: bool = False
    sentences: tuple[str, ...] = field(default=())

    @property
    def differing(self) -> tuple[str, ...]:
        """The keys of every principle that differs at all, were it only in wording."""
        return _keys(self.changes)

    @property
    def differs_in_non_negotiable(self) -> bool:
        """Whether a NON-NEGOTIABLE principle differs at all."""
        return any(change.non_negotiable for change in self.changes)


def compare_laws(base: ConstitutionVersion | None, version: ConstitutionVersion) -> LawDiff:
    """The law in force beside the version that may replace it; without a base all is new."""
    return compare_law_texts(law_of(base) if base else None, law_of(version))


def compare_law_texts(base: LawText | None, after: LawText) -> LawDiff:
    """The same for texts that are taken apart already, such as one that is being written."""
    if base is None:
        return _first(after)
    changes = tuple(_principle_changes(base, after))
    governance = tuple(_governance_changes(base, after))
    sections = tuple(_section_changes(base, after))
    parts: list[PrincipleChange | PartChange] = [*changes, *governance, *sections]
    parts.sort(key=lambda part: -RANK[part.level])
    material = [change for change in changes if change.is_material]
    return LawDiff(
        level=max((part.level for part in parts), key=RANK.__getitem__, default="patch"),
        touched=_keys(material),
        touches_all=any(change.non_negotiable for change in material),
        changes=changes,
        governance=governance,
        sections=sections,
        governance_changed=any(part.level != AmendmentLevel.PATCH for part in governance),
        sentences=tuple(part.sentence for part in parts) or ("Nothing that the law says differs.",),
    )


def _first(law: LawText) -> LawDiff:
    changes = tuple(_added(article) for article in law.articles)
    return LawDiff(
        level=AmendmentLevel.MAJOR.value,
        touched=_keys(changes),
        touches_all=True,
        changes=changes,
        governance_changed=bool(law.governance),
        is_first=True,
        sentences=("There was no law before: this is the first.",),
    )


def _keys(changes: Iterable[PrincipleChange]) -> tuple[str, ...]:
    return tuple(sorted({key for change in changes for key in change.keys}))


# --- principles ---------------------------------------------------------------------------------


def _principle_changes(base: LawText, after: LawText) -> Iterator[PrincipleChange]:
    pairs = pair_articles(base.articles, after.articles)
    ordered = base.precedence.by_order or after.precedence.by_order
    moved = _moved([(was, now) for was, now in pairs if was and now])
    for was, now in sorted(pairs, key=_place):
        if was is None and now is not None:
            yield _added(now)
        elif now is None and was is not None:
            yield _removed(was)
        elif was is not None and now is not None:
            yield from _changed(was, now)
            if now.key in moved:
                yield _reordered(was, now, counts=ordered)


def _place(pair: tuple[Article | None, Article | None]) -> tuple[int, bool]:
    was, now = pair
    shown = now or was
    return shown.position if shown else 0, now is None


def _added(now: Article) -> PrincipleChange:
    return _change("added", None, now, AmendmentLevel.MINOR, "is new")


def _removed(was: Article) -> PrincipleChange:
    return _change("removed", was, None, AmendmentLevel.MAJOR, "is removed")


def _changed(was: Article, now: Article) -> Iterator[PrincipleChange]:
    compared = compare_texts(was.text, now.text)
    status = _status(was, now)
    if status is not None:
        kind, words = status
        yield _change(kind, was, now, AmendmentLevel.MAJOR, words, compared.reasons)
    elif compared.shift is not Shift.SAME:
        kind = _KINDS[compared.shift]
        yield _change(kind, was, now, _level(compared.shift), _WORDS[kind], compared.reasons)
    if was.title != now.title:
        yield _renamed(was, now)


_WORDS: dict[str, str] = {
    "reworded": "says the same in other words",
    "revised": "has its guidance rewritten; what it obliges to stays",
    "expanded": "says more than before",
    "strengthened": "binds more strongly",
    "weakened": "binds less",
    "redefined": "means something else",
}


def _status(was: Article, now: Article) -> tuple[str, str] | None:
    """Whether its force as a whole changed: NON-NEGOTIABLE, or MUST and SHOULD."""
    if was.non_negotiable != now.non_negotiable:
        if now.non_negotiable:
            return "strengthened", "becomes NON-NEGOTIABLE"
        return "weakened", "is no longer NON-NEGOTIABLE"
    if was.strict != now.strict:
        if now.strict:
            return "strengthened", "binds more strongly: a SHOULD becomes a MUST"
        return "weakened", "binds less: a MUST becomes a SHOULD"
    return None


def _renamed(was: Article, now: Article) -> PrincipleChange:
    shift = compare_texts(was.title, now.title).shift if _says_how(was, now) else Shift.WORDING
    level = AmendmentLevel.MAJOR if shift.breaks else AmendmentLevel.PATCH
    words = f"was called “{was.title}”" if was.title else "has a title now"
    return _change("renamed", was, now, level, words)


def _says_how(was: Article, now: Article) -> bool:
    """Whether a title itself obliges, advises or forbids."""
    said = {obliges_by_word(title) for title in (was.title, now.title)}
    return len(said) > 1


_OBLIGING = re.compile(r"\b(must|shall|never|always|no|not|should|may|optional)\b", re.IGNORECASE)


def obliges_by_word(title: str) -> tuple[str, ...]:
    """The words of a title that oblige, advise, allow or negate."""
    return tuple(sorted(word.lower() for word in _OBLIGING.findall(title)))


def _reordered(was: Article, now: Article, *, counts: bool) -> PrincipleChange:
    level = AmendmentLevel.MAJOR if counts else AmendmentLevel.PATCH
    why = ", and the order decides between principles" if counts else ""
    words = f"moves from place {was.position + 1} to {now.position + 1}{why}"
    return _change("reordered", was, now, level, words)


def _moved(pairs: Sequence[tuple[Article, Article]]) -> set[str]:
    """The principles that changed places with others: the fewest that explain the new order."""
    by_new = sorted(pairs, key=lambda pair: pair[1].position)
    kept = _longest_rising([was.position for was, _ in by_new])
    return {now.key for at, (_, now) in enumerate(by_new) if at not in kept}


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """The places of a longest rising subsequence."""
    best: list[tuple[int, ...]] = []
    for at, number in enumerate(numbers):
        before = [chain for chain in best if numbers[chain[-1]] < number]
        best.append((*_longest(before), at))
    return set(_longest(best))


def _longest(chains: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    found: tuple[int, ...] = ()
    for chain in chains:
        found = chain if len(chain) > len(found) else found
    return found


def _change(
    kind: str,
    was: Article | None,
    now: Article | None,
    level: AmendmentLevel,
    words: str,
    reasons: tuple[str, ...] = (),
) -> PrincipleChange:
    sides = [side for side in (was, now) if side is not None]
    shown = now or sides[0]
    non_negotiable = any(side.non_negotiable for side in sides)
    status = " (NON-NEGOTIABLE)" if non_negotiable else ""
    return PrincipleChange(
        kind=kind,
        key=sides[0].key,
        title=shown.title,
        before=was.text if was else "",
        after=now.text if now else "",
        non_negotiable=non_negotiable,
        level=level.value,
        keys=tuple(sorted({key for side in sides for key in side.keys})),
        sentence=f"“{shown.title}”{status} {words}.",
        reasons=reasons,
    )


def _level(shift: Shift) -> AmendmentLevel:
    if shift.breaks:
        return AmendmentLevel.MAJOR
    return AmendmentLevel.MINOR if shift.is_material else AmendmentLevel.PATCH


# --- governance and the other sections ----------------------------------------------------------


def _governance_changes(base: LawText, after: LawText) -> Iterator[PartChange]:
    before, now = base.governance, after.governance
    if now and not before:
        yield _part("Governance", AmendmentLevel.MINOR, before, now, "It says how it is amended.")
    elif before and not now:
        sentence = "It no longer says how it is amended."
        yield _part("Governance", AmendmentLevel.MAJOR, before, now, sentence)
    else:
        compared = compare_texts(before, now)
        if compared.shift is not Shift.SAME:
            yield _compared("Governance", compared, before, now)
    was, will = quorum_of(before), quorum_of(now)
    if was.rule != will.rule:
        sentence = f"Who must approve an amendment changes: {was.rule} before, {will.rule} now."
        yield _part("Approval", AmendmentLevel.MAJOR, was.sentence, will.sentence, sentence)
    yield from _precedence_changes(base.precedence, after.precedence)


def _precedence_changes(before: Precedence, after: Precedence) -> Iterator[PartChange]:
    was, now = before.text, after.text
    compared = compare_texts(was, now)
    if was and compared.shift.is_material:
        sentence = "What goes before what in a conflict changes."
        yield _part("Precedence", AmendmentLevel.MAJOR, was, now, sentence, compared.reasons)


def _section_changes(base: LawText, after: LawText) -> Iterator[PartChange]:
    old, new = base.by_title, after.by_title
    renamed = _renamed_sections(old, new)
    for key, text in new.items():
        before_key = key if key in old else renamed.get(key)
        if before_key is None:
            level = AmendmentLevel.MINOR if text.strip() else AmendmentLevel.PATCH
            yield _part(key, level, "", text, f"The section “{key}” is new.")
            continue
        compared = compare_texts(old[before_key], text, plain_binds=key != _PREAMBLE)
        if compared.shift is not Shift.SAME:
            yield _compared(key, compared, old[before_key], text)
        elif before_key != key:
            sentence = f"The section “{before_key}” is now called “{key}”."
            yield _part(key, AmendmentLevel.PATCH, text, text, sentence)
    for key in old.keys() - new.keys() - set(renamed.values()):
        yield _removed_section(key, old[key])


def _renamed_sections(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """New title to old title, where most of the words are the same."""
    found: dict[str, str] = {}
    for key in [key for key in new if key not in old]:
        scored = [
            (closeness(words_of(old[other]), words_of(new[key])), other)
            for other in old
            if other not in new and other not in found.values() and old[other].strip()
        ]
        score, other = max(scored, default=(0.0, ""))
        if score >= TEXTS_ALIKE:
            found[key] = other
    return found


def _removed_section(title: str, text: str) -> PartChange:
    if not text.strip():
        return _part(title, AmendmentLevel.PATCH, text, "", f"The heading “{title}” is gone.")
    level = AmendmentLevel.MAJOR if obliges(text) else AmendmentLevel.MINOR
    return _part(title, level, text, "", f"The section “{title}” is removed.")


def _compared(title: str, compared: Compared, before: str, after: str) -> PartChange:
    words = _WORDS[_KINDS[compared.shift]]
    sentence = f"“{title}” {words}."
    return _part(title, _level(compared.shift), before, after, sentence, compared.reasons)


def _part(
    title: str,
    level: AmendmentLevel,
    before: str,
    after: str,
    sentence: str,
    reasons: tuple[str, ...] = (),
) -> PartChange:
    return PartChange(title, level.value, before, after, sentence, reasons)
