"""Programs that run other programs: what stands inside ``sudo``, ``sh -c``, ``xargs``, ``ssh``."""

import re
from dataclasses import dataclass, field

from agents.ledger.shell import Word

# After these programs another command follows; the words are options that take a value, and the
# number says how many words of their own come first.
_PREFIXES: dict[str, tuple[str, int]] = {
    "builtin": ("", 0),
    "busybox": ("", 0),
    "caffeinate": ("-t -w", 0),
    "chroot": ("", 1),
    "chronic": ("", 0),
    "command": ("", 0),
    "doas": ("-u -C", 0),
    "env": ("-u -C --unset --chdir", 0),
    "exec": ("-a", 0),
    "flock": ("-w -E --timeout", 1),
    "ionice": ("-c -n -p", 0),
    "nice": ("-n --adjustment", 0),
    "nohup": ("", 0),
    "parallel": ("-j --jobs", 0),
    "setsid": ("", 0),
    "stdbuf": ("-i -o -e", 0),
    "strace": ("-e -o -p -s", 0),
    "sudo": ("-u -g -h -p -C -T -r -t -U -D -R --user --group --host --chdir", 0),
    "time": ("-f -o", 0),
    "timeout": ("-s -k --signal --kill-after", 1),
    "toybox": ("", 0),
    "unbuffer": ("", 0),
    "watch": ("-n --interval", 0),
    "xargs": ("-I -n -P -L -d -a -E -s --max-args --max-procs --replace --delimiter", 0),
    "npx": ("-p --package -c", 0),
    "bunx": ("", 0),
}
# The same after a subcommand: ``uv run``, ``docker exec container``.
_RUNNERS: dict[tuple[str, str], tuple[str, int]] = {
    ("bundle", "exec"): ("", 0),
    ("docker", "exec"): ("-e -u -w --env --user --workdir --env-file", 1),
    ("docker", "run"): (
        (
            "-e -u -w -v -p --env --user --workdir --volume --publish --name --entrypoint --network"
            " --env-file --mount --platform --label -l --memory -m --cpus"
        ),
        1,
    ),
    ("docker-compose", "exec"): ("-e -u -w --env --user --workdir --index", 1),
    ("docker-compose", "run"): ("-e -u -w -v -p --env --user --workdir --name --entrypoint", 1),
    ("kubectl", "exec"): ("-n -c --namespace --container --context", 1),
    ("hatch", "run"): ("", 0),
    ("pdm", "run"): ("", 0),
    ("pipenv", "run"): ("", 0),
    ("pnpm", "dlx"): ("", 0),
    ("pnpm", "exec"): ("", 0),
    ("podman", "exec"): ("-e -u -w --env --user --workdir", 1),
    ("podman", "run"): ("-e -u -w -v -p --env --user --workdir --volume --name --entrypoint", 1),
    ("poetry", "run"): ("", 0),
    ("rye", "run"): ("", 0),
    ("uv", "run"): ("--with --python -p --extra --group --directory --project --env-file", 0),
    ("yarn", "exec"): ("", 0),
}
SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "mksh", "ash", "rbash", "fish"})
_INLINE: dict[str, tuple[str, ...]] = {
    "python": ("-c",),
    "pypy": ("-c",),
    "perl": ("-e", "-E"),
    "ruby": ("-e",),
    "node": ("-e", "-p", "--eval", "--print"),
    "bun": ("-e", "--eval"),
    "deno": ("eval",),
    "php": ("-r",),
    "lua": ("-e",),
    "osascript": ("-e",),
    "rscript": ("-e",),
    "pwsh": ("-command", "-c", "-encodedcommand", "-enc", "-e", "-ec"),
    "powershell": ("-command", "-c", "-encodedcommand", "-enc", "-e", "-ec"),
    "cmd": ("/c", "/k"),
    "tclsh": (),
}
_VERSIONED = re.compile(r"^(python|pypy|perl|ruby|php|lua)w?[0-9.]+$|^(nodejs)$|^(py)$")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_RUNS_A_SHELL = re.compile(r"system\s*\(|\|\s*getline|\|\s*\"")
_SSH_VALUES = "-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w".split()  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Inner:
    """What a wrapper would run: words, or a text, or something that nobody can read."""

    words: list[Word] = field(default_factory=list)
    text: str | None = None
    opaque: str = ""


def interpreter(program: str) -> str:
    """``python3.12`` is ``python``."""
    found = _VERSIONED.match(program)
    if not found:
        return program
    return found[1] or ("node" if found[2] else "python")


def inside(program: str, words: list[Word], *, fed: str, is_piped_into: bool) -> list[Inner]:
    """What runs inside a command whose program is ``program``; ``words`` begin with it."""
    name = interpreter(program)
    rest = words[1:]
    if program in SHELLS:
        return _shell(program, rest, fed, is_piped_into)
    if name in _INLINE:
        return _interpreter(name, rest, fed, is_piped_into)
    if program == "eval":
        return [_text(program, rest)]
    if program in {"source", "."}:
        dynamic = bool(rest) and rest[0].dynamic
        return [Inner(opaque="a script is read from another command")] if dynamic else []
    if program == "find":
        return _find(rest)
    if program == "ssh":
        return _ssh(rest)
    if program in {"su", "runuser", "script", "nix-shell"}:
        return _option_text(program, rest, {"-c", "--command", "--run"})
    if program in {"awk", "gawk", "mawk", "nawk"}:
        runs = any(_RUNS_A_SHELL.search(word.text) for word in rest)
        return [Inner(opaque=f"{program} runs commands of its own")] if runs else []
    if program == "git":
        aliases = any(word.text.startswith("alias.") and "!" in word.text for word in rest)
        return [Inner(opaque="git runs an alias given on the line")] if aliases else []
    return _prefixed(program, rest)


def _prefixed(program: str, rest: list[Word]) -> list[Inner]:
    if program == "docker" and rest and rest[0].text == "compose":
        return _prefixed("docker-compose", rest[1:])
    if program == "env":
        rest = _env(rest)
    if program == "command" and rest and rest[0].text in {"-v", "-V"}:
        return []
    known = _PREFIXES.get(program)
    if known is None and rest and (known := _RUNNERS.get((program, rest[0].text.casefold()))):
        rest = rest[1:]
    if known is None:
        return []
    valued, own = known
    tail = _after_options(rest, frozenset(valued.split()), own)
    if program in {"watch", "parallel"} and len(tail) == 1:
        return [_text(program, tail)]
    if program == "xargs" and tail:
        # Whatever it reads becomes words of the command.
        tail = [*tail, Word("$", dynamic=True, leads=True)]
    return [Inner(tail)] if tail else []


def _env(rest: list[Word]) -> list[Word]:
    """``env -S 'a b'`` splits its words itself."""
    for place, word in enumerate(rest):
        if word.text in {"-S", "--split-string"} and place + 1 < len(rest):
            split = [Word(one) for one in rest[place + 1].text.split()]
            return [*split, *rest[place + 2 :]]
        if word.text.startswith(("-S", "--split-string=")):
            bare = word.text.removeprefix("--split-string=").removeprefix("-S")
            return [*(Word(one) for one in bare.split()), *rest[place + 1 :]]
    return rest


def _after_options(rest: list[Word], valued: frozenset[str], own: int) -> list[Word]:
    place = 0
    while place < len(rest):
        text = rest[place].text
        if text == "--":
            place += 1
            if not own:
                break
        elif text in valued:
            place += 2
        elif text.startswith("-") and len(text) > 1 or _ASSIGNMENT.match(text):
            place += 1
        elif own:
            own -= 1
            place += 1
        else:
            break
    return rest[place:]


def _text(program: str, rest: list[Word]) -> Inner:
    if any(word.dynamic for word in rest):
        return Inner(opaque=f"{program} runs text that is known only when it runs")
    return Inner(text=" ".join(word.text for word in rest))


def _option_text(program: str, rest: list[Word], options: set[str]) -> list[Inner]:
    for place, word in enumerate(rest[:-1]):
        if word.text in options:
            return [_text(program, rest[place + 1 : place + 2])]
    for word in rest:
        name, equals, value = word.text.partition("=")
        if equals and name in options:
            return [_text(program, [Word(value, word.dynamic)])]
    return []


def _shell(program: str, rest: list[Word], fed: str, is_piped_into: bool) -> list[Inner]:
    for place, word in enumerate(rest):
        if place and rest[place - 1].text in {"-o", "+o", "-O", "+O", "--rcfile", "--init-file"}:
            continue
        is_cluster = word.text[:1] in {"-", "+"} and word.text[1:2] != "-"
        if word.text == "--command" or is_cluster and "c" in word.text:
            # Options may stand between -c and its text.
            following = [one for one in rest[place + 1 :] if not one.text.startswith("-")]
            return [_text(program, following[:1])]
        if not is_cluster and not word.text.startswith("-"):
            if word.dynamic and word.text.startswith("$()"):
                return [Inner(opaque="a script is read from another command")]
            return []
    if fed:
        return [Inner(text=fed)]
    piped = "text from another command is run as a script"
    return [Inner(opaque=piped)] if is_piped_into else []


def _interpreter(name: str, rest: list[Word], fed: str, is_piped_into: bool) -> list[Inner]:
    for place, word in enumerate(rest):
        text = word.text if name not in {"pwsh", "powershell", "cmd"} else word.text.casefold()
        if text == "-m" and name == "python":
            return [Inner(rest[place + 1 :])]
        if _is_inline(name, text):
            return [Inner(opaque=f"{name} runs code given on the line")]
        if not word.text.startswith("-"):
            return [Inner(rest[place:])]
    if fed or is_piped_into or any(word.text == "-" for word in rest):
        return [Inner(opaque=f"{name} runs code given to it")]
    return []


def _is_inline(name: str, text: str) -> bool:
    options = _INLINE[name]
    if text in options or any(
        one.startswith("--") and text.startswith(f"{one}=") for one in options
    ):
        return True
    short = {one[1] for one in options if len(one) == 2 and one[0] == "-"}
    cluster = text[:1] == "-" and text[1:2] not in {"-", ""}
    # -Ic, -we: letters before the last may be other options; code may follow at once.
    return cluster and bool(short & set(re.split(r"[^A-Za-z]", text[1:4])[0]))


def _find(rest: list[Word]) -> list[Inner]:
    found = []
    for place, word in enumerate(rest):
        if word.text in {"-exec", "-execdir", "-ok", "-okdir"}:
            tail = rest[place + 1 :]
            end = next((n for n, one in enumerate(tail) if one.text in {";", "+"}), len(tail))
            found.append(Inner(tail[:end]))
    return found


def _ssh(rest: list[Word]) -> list[Inner]:
    tail = _after_options(rest, frozenset(_SSH_VALUES), 1)
    return [_text("ssh", tail)] if tail else []
