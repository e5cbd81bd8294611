"""Commands in a piece of shell text: each program that would run, unwrapped, with its words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.ledger.folding import seen
from agents.ledger.shell import Body, Lexed, Word, lex
from agents.ledger.wrapping import Inner, inside

_SEPARATORS = frozenset({"&&", "||", ";", ";;", ";&", ";;&", "&", "|", "|&", "\n", "(", ")"})
_PIPES = frozenset({"|", "|&"})
_WRITING = frozenset({">", ">>", ">|", "&>", "&>>", "<>", ">&"})
_RESERVED = frozenset(
    "if then elif else fi do done while until { } ! time esac coproc".split()  # noqa: SIM905
)
_LISTS = frozenset({"for", "case", "select", "function"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_SIMPLE = re.compile(r"[\w@%+:,./=-]+(?: [\w@%+:,./=-]+)*", re.ASCII)
_SUFFIX = re.compile(r"\.(?:exe|cmd|bat|com)$")
DEEPEST = 8
MOST_WORDS = 2000
LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """One program and its words. ``fed`` is the text that it reads from the line itself.

    ``unsure`` holds the places of words that could turn out to be anything when it runs.
    """

    program: str
    words: tuple[str, ...] = ()
    unsure: frozenset[int] = frozenset()
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    fed: str = ""
    is_piped_into: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """``opaque`` says why some of the text cannot be judged before it runs."""

    commands: tuple[Command, ...] = ()
    opaque: tuple[str, ...] = ()


@dataclass(slots=True)
class Stage:
    """A simple command as it stands in the text."""

    words: list[Word]
    writes: list[str]
    reads: list[str]
    fed: str = ""
    is_piped_into: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.writes or self.reads)


def parse_command(text: str) -> Parsed:
    """All commands of a text. Never raises."""
    if len(text) > LONGEST:
        return Parsed(opaque=(f"the command is longer than {LONGEST // 1024} KiB",))
    plain = seen(text)
    if plain.count(" ") < MOST_WORDS and _SIMPLE.fullmatch(plain) and not _ASSIGNMENT.match(plain):
        return _gathered(iter([Stage([Word(one) for one in plain.split(" ")], [], [])]))
    return parse_text(plain, 0)


def parse_words(words: Sequence[str]) -> Parsed:
    """A list of words as a program receives them, with no shell between."""
    if len(words) > MOST_WORDS:
        return Parsed(opaque=(f"the command has more than {MOST_WORDS} words",))
    return _gathered(iter([Stage([Word(seen(one)) for one in words], [], [])]))


def parse_text(text: str, depth: int) -> Parsed:
    if depth > DEEPEST:
        return Parsed(opaque=("commands are nested too deeply",))
    lexed = lex(text)
    if len(lexed.tokens) > MOST_WORDS:
        return Parsed(opaque=(f"the command has more than {MOST_WORDS} words",))
    found = _gathered(stages(lexed), depth)
    inner = [parse_text(one, depth + 1) for one in lexed.nested]
    return joined([found, *inner], lexed.opaque)


def joined(parts: Sequence[Parsed], opaque: Sequence[str] = ()) -> Parsed:
    commands = tuple(command for part in parts for command in part.commands)
    reasons = (*opaque, *(reason for part in parts for reason in part.opaque))
    return Parsed(commands, tuple(dict.fromkeys(reasons)))


def _gathered(found: Iterator[Stage], depth: int = 0) -> Parsed:
    return joined([unwrap(stage, depth) for stage in found])


def stages(lexed: Lexed) -> Iterator[Stage]:
    """The simple commands of a text, each with what the one before it in a pipe would say."""
    stage, redirect = Stage([], [], []), ""
    for token in lexed.tokens:
        if isinstance(token, Body):
            stage.fed, redirect = token.text, ""
        elif isinstance(token, Word):
            redirect = _place(stage, token, redirect)
        elif token in _SEPARATORS:
            if not stage.is_empty:
                yield stage
            said = _said(stage) if token in _PIPES else ""
            stage, redirect = Stage([], [], [], said, token in _PIPES), ""
        else:
            redirect = token
    if not stage.is_empty:
        yield stage


def _place(stage: Stage, word: Word, redirect: str) -> str:
    if redirect == "<<<":
        stage.fed = word.text
    elif redirect in _WRITING:
        if not (redirect == ">&" and word.text in {"1", "2", "-"}):
            stage.writes.append(word.text)
    elif redirect in {"<", "<&"}:
        stage.reads.append(word.text)
    elif stage.words or word.text not in _RESERVED:
        stage.words.append(word)
    return ""


def _said(stage: Stage) -> str:
    """What ``echo`` or ``printf`` prints, where the text tells it."""
    words = [word for word in stage.words if not word.text.startswith("-")]
    if len(words) > 1 and base(words[0].text) in {"echo", "printf"}:
        if any(word.dynamic for word in words):
            return ""
        return " ".join(word.text for word in words[1:]).replace("\\n", "\n")
    return ""


def base(program: str) -> str:
    """``/usr/bin/RM`` and ``rm.exe`` are ``rm``."""
    name = program.replace("\\", "/").rsplit("/", 1)[-1].casefold()
    return _SUFFIX.sub("", name)


def unwrap(stage: Stage, depth: int) -> Parsed:
    """The command of a stage, and those that it only wraps."""
    words = list(stage.words)
    while words and _ASSIGNMENT.match(words[0].text):
        words.pop(0)
    if not words:
        only = Command("", writes=tuple(stage.writes), reads=tuple(stage.reads))
        return Parsed((only,) if stage.writes or stage.reads else ())
    first = words[0]
    if first.text in _LISTS:
        return Parsed()
    if first.dynamic or first.glob and first.text not in {"[", "[["}:
        return Parsed(opaque=("which program runs is known only when it runs",))
    return joined([_command(stage, words), *_inside(base(first.text), words, stage, depth)])


def _command(stage: Stage, words: Sequence[Word]) -> Parsed:
    made = Command(
        base(words[0].text),
        tuple(word.text for word in words[1:]),
        frozenset(place for place, word in enumerate(words[1:]) if word.leads),
        tuple(stage.writes),
        tuple(stage.reads),
        stage.fed,
        stage.is_piped_into,
    )
    return Parsed((made,))


def _inside(program: str, words: list[Word], stage: Stage, depth: int) -> list[Parsed]:
    found = inside(program, words, fed=stage.fed, is_piped_into=stage.is_piped_into)
    return [_follow(inner, stage, depth) for inner in found]


def _follow(found: Inner, stage: Stage, depth: int) -> Parsed:
    if found.opaque:
        return Parsed(opaque=(found.opaque,))
    if depth >= DEEPEST:
        return Parsed(opaque=("commands are nested too deeply",))
    if found.text is not None:
        return parse_text(found.text, depth + 1)
    inner = Stage(found.words, [], [], stage.fed, stage.is_piped_into)
    return unwrap(inner, depth + 1)
