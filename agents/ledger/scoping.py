"""Whether an act lies wholly within the pattern that a decider stated. Pure, and strict.

A rule forbids, so its matchers look for any part of an act that could be meant. A permit allows,
so here every part must be meant: each command, option, word and file; nothing is guessed, and
what the pattern does not name is not covered.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agents.ledger.actions import Act, Touch, normalise
from agents.ledger.commands import Command
from agents.ledger.folding import folded, path_of
from agents.ledger.matchers import (
    ArgumentMatcher,
    CommandMatcher,
    Matcher,
    as_json,
    parted,
    read_matchers,
)
from agents.ledger.matching import Fit, matches
from governance.base.errors import InvalidInput

# Words alone: no quotes, variables, pipes, redirections or settings in front of a program.
_PLAIN = re.compile(r"[\w@%+:,./=-]+(?:[ \n][\w@%+:,./=-]+)*", re.ASCII)
_SETTING = re.compile(r"[A-Za-z_]\w*\+?=")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)
_SAYS_SOMETHING = re.compile(r"\w")
_BOUNDS = frozenset({">", ">=", "<", "<="})


def read_pattern(value: Any) -> Matcher:
    """A pattern as a decider states it, or :class:`InvalidInput` that says what it cannot be."""
    (matcher,) = read_matchers([value])
    if matcher.preset:
        raise InvalidInput("A permit states its own pattern, not a preset.", code="bad_pattern")
    if matcher.phrases or (matcher.command and matcher.command.phrases):
        raise InvalidInput("Words in a text bound no act.", code="bad_pattern")
    if not (matcher.tool or matcher.kind or matcher.target or matcher.command or matcher.paths):
        raise InvalidInput(
            "A pattern names a kind of act, a target, a command or files.", code="bad_pattern"
        )
    if not _bounds_something(matcher):
        raise InvalidInput("Wildcards alone bound no act: name what you mean.", code="bad_pattern")
    return matcher


def _bounds_something(matcher: Matcher) -> bool:
    """Whether one facet names something in each of its values; a command names its program."""
    if matcher.command and not _all_named(matcher.command.program):
        return False
    facets = (matcher.tool, matcher.kind, matcher.target, parted(matcher.paths)[0])
    return matcher.command is not None or any(map(_all_named, facets))


def _all_named(globs: Sequence[str]) -> bool:
    return bool(globs) and all(_SAYS_SOMETHING.search(glob) for glob in globs)


def stored_pattern(value: Any) -> dict[str, Any]:
    """The pattern as a permit keeps it."""
    return as_json(read_pattern(value))


def lies_within(pattern: Matcher, action: Mapping[str, Any]) -> bool:
    """Whether all of ``action`` (``{kind, target, arguments}``) is what the pattern names."""
    kind, target = str(action.get("kind") or ""), str(action.get("target") or "")
    arguments = action.get("arguments")
    act = normalise(kind=kind, target=target, arguments=arguments)
    if act.opaque or not (_is_itself(kind) and _is_itself(target)):
        return False
    if matches((pattern,), act) is not Fit.SURE:
        return False
    texts = [target, *_texts(arguments)]
    return (
        _commands_covered(pattern, act, texts)
        and _files_covered(pattern, act)
        and all(_argument_fits(one, act) for one in pattern.arguments)
    )


def _is_itself(name: str) -> bool:
    """Not a name that only looks like another one."""
    return folded(name) == name.casefold()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value


# --- commands -------------------------------------------------------------------------------


def _commands_covered(pattern: Matcher, act: Act, texts: list[str]) -> bool:
    if not act.commands:
        return True
    wanted = pattern.command
    plain = all(not text or (_PLAIN.fullmatch(text) and not _SETTING.match(text)) for text in texts)
    if wanted is None or not plain:
        return False
    words = {word.casefold() for text in texts for word in text.split()}
    return all(one.program in words and _command_covered(wanted, one, act) for one in act.commands)


def _command_covered(wanted: CommandMatcher, command: Command, act: Act) -> bool:
    if command.writes or command.reads or command.fed or command.is_piped_into or command.unsure:
        return False
    alone = replace(act, commands=(command,))
    if matches((Matcher(command=wanted),), alone) is not Fit.SURE:
        return False
    options = {name for flag in wanted.flags for name in flag.split("|")}
    if any(word[:1] == "-" and word not in options for word in command.words):
        return False
    return all(_word_fits(wanted, word, alone) for word in _operands(wanted, command))


def _operands(wanted: CommandMatcher, command: Command) -> list[str]:
    """The words after the subcommand that are no options; the options were checked."""
    words = [word for word in command.words if word[:1] != "-"]
    longest = max((one.split() for one in wanted.subcommands if _begins(words, one)), key=len,
                  default=[])  # fmt: skip
    return words[len(longest) :]


def _begins(words: list[str], subcommand: str) -> bool:
    parts = subcommand.split()
    given = [word.casefold() for word in words[: len(parts)]]
    return given == [part.casefold() for part in parts]


def _word_fits(wanted: CommandMatcher, word: str, act: Act) -> bool:
    """Each word by itself; a path that climbs out of where it seems to be fits nothing."""
    if not wanted.words or ".." in word.split("/"):
        return False
    alone = Command("x", (word,))
    one = Matcher(command=CommandMatcher(program=("x",), words=wanted.words))
    return matches((one,), replace(act, commands=(alone,), touches=())) is Fit.SURE


# --- files ----------------------------------------------------------------------------------


def _files_covered(pattern: Matcher, act: Act) -> bool:
    if pattern.paths:
        return all(_file_fits(pattern, touch, act) for touch in act.touches)
    named = {path_of(word.lstrip("@")) for one in act.commands for word in one.words}
    if pattern.target and not act.commands:
        # A target without spaces reads as a path as well.
        named.add(path_of(act.target))
    return all(folded(touch.path) in {folded(one) for one in named} for touch in act.touches)


def _file_fits(pattern: Matcher, touch: Touch, act: Act) -> bool:
    one = Matcher(paths=pattern.paths, access=pattern.access)
    return matches((one,), replace(act, commands=(), touches=(touch,))) is Fit.SURE


# --- arguments ------------------------------------------------------------------------------


def _argument_fits(wanted: ArgumentMatcher, act: Act) -> bool:
    """Given, and each value by that name keeps the bound; a bound is kept by numbers only."""
    one = Matcher(arguments=(wanted,))
    name = (Matcher(arguments=(ArgumentMatcher(name=wanted.name, op="exists"),)),)
    named = {
        key: value
        for key, value in act.arguments.items()
        if matches(name, replace(act, arguments={key: value})) is Fit.SURE
    }
    if not named:
        return False
    if wanted.op in _BOUNDS and not all(map(_is_number, named.values())):
        return False
    return all(
        matches((one,), replace(act, arguments={key: value})) is Fit.SURE
        for key, value in named.items()
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or bool(_NUMBER.fullmatch(str(value)))
