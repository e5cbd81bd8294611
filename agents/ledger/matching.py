"""Rules compiled and indexed: which of them an act meets, surely or perhaps. Pure."""

import fnmatch
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

from agents.ledger.actions import Act, Touch
from agents.ledger.commands import Command
from agents.ledger.folding import folded, path_of, phrase_of, phrases_in
from agents.ledger.matchers import ArgumentMatcher, CommandMatcher, Matcher, expanded, parted

_WILD = re.compile(r"[*?\[]")
_SHORT_CLUSTER = re.compile(r"-[A-Za-z0-9]{1,8}")
_LEAST_ABBREVIATION = 5
_DEFAULT_ACCESS = ("read", "write")


class Fit(IntEnum):
    """``MAYBE``: some of it is known only when it runs."""

    NO = 0
    MAYBE = 1
    SURE = 2


Test = Callable[[Act], Fit]


@dataclass(frozen=True, slots=True)
class Hit:
    key: str
    fit: Fit


@dataclass(frozen=True, slots=True)
class _Compiled:
    """``tests`` must all hold."""

    key: str
    tests: tuple[Test, ...]
    reads_commands: bool


class RuleSet:
    """The rules of one version. ``hits`` costs what the act could meet, not all the rules."""

    def __init__(self, rules: Iterable[tuple[str, Sequence[Matcher]]]) -> None:
        self.by_program: dict[str, list[_Compiled]] = defaultdict(list)
        self.by_name: dict[str, list[_Compiled]] = defaultdict(list)
        self.by_path: list[tuple[re.Pattern[str], _Compiled]] = []
        self.others: list[_Compiled] = []
        self.commanded: list[str] = []
        self.compiled: list[_Compiled] = []
        for key, matchers in rules:
            for matcher in expanded(matchers):
                self._add(key, matcher)
        self.commanded = list(dict.fromkeys(self.commanded))
        self.any_path = _any_of([pattern.pattern for pattern, _ in self.by_path])

    def _add(self, key: str, matcher: Matcher) -> None:
        compiled = _compile(key, matcher)
        self.compiled.append(compiled)
        if compiled.reads_commands:
            self.commanded.append(key)
        command, names = matcher.command, matcher.tool or matcher.kind
        if command and not any(_WILD.search(name) for name in command.program):
            for program in command.program:
                self.by_program[folded(program)].append(compiled)
        elif names and not any(_WILD.search(name) for name in names):
            for name in names:
                self.by_name[folded(name)].append(compiled)
        elif matcher.paths:
            self.by_path.append((_paths(parted(matcher.paths)[0]), compiled))
        else:
            self.others.append(compiled)

    def hits(self, act: Act) -> list[Hit]:
        """The rules that the act meets, each once."""
        return self._met(act, self._candidates(act))

    def hits_one_by_one(self, act: Act) -> list[Hit]:
        """The same answer without the index: to check it, and to compare with."""
        return self._met(act, self.compiled)

    def _met(self, act: Act, candidates: Iterable[_Compiled]) -> list[Hit]:
        found: dict[str, Fit] = {}
        for one in candidates:
            if found.get(one.key) is not Fit.SURE and (fit := _fit(one, act)):
                found[one.key] = max(fit, found.get(one.key, Fit.NO))
        if act.opaque:
            for key in self.commanded:
                found.setdefault(key, Fit.MAYBE)
        return [Hit(key, fit) for key, fit in found.items()]

    def _candidates(self, act: Act) -> Iterator[_Compiled]:
        for command in act.commands:
            yield from self.by_program.get(command.program, ())
        yield from self.by_name.get(act.kind, ())
        if self.by_path and act.touches:
            yield from self._about_paths(act)
        yield from self.others

    def _about_paths(self, act: Act) -> Iterator[_Compiled]:
        paths = [touch.path.casefold() for touch in act.touches]
        globs = any(_WILD.search(path) for path in paths)
        if globs or any(self.any_path.fullmatch(path) for path in paths):
            for pattern, compiled in self.by_path:
                if globs or any(pattern.fullmatch(path) for path in paths):
                    yield compiled


def matches(matchers: Sequence[Matcher], act: Act) -> Fit:
    """What one rule says to an act, without an index."""
    hits = RuleSet([("rule", matchers)]).hits(act)
    return hits[0].fit if hits else Fit.NO


def _fit(compiled: _Compiled, act: Act) -> Fit:
    worst = Fit.SURE
    for test in compiled.tests:
        worst = min(worst, test(act))
        if worst is Fit.NO:
            break
    return worst


@lru_cache(maxsize=4096)
def _compile(key: str, matcher: Matcher) -> _Compiled:
    tests: list[Test] = []
    # Runners call a tool or a kind of act what they like: it is one name.
    if matcher.tool:
        tests.append(_name_test(matcher.tool, lambda act: act.kind))
    if matcher.kind:
        tests.append(_name_test(matcher.kind, lambda act: act.kind))
    if matcher.target:
        tests.append(_name_test(matcher.target, lambda act: act.target))
    if matcher.command:
        tests.append(_any_command(_command_test(matcher.command)))
    if matcher.paths:
        tests.append(_path_test(matcher.paths, matcher.access or _DEFAULT_ACCESS))
    if matcher.phrases:
        tests.append(_phrase_test(matcher.phrases))
    tests += [_argument_test(one) for one in matcher.arguments]
    return _Compiled(key, tuple(tests), bool(matcher.command or matcher.paths))


# --- names, paths, phrases ------------------------------------------------------------------


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in patterns) or r"(?!)")


@lru_cache(maxsize=4096)
def _globs(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(folded(one)) for one in globs) or r"(?!)")


def _name_test(globs: tuple[str, ...], name: Callable[[Act], str]) -> Test:
    pattern = _globs(globs)
    return lambda act: Fit.SURE if pattern.match(name(act)) else Fit.NO


def path_pattern(glob: str) -> str:
    """A glob as a pattern; one without a leading slash stands at any depth."""
    plain = path_of(glob).casefold()
    prefix = "" if plain.startswith(("/", "~")) else "**/"
    # What lies under a matched folder is matched as well.
    return f"{_deep(prefix + plain)}(?:/.*)?"


def _deep(glob: str) -> str:
    """Whatever stands between two ``**`` is found where it comes first and never looked for again.

    So no path takes a time that grows with the power of the wildcards. It changes nothing that is
    matched, since what follows may begin anywhere behind; but ``a**/b`` may go on at once or in
    another folder, so there the place of ``a`` is looked for again.
    """
    first, *rest = re.split(r"(\*\*/?)", glob)
    deeps, runs = ["", *rest[::2]], [first, *rest[1::2]]
    pattern = ""
    for deep, run, then in zip(deeps, runs, [*deeps[1:], None], strict=True):
        ahead = {"": "", "**": ".*?", "**/": "(?:.*?/)??"}[deep]
        part = ahead + _flat(run, is_last=then is None)
        may_go_on = run.endswith("/") or not (run or deep == "**")
        is_first_best = then == "**" or (then == "**/" and may_go_on)
        pattern += f"(?>{part})" if is_first_best else part
    return pattern


def _flat(glob: str, *, is_last: bool) -> str:
    """The same for ``*`` within a folder; only what the end of the path follows is tried again."""
    first, *rest = (re.escape(part).replace(r"\?", "[^/]") for part in re.split(r"\*+", glob))
    if not rest:
        return first
    *between, last = rest
    middle = "".join(f"(?>[^/]*?{part})" for part in between)
    return f"{first}{middle}[^/]*?{last}"


def _paths(globs: tuple[str, ...]) -> re.Pattern[str]:
    return _any_of([path_pattern(glob) for glob in globs])


def _path_test(globs: tuple[str, ...], access: Sequence[str]) -> Test:
    positive, excluded = parted(globs)
    wanted, spared = _paths(positive), _paths(excluded)
    plain = [path_of(glob).casefold() for glob in positive]
    names = [re.sub(r"\*+/?", "", glob).rsplit("/", 1)[-1] for glob in plain]
    names = [name for name in names if name]

    def test(act: Act) -> Fit:
        fit = Fit.NO
        for touch in act.touches:
            if touch.access in access:
                fit = max(fit, _path_fit(touch, wanted, spared, names))
        return fit

    return test


def _path_fit(
    touch: Touch, wanted: re.Pattern[str], spared: re.Pattern[str], names: Sequence[str]
) -> Fit:
    path = touch.path.casefold()
    if wanted.fullmatch(path):
        return Fit.NO if spared.fullmatch(path) else Fit.SURE
    last = path.rsplit("/", 1)[-1]
    # `.e*` may become `.env`; `*` alone says nothing.
    says_something = _WILD.search(last) and _WILD.sub("", last).strip("].")
    if says_something and any(fnmatch.fnmatchcase(name, last) for name in names):
        return Fit.MAYBE
    return Fit.NO


def _holds(phrases: Sequence[str], texts: Iterable[str]) -> bool:
    return any(
        phrase in shape for text in texts for shape in phrases_in(text) for phrase in phrases
    )


def _phrase_test(phrases: tuple[str, ...]) -> Test:
    wanted = [phrase_of(one) for one in phrases]

    def test(act: Act) -> Fit:
        texts = [act.target, *(str(one) for one in act.arguments.values() if one is not None)]
        return Fit.SURE if _holds(wanted, texts) else Fit.NO

    return test


# --- commands -------------------------------------------------------------------------------


def _any_command(test: Callable[[Command], Fit]) -> Test:
    def tested(act: Act) -> Fit:
        return max((test(command) for command in act.commands), default=Fit.NO)

    return tested


def _command_test(wanted: CommandMatcher) -> Callable[[Command], Fit]:
    programs = _globs(wanted.program)
    sequences = [_sequence(one) for one in wanted.subcommands]
    flags = [one.split("|") for one in wanted.flags]
    operands, spared = map(_globs, parted(wanted.words))
    phrases = [phrase_of(one) for one in wanted.phrases]

    def test(command: Command) -> Fit:
        if not programs.match(command.program):
            return Fit.NO
        fit, rest = _subcommand(command, sequences)
        if fit is Fit.NO:
            return fit
        for options in flags:
            fit = min(fit, _flag(command, options))
        if wanted.words:
            fit = min(fit, _operand(command, rest, operands, spared))
        if wanted.bare and _operands(command, rest):
            return Fit.NO
        if phrases and not _holds(phrases, _statements(command)):
            return Fit.MAYBE if command.unsure else Fit.NO
        return fit

    return test


def _statements(command: Command) -> Iterator[str]:
    """What the command is given to say: each word, all of them, values of options, its input."""
    yield command.fed
    for word in command.words:
        if word[:2] == "--":
            yield word.partition("=")[2]
        else:
            yield word[2:] if word[:1] == "-" else word
    yield " ".join(word for word in command.words if word[:1] != "-")


def _sequence(text: str) -> list[re.Pattern[str]]:
    return [_globs((one,)) for one in text.split()]


def _subcommand(command: Command, sequences: list[list[re.Pattern[str]]]) -> tuple[Fit, int]:
    """How sure it is one of these subcommands, and where its operands begin."""
    if not sequences:
        return Fit.SURE, 0
    best, start = Fit.NO, 0
    for sequence in sequences:
        fit, at = _follows(command, sequence, 0)
        if fit > best:
            best, start = fit, at
    return best, start


def _follows(command: Command, sequence: list[re.Pattern[str]], at: int) -> tuple[Fit, int]:
    """Find each word in turn; only options, and what may be their values, stand between."""
    for pattern in sequence:
        while True:
            if at >= len(command.words):
                return Fit.NO, at
            word = command.words[at]
            if pattern.match(folded(word)):
                break
            if at in command.unsure:
                return Fit.MAYBE, at
            after_option = at > 0 and command.words[at - 1].startswith("-")
            if not (word.startswith("-") or after_option or _is_setting(word)):
                return Fit.NO, at
            at += 1
        at += 1
    return Fit.SURE, at


def _is_setting(word: str) -> bool:
    return word.startswith("+") or "=" in word


def _flag(command: Command, options: Sequence[str]) -> Fit:
    """Whether one of these options is given: also in a cluster, abbreviated, or with a value."""
    perhaps = Fit.NO
    for place, word in enumerate(command.words):
        if word == "--":
            break
        if place in command.unsure:
            before = command.words[place - 1] if place else ""
            perhaps = perhaps if before.startswith("-") else Fit.MAYBE
        if word[:1] == "-" and any(_is_flag(word, option) for option in options):
            return Fit.SURE
    return perhaps


def _is_flag(word: str, option: str) -> bool:
    name = word.partition("=")[0]
    if name == option:
        return True
    if option.startswith("--"):
        return len(name) >= _LEAST_ABBREVIATION and option.startswith(name) and name[:2] == "--"
    return len(option) == 2 and option[1] in name[1:] and bool(_SHORT_CLUSTER.fullmatch(name))


def _operands(command: Command, start: int) -> list[tuple[int, str]]:
    return [
        (place, word)
        for place, word in enumerate(command.words)
        if place >= start and (not word.startswith("-") or word == "-")
    ]


def _operand(command: Command, start: int, wanted: re.Pattern[str], spared: re.Pattern[str]) -> Fit:
    perhaps = Fit.NO
    for place, word in _operands(command, start):
        plain = folded(word)
        shapes = {plain, path_of(plain)}
        if any(wanted.match(one) and not spared.match(one) for one in shapes):
            return Fit.SURE
        if place in command.unsure:
            perhaps = Fit.MAYBE
    return perhaps


# --- arguments ------------------------------------------------------------------------------


def _argument_test(wanted: ArgumentMatcher) -> Test:
    names = _globs((wanted.name,))
    compare = _COMPARED[wanted.op]

    def test(act: Act) -> Fit:
        found = [value for name, value in act.arguments.items() if names.match(name)]
        if not found:
            return Fit.SURE if wanted.op == "!=" else Fit.NO
        return Fit.SURE if any(compare(value, wanted.value) for value in found) else Fit.NO

    return test


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).casefold()
    return folded(str(value)).strip()


def _numbers(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    """A value that is no number meets every bound: it cannot be shown to keep it."""

    def compared(value: Any, bound: Any) -> bool:
        if isinstance(value, list | tuple | Mapping):
            return False
        try:
            return compare(float(_text(value).replace(",", "").replace("_", "")), float(bound))
        except (TypeError, ValueError):
            return True

    return compared


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, wanted: _text(value) == _text(wanted),
    "!=": lambda value, wanted: _text(value) != _text(wanted),
    "~": lambda value, wanted: bool(_globs((str(wanted),)).match(_text(value))),
    "exists": lambda value, wanted: True,
    ">": _numbers(lambda value, bound: value > bound),
    ">=": _numbers(lambda value, bound: value >= bound),
    "<": _numbers(lambda value, bound: value < bound),
    "<=": _numbers(lambda value, bound: value <= bound),
}
