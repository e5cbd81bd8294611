"""Changes of the rules: lost, weakened, reworded, added; followed when their wording moves."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from agents.changes import Change, Kind
from agents.contract import Modality, ParsedDefinition, Rule
from agents.diffing.bars import loosened
from agents.diffing.pairing import bag, likeness, pair, tokens
from agents.items import measure
from agents.rules import plain
from governance.base.keys import words

_PROHIBITIONS = frozenset({Modality.NEVER, Modality.MUST_NOT})
_MODAL = frozenset(words("never always must not do don t shall should"))
# Words that open a way around a rule, where it had none before.
_WAYS_OUT = frozenset(
    words(
        "unless except should may might can try consider prefer generally usually normally"
        " typically preferably ideally possible practical feasible reasonable optional optionally"
        " recommended if when where while"
    )
)
# Words that make a rule ask people.
_ASKING = frozenset(
    words(
        "approval approved approve confirmation confirm confirmed permission consent human humans"
        " escalate escalation escalating ask asking review reviewed clarity"
    )
)
_STILL_SAID = 0.7
# Looking for every lost rule in the whole text costs their product, here in characters.
_MOST_SEARCHED = 4_000_000
_AS_WRITTEN = re.compile(r"\b(?:NEVER|ALWAYS|MUST|DO NOT|DON'T|SHALL)\b")


def rule_changes(old: ParsedDefinition, new: ParsedDefinition) -> Iterator[Change]:
    pairs, lost, added = pair(old.rules, new.rules, lambda rule: rule.text, ignored=_MODAL)
    for before, after in pairs:
        yield from _moved(before, after)
    places = _Places.of(old, new, times=len(lost))
    for rule in lost:
        yield _gone(rule, places)
    for rule in added:
        yield Change(Kind.RULE_ADDED, rule.key, f"New rule: “{rule.text}”.", after=rule.text)


def _moved(before: Rule, after: Rule) -> Iterator[Change]:
    why = _weakness(before, after)
    if why:
        sentence = f"The rule “{before.text}” is weakened: {why}"
        yield Change(Kind.RULE_WEAKENED, after.key, sentence, before.text, after.text)
    elif tokens(before.text) != tokens(after.text):
        sentence = f"The rule “{before.text}” is worded differently: “{after.text}”."
        yield Change(Kind.RULE_REWORDED, after.key, sentence, before.text, after.text)


def _weakness(before: Rule, after: Rule) -> str:
    """Why the second wording binds less than the first; empty where it does not seem to."""
    if (before.modality in _PROHIBITIONS) != (after.modality in _PROHIBITIONS):
        return f"it now says the opposite, “{after.text}”."
    was, now = bag(before.text), bag(after.text)
    gained, gone = now - was, was - now
    if ways := _ways_out(before, gained):
        return f"“{after.text}” adds “{ways}”."
    if before.modality not in _PROHIBITIONS or "without" in now:
        asked = sorted(set(gone) & _ASKING)
        if asked and not set(now) & _ASKING:
            return f"“{after.text}” asks for no {asked[0]} any more."
    if loosened(measure(before.text), measure(after.text)):
        return f"its number is looser in “{after.text}”."
    return ""


def _ways_out(rule: Rule, gained: Counter[str]) -> str:
    ways = _WAYS_OUT | {"without"} if rule.modality in _PROHIBITIONS else _WAYS_OUT
    return next((word for word in gained if word in ways), "")


@dataclass(frozen=True, slots=True)
class _Places:
    """The lines as they were, and those of the new text that hold no rule, as words."""

    old: list[str]
    unbinding: list[tuple[Counter[str], str]]

    @classmethod
    def of(cls, old: ParsedDefinition, new: ParsedDefinition, *, times: int) -> "_Places":
        binding = {rule.line for rule in new.rules}
        lines = [
            line
            for number, line in enumerate(new.text.split("\n"), 1)
            if line.strip() and number not in binding
        ]
        searched = lines if times * len(new.text) <= _MOST_SEARCHED else []
        return cls(old.text.split("\n"), [(bag(line, _MODAL), line) for line in searched])


def _gone(rule: Rule, places: _Places) -> Change:
    """A rule that is a rule no more: said without binding, or not at all."""
    line = _still_said(rule, places)
    if line:
        sentence = f"The rule “{rule.text}” binds no more: the text only says “{line}”."
        return Change(Kind.RULE_WEAKENED, rule.key, sentence, rule.text, line)
    sentence = f"The rule “{rule.text}” is lost."
    kind = Kind.RULE_LOST if _binds(rule, places) else Kind.ADVICE_LOST
    return Change(kind, rule.key, sentence, before=rule.text)


def _binds(rule: Rule, places: _Places) -> bool:
    """Whether it prohibits, or was written in capitals: “Always use X” is advice."""
    if rule.modality in _PROHIBITIONS or not 0 < rule.line <= len(places.old):
        return True
    return _AS_WRITTEN.search(places.old[rule.line - 1]) is not None


def _still_said(rule: Rule, places: _Places) -> str:
    """The line of the new text that says the same without being a rule."""
    wanted = bag(rule.text, _MODAL)
    best, found = _STILL_SAID, ""
    for held, line in places.unbinding:
        score = likeness(wanted, held)
        if score > best or (score == best and not found):
            best, found = score, line
    return plain(found).lstrip("-*+ ")
