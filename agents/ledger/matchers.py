"""Structured matchers: their schema, their words, and whether one covers another. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from agents.ledger.presets import PRESETS, TITLES
from governance.base.errors import InvalidInput

MOST_MATCHERS = 40
MOST_VALUES = 200
LONGEST_VALUE = 300
# Such as ``a**/b``: the only wildcard that has to be tried at every place.
MOST_INSIDE = 2
_INSIDE_A_NAME = re.compile(r"[^/*!]\*\*/|\*\*\*/")
Access = Literal["read", "write", "look"]
Op = Literal["=", "!=", "~", ">", ">=", "<", "<=", "exists"]
# Every one of these must hold; of the other lists one is enough.
_ALL_OF = frozenset({"flags", "arguments"})


class CommandMatcher(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """``program``, ``subcommands`` and ``words``: one of; ``flags``: each, as ``-f|--force``.

    ``bare``: the command has no words but options.
    """

    program: tuple[str, ...]
    subcommands: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    bare: bool = False


class ArgumentMatcher(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    name: str
    op: Op
    value: str | int | float | bool | None = None


class Matcher(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """All facets that are given must hold. A preset stands alone."""

    preset: str = ""
    tool: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    command: CommandMatcher | None = None
    paths: tuple[str, ...] = ()
    access: tuple[Access, ...] = ()
    phrases: tuple[str, ...] = ()
    arguments: tuple[ArgumentMatcher, ...] = ()


def read_matchers(value: Any) -> tuple[Matcher, ...]:
    """JSON as matchers, or :class:`InvalidInput` that says which one is wrong, and how."""
    if not isinstance(value, list | tuple):
        raise InvalidInput("Matchers are a list.", code="bad_matcher")
    if len(value) > MOST_MATCHERS:
        raise InvalidInput(f"At most {MOST_MATCHERS} matchers, please.", code="bad_matcher")
    return tuple(_read(one, number) for number, one in enumerate(value, start=1))


def _read(value: Any, number: int) -> Matcher:
    try:
        matcher = msgspec.convert(value, Matcher)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"Matcher {number}: {error}.", code="bad_matcher") from error
    if reason := _wrong(matcher):
        raise InvalidInput(f"Matcher {number}: {reason}", code="bad_matcher")
    return matcher


def _wrong(matcher: Matcher) -> str:
    facets = as_json(matcher)
    if not facets:
        return "it is empty and would match everything."
    if matcher.preset:
        if matcher.preset not in PRESETS:
            return f"there is no preset {matcher.preset[:40]}."
        return "a preset stands alone." if len(facets) > 1 else ""
    if set(facets) == {"access"}:
        return "access needs paths."
    if matcher.command and not matcher.command.program:
        return "a command needs a program."
    values = list(_values(facets))
    if len(values) > MOST_VALUES:
        return f"it has more than {MOST_VALUES} values."
    if any(not value.strip() or len(value) > LONGEST_VALUE for value in values):
        return f"a value is empty or longer than {LONGEST_VALUE} characters."
    if any(len(_INSIDE_A_NAME.findall(path)) > MOST_INSIDE for path in matcher.paths):
        return f"** stands inside a name more than {MOST_INSIDE} times in one path."
    return "paths only exclude." if matcher.paths and not parted(matcher.paths)[0] else ""


def _values(value: Any) -> Sequence[str]:
    if isinstance(value, Mapping):
        return [one for part in value.values() for one in _values(part)]
    if isinstance(value, list | tuple):
        return [one for part in value for one in _values(part)]
    return [value] if isinstance(value, str) else []


def parted(globs: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The globs that match, and those that except something, without their ``!``."""
    wanted = tuple(glob for glob in globs if not glob.startswith("!"))
    return wanted, tuple(glob[1:] for glob in globs if glob.startswith("!"))


def as_json(matcher: Matcher) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(matcher))
    return built


def stored(matchers: Sequence[Matcher]) -> list[dict[str, Any]]:
    return [as_json(matcher) for matcher in matchers]


def expanded(matchers: Sequence[Matcher]) -> list[Matcher]:
    """Presets replaced by what they stand for."""
    found: list[Matcher] = []
    for matcher in matchers:
        made = read_matchers(PRESETS[matcher.preset]) if matcher.preset else (matcher,)
        found += made
    return found


def covers(wider: Sequence[Matcher], narrower: Sequence[Matcher]) -> bool:
    """Whether everything that ``narrower`` matches is certainly matched by ``wider`` too."""
    whole = [as_json(matcher) for matcher in expanded(wider)]
    return all(any(_covers(one, as_json(other)) for one in whole) for other in expanded(narrower))


def _covers(wide: Mapping[str, Any], narrow: Mapping[str, Any]) -> bool:
    return all(
        name in narrow and _covers_facet(name, value, narrow[name]) for name, value in wide.items()
    )


def _covers_facet(name: str, wide: Any, narrow: Any) -> bool:
    if isinstance(wide, Mapping):
        return _covers(wide, narrow)
    if isinstance(wide, bool):
        return bool(wide == narrow)
    if name in _ALL_OF:
        return all(one in narrow for one in wide)
    excluded = {one for one in wide if str(one).startswith("!")}
    if not excluded <= set(narrow):
        return False
    return {one for one in narrow if not str(one).startswith("!")} <= set(wide)


def in_words(matcher: Matcher) -> str:
    """A matcher as a sentence part: ``git push with --force or -f``."""
    if matcher.preset:
        return TITLES[matcher.preset]
    parts = [_command_words(matcher.command)] if matcher.command else []
    if matcher.tool:
        parts.append(f"the tool {_or(matcher.tool)}")
    if matcher.kind:
        parts.append(f"acts of the kind {_or(matcher.kind)}")
    if matcher.target:
        parts.append(f"the target {_or(matcher.target)}")
    if matcher.paths:
        does = _or([{"read": "reads", "write": "changes", "look": "looks at"}[one]
                    for one in matcher.access or ("read", "write")])  # fmt: skip
        wanted, but = parted(matcher.paths)
        parts.append(f"{does} {_or(wanted)}" + (f" but not {_or(but)}" if but else ""))
    if matcher.phrases:
        parts.append(f"holds the words “{'” or “'.join(matcher.phrases)}”")
    parts += [_argument_words(one) for one in matcher.arguments]
    return ", and ".join(parts)


def _command_words(command: CommandMatcher) -> str:
    parts = [_or(command.program)]
    if command.subcommands:
        parts.append(_or(command.subcommands))
    if command.bare:
        parts.append("on its own")
    parts += [f"with {_or(flag.split('|'))}" for flag in command.flags]
    if command.words:
        wanted, but = parted(command.words)
        on = "something" if wanted == ("*",) else _or(wanted)
        parts.append(f"on {on}" + (f" but not {_or(but)}" if but else ""))
    if command.phrases:
        parts.append(f"saying “{'” or “'.join(command.phrases)}”")
    return " ".join(parts)


def _argument_words(one: ArgumentMatcher) -> str:
    if one.op == "exists":
        return f"the argument {one.name} is given"
    words = {"~": "is like", "!=": "is not", "=": "is"}
    return f"the argument {one.name} {words.get(one.op, one.op)} {one.value}"


def _or(values: Sequence[str]) -> str:
    *first, last = values
    return f"{', '.join(first)} or {last}" if first else last
