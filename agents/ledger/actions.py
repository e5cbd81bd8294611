"""An act as the matchers see it: commands, paths, tools and arguments in one normal form."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from agents.ledger.commands import Command, Parsed, joined, parse_command, parse_words
from agents.ledger.folding import folded, path_of
from governance.base.canonical import digest_of

READ, WRITE, LOOK = "read", "write", "look"
SHELL_KINDS = frozenset(
    {
        *("bash", "cli", "cmd", "command", "exec", "execute", "powershell", "process", "pwsh"),
        *("run", "script", "sh", "shell", "terminal", "zsh", "run_command", "run_shell_command"),
        *("execute_command", "local_shell", "run_in_terminal", "runcommands", "shell_command"),
    }
)
READING = frozenset(
    {
        *("read", "grep", "glob", "ls", "list", "search", "view", "notebookread", "read_file"),
        *("list_directory", "search_files", "codebase", "file_search", "grep_search"),
    }
)
_COMMAND_KEYS = frozenset({"command", "cmd", "argv", "script", "commands", "shell", "command_line"})
_PATH_KEYS = frozenset(
    {
        *("path", "paths", "file", "files", "file_path", "filepath", "filename", "file_paths"),
        *("notebook_path", "source", "src", "destination", "dest", "dst", "target_file", "uri"),
        *("old_path", "new_path", "absolute_path", "relative_path", "target_path", "filepaths"),
    }
)
_WRITERS = frozenset(
    {
        *("chmod", "chown", "cp", "dd", "ed", "emacs", "install", "ln", "mkdir", "mv", "nano"),
        *("patch", "rm", "rmdir", "rsync", "shred", "tee", "touch", "truncate", "unlink", "vi"),
        *("vim", "code", "ex", "sponge", "unzip"),
    }
)
_LAST_IS_WRITTEN = frozenset({"cp", "rsync", "scp", "ln", "install"})
_LOOKERS = frozenset(
    {
        *("[", "basename", "dirname", "file", "ls", "realpath", "stat", "test", "tree", "which"),
        *("cd", "du", "pwd", "whereis", "type", "exa", "eza", "pushd", "readlink", "wc"),
    }
)
_TALKERS = frozenset({"echo", "printf", "true", "false", ":", "say", "notify-send", "logger"})
_PATTERN_FIRST = frozenset(
    {"grep", "egrep", "fgrep", "rg", "ag", "ack", "sed", "awk", "gawk", "jq"}
)
_MESSAGE_OPTIONS = frozenset({"-m", "--message", "--body", "--title", "-t", "-F", "--notes", "-am"})
_TALKATIVE = frozenset({"git", "gh", "hub", "glab", "svn", "hg"})
_SPACE = re.compile(r"\s")
_LONGEST_KEPT = 2000
DEEPEST_ARGUMENT = 6
MOST_ARGUMENTS = 500


@dataclass(frozen=True, slots=True)
class Touch:
    """A path and what is done to it; ``glob`` where a shell would fill in the name."""

    path: str
    access: str


@dataclass(frozen=True, slots=True)
class Act:
    """``folded`` names; commands unwrapped; ``opaque`` reasons why some of it cannot be judged."""

    kind: str
    target: str
    commands: tuple[Command, ...] = ()
    touches: tuple[Touch, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    opaque: tuple[str, ...] = ()

    @property
    def only_reads(self) -> bool:
        """Whether it is a plain reading tool, and nothing that runs or changes anything."""
        calm = not self.commands and not self.opaque
        return self.kind in READING and calm and all(one.access != WRITE for one in self.touches)


def action_of_tool(
    tool: str, *, command: str = "", paths: Sequence[str] = (), given: Any = None
) -> dict[str, Any]:
    """The action {kind, target, arguments} that a tool call amounts to."""
    arguments = dict(given) if isinstance(given, Mapping) else {}
    if command:
        arguments.setdefault("command", command)
    if paths:
        arguments.setdefault("paths", list(paths))
    target = command or next(iter(paths), "") or _first_path(arguments)
    return {"kind": tool, "target": target, "arguments": arguments}


def _first_path(arguments: Mapping[str, Any]) -> str:
    values = (value for name, value in arguments.items() if name.casefold() in _PATH_KEYS)
    return next((value for value in values if isinstance(value, str)), "")


def act_digest(*, environment: str, kind: str, target: str, arguments: Any) -> str:
    """What a permit for an act is bound to, beside the request that people saw."""
    return digest_of(
        {
            "environment": environment,
            "kind": kind,
            "target": target,
            "arguments": arguments or {},
        }
    )


@dataclass(frozen=True, slots=True)
class Read:
    """Commands, and the paths that they touch."""

    parsed: Parsed = Parsed()
    touches: tuple[Touch, ...] = ()


def _reading(parsed: Parsed) -> Read:
    return Read(parsed, tuple(touch for one in parsed.commands for touch in _touched(one)))


def _read_text(text: str) -> Read:
    return read_text(text) if len(text) <= _LONGEST_KEPT else _reading(parse_command(text))


@lru_cache(maxsize=4096)
def read_text(text: str) -> Read:
    """The commands of a text, kept: agents repeat themselves."""
    return _reading(parse_command(text))


def normalise(*, kind: str, target: str = "", arguments: Any = None) -> Act:
    """An action, whatever the runner calls it, as something that matchers compare."""
    name = folded(kind).strip()
    flat = dict(_flat(arguments))
    parts = _commands(name, target, arguments)
    parsed = parts[0].parsed if len(parts) == 1 else joined([part.parsed for part in parts])
    touches = [touch for part in parts for touch in part.touches]
    touches += _named_paths(name, target, arguments)
    return Act(
        kind=name,
        target=folded(target).strip(),
        commands=parsed.commands,
        touches=tuple(dict.fromkeys(touches)),
        arguments=flat,
        opaque=parsed.opaque,
    )


def _flat(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """``{"a": {"b": 1}}`` as ``a.b``; lists as their members."""
    if depth > DEEPEST_ARGUMENT:
        return
    if isinstance(value, Mapping):
        for key, one in list(value.items())[:MOST_ARGUMENTS]:
            yield from _flat(
                one, f"{name}.{folded(str(key))}" if name else folded(str(key)), depth + 1
            )
    elif isinstance(value, list | tuple):
        yield name, value
        for place, one in enumerate(value[:MOST_ARGUMENTS]):
            yield from _flat(one, f"{name}.{place}", depth + 1)
    else:
        yield name, value


def _commands(kind: str, target: str, arguments: Any) -> list[Read]:
    values = list(_under(arguments, _COMMAND_KEYS))
    parts = [_read(value) for value in values]
    if kind in SHELL_KINDS:
        listed = arguments if isinstance(arguments, list | tuple | str) else None
        parts += [_read(value) for value in (listed, target) if value and value not in values]
    elif _SPACE.search(target.strip()):
        # A guess: what is read is used, what is not readable means nothing.
        read = _read_text(target)
        parts.append(Read(Parsed(read.parsed.commands), read.touches))
    return parts


def _read(value: Any) -> Read:
    if isinstance(value, str):
        return _read_text(value)
    return _reading(_listed(value)) if isinstance(value, list | tuple) else Read()


def _listed(value: Sequence[Any]) -> Parsed:
    words = [one for one in value if isinstance(one, str)]
    if any(isinstance(one, list | tuple | Mapping) for one in value):
        return joined([_listed(one) for one in value if isinstance(one, list | tuple)])
    if words and _SPACE.search(words[0].strip()):
        return joined([parse_command(word) for word in words])
    return parse_words(words) if words else Parsed()


def _under(value: Any, names: frozenset[str], depth: int = 0) -> Iterator[Any]:
    """Values of the arguments with one of these names, at any depth."""
    if depth > DEEPEST_ARGUMENT:
        return
    if isinstance(value, Mapping):
        for key, one in value.items():
            if folded(str(key)).replace("-", "_") in names:
                yield one
            else:
                yield from _under(one, names, depth + 1)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _under(one, names, depth + 1)


def _named_paths(kind: str, target: str, arguments: Any) -> Iterator[Touch]:
    """Paths that a tool names; what is not known to read only counts as writing."""
    access = READ if kind in READING else WRITE
    for value in _under(arguments, _PATH_KEYS):
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, str) and one:
                yield Touch(path_of(one), access)
    if target and kind not in SHELL_KINDS and not _SPACE.search(target.strip()):
        yield Touch(path_of(target), access)


def _touched(command: Command) -> Iterator[Touch]:
    for path in command.writes:
        yield Touch(path_of(path), WRITE)
    for path in command.reads:
        yield Touch(path_of(path), READ)
    if command.program in _TALKERS:
        return
    places = list(_path_words(command))
    for place, word in enumerate(places):
        yield Touch(path_of(word), _access(command, last=place == len(places) - 1))


def _access(command: Command, *, last: bool) -> str:
    program = command.program
    if program in _LOOKERS:
        return LOOK
    if program in _LAST_IS_WRITTEN:
        return WRITE if last else READ
    in_place = any(word.startswith(("-i", "--in-place")) for word in command.words)
    if program in _WRITERS or (program in {"sed", "perl", "ruby", "yq"} and in_place):
        return WRITE
    changing = {"mv", "rm", "checkout", "restore", "apply"}
    if program == "git" and command.words and command.words[0] in changing:
        return WRITE
    return READ


def _path_words(command: Command) -> Iterator[str]:
    """Words that could name a file: operands, values of options, ``@file`` and ``of=file``."""
    skip = command.program in _PATTERN_FIRST and "-f" not in command.words
    before = ""
    for word in command.words:
        is_message = command.program in _TALKATIVE and before in _MESSAGE_OPTIONS
        before, text = word, word
        if word.startswith("-") and not word.startswith("-/"):
            text = word.partition("=")[2]
        elif skip:
            skip = False
            continue
        elif "=" in word and "/" not in word.partition("=")[0]:
            text = word.partition("=")[2]
        if text and not is_message:
            yield text.lstrip("@")
