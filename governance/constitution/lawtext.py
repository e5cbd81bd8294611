"""A version of the law taken apart, and its principles beside those of another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

from governance.constitution.models import ConstitutionVersion
from governance.constitution.names import keys_of_names, plain_title
from governance.constitution.parsing import ParsedConstitution, parse_constitution
from governance.constitution.precedence import Precedence, precedence_of
from governance.constitution.statements import compare_texts, without_meta, words_of
from governance.constitution.wordings import closeness

_TITLES_ALIKE = 0.8
TEXTS_ALIKE = 0.6
# Each pair costs the reading of two texts.
_MOST_PAIRS = 900


@dataclass(frozen=True, slots=True)
class Article:
    """A principle of one version, as far as comparing goes."""

    key: str
    title: str
    text: str
    strict: bool
    non_negotiable: bool
    aliases: tuple[str, ...]
    position: int

    @property
    def keys(self) -> frozenset[str]:
        """Its key and those of all its names."""
        return frozenset({self.key, *keys_of_names(self.title, self.aliases)})


@dataclass(frozen=True)
class LawText:
    """A version of the law taken apart: principles, the rest by heading, governance."""

    articles: tuple[Article, ...]
    governance: str
    sections: tuple[tuple[str, str], ...]
    precedence: Precedence

    @cached_property
    def by_title(self) -> dict[str, str]:
        """The free sections; those of one title are one."""
        found: dict[str, str] = {}
        known: dict[str, str] = {}
        for title, text in self.sections:
            title = known.setdefault(plain_title(title).casefold(), title)
            found[title] = f"{found[title]}\n\n{text}" if title in found else text
        return found


def law_of(version: ConstitutionVersion) -> LawText:
    """A stored version taken apart, its principles under the keys that they have here."""
    return LawText(articles_of(version), *_rest_of(parse_constitution(bytes(version.raw))))


def articles_of(version: ConstitutionVersion) -> tuple[Article, ...]:
    """The principles of a stored version."""
    return tuple(
        Article(
            row.key,
            row.title,
            row.text,
            row.level == "must",
            row.non_negotiable,
            tuple(row.aliases),
            row.position,
        )
        for row in version.principles.all()
    )


def law_of_text(raw: bytes) -> LawText:
    """A text taken apart that is not stored."""
    parsed = parse_constitution(raw)
    return LawText(parsed_articles(parsed), *_rest_of(parsed))


def parsed_articles(parsed: ParsedConstitution) -> tuple[Article, ...]:
    """The principles of a text as it was read."""
    return tuple(
        Article(
            found.key,
            found.title,
            found.text,
            found.level == "MUST",
            found.non_negotiable,
            found.aliases,
            position,
        )
        for position, found in enumerate(parsed.principles)
    )


def _rest_of(
    parsed: ParsedConstitution,
) -> tuple[str, tuple[tuple[str, str], ...], Precedence]:
    governance = without_meta(parsed.governance_text)
    return governance, tuple(parsed.free_sections()), precedence_of(parsed)


def pair_articles(
    old: Sequence[Article], new: Sequence[Article]
) -> list[tuple[Article | None, Article | None]]:
    """Each principle beside what became of it: by key, name, similar title, similar text."""
    left, right = {was.key: was for was in old}, {now.key: now for now in new}
    found: list[tuple[Article | None, Article | None]] = []
    for was, now in _named_alike(left, right):
        del left[was.key], right[now.key]
        found.append((was, now))
    for alike in (_similar_text, _similar_title):
        for was, now in _likest(list(left.values()), list(right.values()), alike):
            del left[was.key], right[now.key]
            found.append((was, now))
    found += [(was, None) for was in left.values()] + [(None, now) for now in right.values()]
    return found


def _named_alike(
    left: dict[str, Article], right: dict[str, Article]
) -> list[tuple[Article, Article]]:
    """Principles of one key, then those of which one has a name of the other."""
    pairs = {key: (was, right[key]) for key, was in left.items() if key in right}
    by_name = {name: was for was in left.values() if was.key not in pairs for name in was.keys}
    for now in right.values():
        if now.key not in pairs:
            named = (by_name[name] for name in sorted(now.keys) if name in by_name)
            was = next((was for was in named if was.key not in pairs), None)
            if was is not None:
                pairs[was.key] = (was, now)
    return list(pairs.values())


def _likest(
    left: list[Article], right: list[Article], alike: Callable[[Article, Article], float]
) -> list[tuple[Article, Article]]:
    """The pairs that are alike enough, the likest first; nothing where there are too many."""
    if len(left) * len(right) > _MOST_PAIRS:
        return []
    scored = sorted(
        (-score, was.position, now.position)
        for was in left
        for now in right
        if (score := alike(was, now))
    )
    old, new = {was.position: was for was in left}, {now.position: now for now in right}
    return [(old.pop(i), new.pop(j)) for _, i, j in scored if i in old and j in new]


def _similar_title(was: Article, now: Article) -> float:
    first, second = was.title.casefold(), now.title.casefold()
    ratio = SequenceMatcher(None, first, second, autojunk=False).ratio()
    return ratio if ratio >= _TITLES_ALIKE else 0.0


def _similar_text(was: Article, now: Article) -> float:
    score = closeness(words_of(was.text), words_of(now.text))
    return score if score >= TEXTS_ALIKE else 0.0


def carried_keys(base: ConstitutionVersion | None, parsed: ParsedConstitution) -> dict[str, str]:
    """Old keys for principles of which only the title is new, by the keys of their new titles."""
    if base is None:
        return {}
    old = articles_of(base)
    new = parsed_articles(parsed)
    taken = {article.key for article in new}
    return {
        now.key: was.key
        for was, now in pair_articles(old, new)
        if was
        and now
        and was.key not in taken
        and not compare_texts(was.text, now.text).shift.is_material
    }
