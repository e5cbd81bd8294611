"""Two sentences word by word: what differs, typing errors and turned clauses forgiven."""

import re
from collections import Counter
from collections.abc import Sequence

from governance.constitution.vocabulary import FUNCTION_WORDS, LIMITERS

NUMBER = re.compile(r"^\d|^[<>≤≥%]")


def closeness(first: Sequence[str], second: Sequence[str]) -> float:
    """The share of words that two texts have in common, from 0 to 1."""
    if not first and not second:
        return 1.0
    shorter, longer = sorted((len(first), len(second)))
    if 3 * shorter < longer:
        return 0.0
    common = sum((Counter(first) & Counter(second)).values())
    return 2 * common / (len(first) + len(second))


def differing(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The words on one side only, typing errors forgiven; else those that changed places."""
    lost = list((Counter(before) - Counter(after)).elements())
    gained = list((Counter(after) - Counter(before)).elements())
    for word in list(lost):
        twin = next((other for other in gained if _is_slip(word, other)), None)
        if twin is not None:
            lost.remove(word)
            gained.remove(twin)
    if not lost and not gained and not _is_turned(before, after):
        return [a for a, b in zip(before, after, strict=False) if a != b and not _is_slip(a, b)]
    return [word for word in lost + gained if not _is_slip_of_nothing(word)]


def _is_turned(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether the end of a sentence was put first and nothing else: before the code, tests …"""
    twice = [*before, *before]
    return any(twice[at : at + len(before)] == list(after) for at in range(1, len(before)))


def is_continued(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a sentence goes on with more, and nothing of that limits what stood there."""
    size = len(before)
    if not size or len(after) <= size or list(after[:size]) != list(before):
        return False
    return not LIMITERS & set(after[size:])


def _is_slip(first: str, second: str) -> bool:
    """Whether two words are one but for a typing error or another way to spell it."""
    first, second = first.removesuffix("e"), second.removesuffix("e")
    if NUMBER.match(first) or NUMBER.match(second) or min(len(first), len(second)) < 3:
        return False
    if first != second and sorted(first) == sorted(second):
        return _swapped(first, second)
    if min(len(first), len(second)) < 5 or first[0] != second[0]:
        return False
    return _one_letter_apart(first, second)


def _is_slip_of_nothing(word: str) -> bool:
    """``teh``: a word that means nothing, with two letters swapped."""
    return any(
        len(word) == len(other) and sorted(word) == sorted(other) and _swapped(word, other)
        for other in FUNCTION_WORDS
    )


def _swapped(first: str, second: str) -> bool:
    at = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    return len(at) == 2 and at[1] - at[0] == 1


def _one_letter_apart(first: str, second: str) -> bool:
    shorter, longer = sorted((first, second), key=len)
    if len(longer) - len(shorter) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), -1)
    if start < 0:
        return True
    if len(shorter) == len(longer):
        return shorter[start + 1 :] == longer[start + 1 :]
    return shorter[start:] == longer[start + 1 :]
