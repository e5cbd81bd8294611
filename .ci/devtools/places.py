"""Where files go, and which account owns the servers."""

import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
LONGEST_SOCKET_PATH = 103 if sys.platform == "darwin" else 107
LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"
SHARED_HOME = "agent-governance-portal"
THROW_AWAY = "agp-test-"
YOUNGEST_ABANDONED = 60  # seconds; a younger one may just be about to take its lock


def fail(message: str) -> NoReturn:
    sys.exit(f"dev.py: {message}")


@dataclass(frozen=True)
class Account:
    """The unprivileged user that servers run as when root starts them: PostgreSQL refuses root."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """None: run servers as oneself."""
    if os.geteuid() == 0:
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                entry = pwd.getpwnam(name)
                return Account(name, entry.pw_uid, entry.pw_gid)
        fail("PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody'.")
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        fail(
            f"user id {os.geteuid()} has no entry in /etc/passwd, and PostgreSQL needs one.\n"
            "Add a user with that id, or give servers by DATABASE_URL and REDIS_URL."
        )
    return None


def private_folder(path: Path, account: Account | None = None) -> Path:
    """Make a folder for one account only. A symlink or somebody else's folder is refused."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    owner = account.uid if account else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
        fail(f"{path} belongs to somebody else. Remove it and try again.")
    if account:
        os.chown(path, account.uid, account.gid)
    path.chmod(0o700)
    return path


def roots_home() -> Path:
    """As root: a folder that every account may pass, for the servers' programs and data.

    Not under a system temp folder: those are emptied by age, one file at a time.
    """
    parent = Path("/var/lib") if Path("/var/lib").is_dir() else Path("/var/tmp")  # noqa: S108
    home = parent / SHARED_HOME
    home.mkdir(mode=0o755, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid != 0:
        fail(f"{home} does not belong to root. Remove it and try again.")
    home.chmod(0o755)
    return home


def checkout_name() -> str:
    return hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]


def lasting_home(account: Account | None) -> Path:
    """The folder of the servers of `run`: in the checkout, except for root."""
    if account is None:
        return private_folder(private_folder(LOCAL) / "servers")
    return private_folder(roots_home() / checkout_name(), account)


@contextmanager
def throw_away_home(account: Account | None) -> Iterator[Path]:
    """A folder for servers of one test run. Its lock tells a later run whether it is in use."""
    parent = roots_home() if account else Path(tempfile.gettempdir())
    home = Path(tempfile.mkdtemp(prefix=THROW_AWAY, dir=parent))
    private_folder(home, account)
    with (home / "in-use").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)


def abandoned_homes(account: Account | None) -> list[Path]:
    """Folders of test runs that were killed: nobody holds their lock any more."""
    parent = roots_home() if account else Path(tempfile.gettempdir())
    return [home for home in parent.glob(f"{THROW_AWAY}*") if is_abandoned(home)]


def is_abandoned(home: Path) -> bool:
    owners = (os.geteuid(), getattr(server_account(), "uid", os.geteuid()))
    if home.is_symlink() or home.stat().st_uid not in owners:
        return False
    try:
        if time.time() - home.stat().st_mtime < YOUNGEST_ABANDONED:
            return False
        with (home / "in-use").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def fits_socket(folder: Path) -> bool:
    return len(os.fsencode(folder / LONGEST_SOCKET_NAME)) <= LONGEST_SOCKET_PATH


def socket_folder(home: Path, account: Account | None) -> Path:
    """Where sockets go: the operating system allows about a hundred bytes for their path."""
    if fits_socket(home / "s"):
        return private_folder(home / "s", account)
    name = f"agp-{os.geteuid()}-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - checked to be ours
        if fits_socket(parent / name):
            return private_folder(parent / name, account)
    fail(f"no folder with a path short enough for a socket. Set TMPDIR; tried {parent / name}.")
