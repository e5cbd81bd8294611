"""PostgreSQL and Valkey for development and tests: found, started on sockets, stopped again."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from devtools.places import Account, fail, private_folder, socket_folder
from devtools.programs import find_postgres, find_valkey, readable_copy

START_SECONDS = 60
STOP_SECONDS = 20
ROLES = """
DO $$ BEGIN
  IF to_regrole('portal_owner') IS NULL THEN CREATE ROLE portal_owner LOGIN CREATEDB; END IF;
  IF to_regrole('portal_app') IS NULL THEN CREATE ROLE portal_app LOGIN; END IF;
END $$
"""


@dataclass(frozen=True)
class Cluster:
    """One folder with a PostgreSQL and a Valkey, and how to start them."""

    home: Path
    account: Account | None
    lasting: bool

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def sockets(self) -> Path:
        return socket_folder(self.home, self.account)

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def database_url(self, role: str) -> str:
        return f"postgresql://{role}@/portal?host={self.sockets}"


# --- PostgreSQL -----------------------------------------------------------------------------


def server_environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _spawn(cluster: Cluster, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    account = cluster.account
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=cluster.home,
        env=server_environment(),
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _locale(major: int) -> list[str]:
    """UTF-8 rules for letters on every platform, whatever locales are installed."""
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]


def create_data(cluster: Cluster, folder: Path, major: int) -> None:
    """Make the cluster's files beside their place first, so that a killed start leaves none."""
    fresh = cluster.home / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    private_folder(fresh, cluster.account)
    command = [str(folder / "initdb"), "-D", str(fresh), "-U", "postgres", "-A", "trust"]
    command += ["-E", "UTF8", *_locale(major), *([] if cluster.lasting else ["--no-sync"])]
    with (cluster.home / "initdb.log").open("wb") as log:
        status = _spawn(cluster, command, log).wait()
    if status:
        fail(f"initdb failed:\n{(cluster.home / 'initdb.log').read_text()}")
    fresh.rename(cluster.data)


def check_version(data: Path, major: int) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != str(major):
        fail(
            f"{data} was made by PostgreSQL {made_by}, and this is {major}.\n"
            f"Either set POSTGRES_BIN to the programs of version {made_by}, or remove the folder: "
            "the data in it is lost, and the next run starts afresh."
        )


def postgres_pid(data: Path) -> int | None:
    """The server of this data folder. A pid that something else has by now does not count."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if str(data) in command_line(pid) else None


def command_line(pid: int) -> str:
    if Path("/proc/self").exists():
        with suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        return ""
    done = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout


def postgres_answers(cluster: Cluster) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(
            host=str(cluster.sockets), user="postgres", dbname="postgres", connect_timeout=3
        ).close()
        return True
    return False


def start_postgres(cluster: Cluster) -> None:
    """Start the server, or take over one that a killed start has left running."""
    folder, major = find_postgres()
    folder = readable_copy(folder / "postgres", cluster.account).parent
    if not cluster.data.exists():
        create_data(cluster, folder, major)
    check_version(cluster.data, major)
    if postgres_pid(cluster.data) and not postgres_answers(cluster):
        stop_postgres(cluster)
    if not postgres_pid(cluster.data):
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)
        _launch_postgres(cluster, folder / "postgres")
    create_roles(cluster)


def _launch_postgres(cluster: Cluster, program: Path) -> None:
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (cluster.sockets / name).unlink(missing_ok=True)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(cluster.sockets),
        "port": "5432",
        "max_connections": "200",
        "timezone": "UTC",
    }
    if not cluster.lasting:
        options |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
    command = [str(program), "-D", str(cluster.data)]
    command += [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    with (cluster.home / "postgres.log").open("wb") as log:
        process = _spawn(cluster, command, log)
    until = time.monotonic() + START_SECONDS
    while not postgres_answers(cluster):
        if process.poll() is not None or time.monotonic() > until:
            fail(f"PostgreSQL does not start:\n{(cluster.home / 'postgres.log').read_text()}")
        time.sleep(0.05)


def create_roles(cluster: Cluster) -> None:
    with psycopg.connect(
        host=str(cluster.sockets), user="postgres", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(ROLES)
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'portal'")
        if not found.fetchone():
            connection.execute("CREATE DATABASE portal OWNER portal_owner")


def stop_postgres(cluster: Cluster) -> None:
    """Fast shutdown, then an immediate one: only ever the server of this data folder."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        pid = postgres_pid(cluster.data)
        if pid is None:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        _wait_until_gone(cluster.data, pid)


def _wait_until_gone(data: Path, pid: int) -> None:
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if str(data) not in command_line(pid):
            return
        time.sleep(0.05)


# --- Valkey ---------------------------------------------------------------------------------


def ask_valkey(path: Path, command: bytes) -> bytes:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(3)
        connection.connect(str(path))
        connection.sendall(command + b"\r\n")
        return connection.recv(100)
    return b""


def start_valkey(cluster: Cluster) -> None:
    """Start the server, or take over one that a killed start has left running."""
    path = cluster.valkey_socket
    if ask_valkey(path, b"PING").startswith(b"+PONG"):
        return
    path.unlink(missing_ok=True)
    program = readable_copy(find_valkey(), cluster.account)
    options = {"port": "0", "unixsocket": str(path), "unixsocketperm": "700", "appendonly": "no"}
    command = [part for key, value in options.items() for part in (f"--{key}", value)]
    with (cluster.home / "valkey.log").open("wb") as log:
        process = _spawn(cluster, [str(program), *command, "--save", ""], log)
    until = time.monotonic() + START_SECONDS
    while not ask_valkey(path, b"PING").startswith(b"+PONG"):
        if process.poll() is not None or time.monotonic() > until:
            fail(f"Valkey does not start:\n{(cluster.home / 'valkey.log').read_text()}")
        time.sleep(0.02)


def stop_valkey(cluster: Cluster) -> None:
    ask_valkey(cluster.valkey_socket, b"SHUTDOWN NOSAVE")


# --- both -----------------------------------------------------------------------------------


def start(cluster: Cluster) -> None:
    """Start what the environment does not give."""
    if "DATABASE_URL" not in os.environ:
        start_postgres(cluster)
    if "REDIS_URL" not in os.environ:
        start_valkey(cluster)


def stop(cluster: Cluster) -> None:
    stop_valkey(cluster)
    stop_postgres(cluster)


def remove(cluster: Cluster) -> None:
    """Stop the servers of a throw-away folder and delete all of it."""
    stop(cluster)
    sockets = cluster.sockets
    shutil.rmtree(sockets, ignore_errors=True)
    shutil.rmtree(cluster.home, ignore_errors=True)


def addresses(cluster: Cluster, owner: str = "portal_owner") -> dict[str, str]:
    """What the portal's processes are told about the servers."""
    own = os.environ
    if "DATABASE_URL" in own:
        database = own["DATABASE_URL"]
        migration = own.get("MIGRATION_DATABASE_URL", database)
    else:
        database, migration = cluster.database_url("portal_app"), cluster.database_url(owner)
    return {
        "DATABASE_URL": database,
        "MIGRATION_DATABASE_URL": migration,
        "REDIS_URL": own.get("REDIS_URL", f"unix://{cluster.valkey_socket}"),
    }


@contextmanager
def in_use(cluster: Cluster) -> Iterator[None]:
    """Share the servers of one folder: the first starts them, the last stops them.

    The locks are the operating system's, so a killed user leaves none behind.
    """
    with (cluster.home / "users").open("w") as users:
        try:
            with _alone(cluster):
                fcntl.flock(users, fcntl.LOCK_SH)
                start(cluster)
            yield
        finally:
            with _alone(cluster), suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stop(cluster)


@contextmanager
def _alone(cluster: Cluster) -> Iterator[None]:
    with (cluster.home / "starting").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
