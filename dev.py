#!/usr/bin/env python3
"""Run, test and check the portal from a fresh clone: `python3 dev.py help`.

This file only finds a fitting Python, makes `.venv` from `requirements.lock` and hands over to
the package `.ci/devtools` there. Standard library only; it parses on Python 3.8 so that an old
interpreter can say what is missing instead of failing on syntax.
"""

import configparser
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, NoReturn, Optional, Tuple

try:
    import fcntl
except ImportError:
    sys.exit("dev.py: Windows is not supported: it has no embedded PostgreSQL. Use WSL.")

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCAL = ROOT / ".local"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "requirements.sha256"
OLDEST, NEWEST = (3, 11), (3, 14)
OLDEST_UV = (0, 5)
PROBE = (
    "import sys, sysconfig, importlib.util as u\n"
    "v = sys.version_info\n"
    "fits = sys.implementation.name == 'cpython' and v[3] == 'final'"
    " and not sysconfig.get_config_var('Py_GIL_DISABLED')\n"
    "print(v[0], v[1], int(fits), int(bool(u.find_spec('venv') and u.find_spec('ensurepip'))),"
    " int(bool(u.find_spec('pip'))))\n"
)


class Interpreter(NamedTuple):
    path: str
    version: Tuple[int, int]
    has_venv: bool
    has_pip: bool


def fail(message: str) -> NoReturn:
    sys.exit("dev.py: " + message)


def refuse_musl() -> None:
    if "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        fail(
            "this system uses musl (Alpine). Its packages have no embedded PostgreSQL.\n"
            "Use a system with glibc, or the container image in docker/."
        )


def output_of(*command: str) -> Optional[str]:
    """What a program prints, or None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")


def probe(path: str) -> Optional[Interpreter]:
    """Ask an interpreter what it is. It must run: pyenv's shims exist for unselected versions."""
    answer = re.fullmatch(
        r"(\d+) (\d+) ([01]) ([01]) ([01])\s*", output_of(path, "-c", PROBE) or ""
    )
    if not answer:
        return None
    major, minor, fits, has_venv, has_pip = (int(part) for part in answer.groups())
    if not fits or not OLDEST <= (major, minor) <= NEWEST:
        return None
    return Interpreter(path, (major, minor), bool(has_venv), bool(has_pip))


def candidates() -> Iterator[str]:
    yield sys.executable
    names = ["python3.%d" % minor for minor in range(NEWEST[1], OLDEST[1] - 1, -1)] + ["python3"]
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    for place in [*places, "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]:
        for name in names:
            if place and os.access(os.path.join(place, name), os.X_OK):
                yield os.path.join(place, name)
    for found in Path.home().glob(".pyenv/versions/3.*/bin/python"):
        yield str(found)


def interpreters() -> List[Interpreter]:
    """Every fitting interpreter, the newest first; of equals the earlier candidate."""
    found = [probe(path) for path in dict.fromkeys(candidates())]
    return sorted((one for one in found if one), key=lambda one: one.version, reverse=True)


def no_interpreter() -> NoReturn:
    fail(
        "no fitting Python found: CPython {}.{} to {}.{} is needed, this is {}.{}.\n"
        "Debian and Ubuntu: apt-get install python3 python3-venv    macOS: brew install "
        "python".format(*OLDEST, *NEWEST, *sys.version_info[:2])
    )


def find_uv() -> Optional[str]:
    home = Path.home()
    places = [VENV / "bin/uv", home / ".local/bin/uv", home / ".cargo/bin/uv"]
    for path in [str(places[0]), shutil.which("uv") or "uv", *map(str, places[1:])]:
        answer = re.match(r"uv (\d+)\.(\d+)", output_of(path, "--version") or "")
        if answer and tuple(map(int, answer.groups())) >= OLDEST_UV:
            return path
    return None


def pinned_uv() -> str:
    """The lines of the lock that pin uv, with its hashes."""
    found = re.search(r"^uv==.*(?:\n {4}--hash=.*)+", LOCK.read_text(), re.MULTILINE)
    if not found:
        fail("requirements.lock does not pin uv: python3 dev.py lock makes it anew.")
    return found.group() + "\n"


def run(*command: str, env: Optional[Dict[str, str]] = None) -> None:
    done = subprocess.run(command, env=env, check=False)
    if done.returncode:
        fail("this failed with status {}: {}".format(done.returncode, " ".join(command)))


def install_debian_venv(python: Interpreter) -> Interpreter:
    """Debian's python3 has neither pip nor venv; root gets them, others are told how."""
    package = "python{}.{}-venv".format(*python.version)
    command = "apt-get install -y --no-install-recommends " + package
    if not shutil.which("apt-get"):
        fail(python.path + " has neither pip nor venv. Install them, or uv, and try again.")
    if os.geteuid() != 0:
        fail(
            "{} has neither pip nor venv. Run this once and try again:\n    sudo {}".format(
                python.path, command
            )
        )
    print("Installing {} (Python has neither pip nor venv) ...".format(package), flush=True)
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if subprocess.run(command.split(), env=env, check=False).returncode:
        run("apt-get", "update", env=env)
        run(*command.split(), env=env)
    ready = probe(python.path)
    if not ready or not ready.has_venv:
        fail(package + " is installed, but " + python.path + " still has no venv.")
    return ready


def make_venv() -> None:
    """A new `.venv` on the newest fitting Python, with uv in it where none is on the machine."""
    shutil.rmtree(VENV, ignore_errors=True)
    found = interpreters()
    if not found:
        no_interpreter()
    uv = find_uv()
    if uv:
        print("Making .venv with Python {}.{} ...".format(*found[0].version), flush=True)
        run(uv, "venv", "-q", "--no-project", "--python", found[0].path, str(VENV))
        return
    able = [one for one in found if one.has_venv or one.has_pip]
    python = able[0] if able else install_debian_venv(found[0])
    print("Making .venv with Python {}.{} ...".format(*python.version), flush=True)
    run(python.path, "-m", "venv", *([] if python.has_venv else ["--without-pip"]), str(VENV))
    install_uv(python)


def install_uv(python: Interpreter) -> None:
    target = str(VENV / "bin/python")
    pip = [target, "-m", "pip"]
    if not python.has_venv:
        pip = [python.path, "-m", "pip", "--python", target]
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "uv.txt")
        pinned.write_text(pinned_uv())
        run(*pip, "install", "-q", "--require-hashes", "--no-deps", "-r", str(pinned))


def pip_settings() -> Dict[str, str]:
    """pip's configured index and certificates: uv does not read pip's files."""
    config = configparser.RawConfigParser(strict=False)
    home = str(Path.home())
    files = ["/etc/pip.conf", home + "/.pip/pip.conf", home + "/.config/pip/pip.conf"]
    with contextlib.suppress(configparser.Error):
        config.read([*files, os.environ.get("PIP_CONFIG_FILE", os.devnull)])
    found = {
        "UV_DEFAULT_INDEX": os.environ.get("PIP_INDEX_URL")
        or config.get("global", "index-url", fallback=""),
        "SSL_CERT_FILE": os.environ.get("PIP_CERT") or config.get("global", "cert", fallback=""),
    }
    return {key: value for key, value in found.items() if value}


def uv_environment() -> Dict[str, str]:
    env = dict(os.environ, UV_PYTHON_DOWNLOADS="never")
    if "UV_INDEX_URL" in env:
        env.setdefault("UV_DEFAULT_INDEX", env["UV_INDEX_URL"])
    return {**pip_settings(), **env}


def lock_digest() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def is_ready() -> bool:
    return STAMP.is_file() and STAMP.read_text() == lock_digest()


def prepare() -> str:
    """The path of the project's Python, with exactly what the lock names installed."""
    python = str(VENV / "bin/python")
    if is_ready() and probe(python):
        return python
    with one_at_a_time():
        if not probe(python) or not find_uv():
            make_venv()
        if not is_ready():
            print("Installing requirements.lock ...", flush=True)
            STAMP.unlink() if STAMP.exists() else None
            uv = find_uv() or fail("uv was installed into .venv but does not run.")
            options = ["-q", "--require-hashes", "--python", python]
            run(uv, "pip", "sync", *options, str(LOCK), env=uv_environment())
            STAMP.write_text(lock_digest())
    return python


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two starts on a fresh clone must not build the same `.venv` at once."""
    LOCAL.mkdir(mode=0o700, exist_ok=True)
    with open(LOCAL / "bootstrap.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main() -> None:
    refuse_musl()
    try:
        python = prepare()
    except OSError as error:
        fail("cannot prepare .venv: {}".format(error))
    os.chdir(str(ROOT))
    os.environ["PYTHONPATH"] = str(ROOT / ".ci")
    os.execv(python, [python, "-m", "devtools", *sys.argv[1:]])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
