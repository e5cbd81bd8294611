"""The commands of `python3 dev.py`."""

import argparse
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from devtools import checks, environment
from devtools.places import (
    LOCAL,
    ROOT,
    abandoned_homes,
    fail,
    lasting_home,
    private_folder,
    server_account,
    throw_away_home,
)
from devtools.processes import Group, printer, stop_on_signals, stop_orphans
from devtools.servers import Cluster, addresses, in_use, remove, start

HOST = "127.0.0.1"
# What people open: browsers allow passkeys on plain http for this name only, not for an address.
NAME = "localhost"
DEFAULT_PORT = 8000
READY_SECONDS = 60
HELP = """python3 dev.py COMMAND

  run [--port N]        the portal on 127.0.0.1 (port 8000), with worker and beat
  test [ARGUMENTS]      the tests, on every processor; arguments go to pytest
  check                 style, types, layers, migrations, API document, deployment settings
  manage COMMAND ...    any Django command, on the servers of `run`
  demo                  plays a runner that asks people, against the running portal
  bench NAME ...        one of the scripts in benchmarks/, on servers of its own
  lock [--upgrade ...]  make requirements.lock anew from pyproject.toml

Servers come from DATABASE_URL and REDIS_URL, else from packages in .venv, else from the system
(POSTGRES_BIN names another folder with PostgreSQL's programs).
"""
MANAGE = [sys.executable, str(ROOT / "manage.py")]
# More browsers and servers than this at once only get in each other's way.
MOST_WORKERS = 4
# What leaves the whole suite the whole suite.
SWITCHES = frozenset({"-q", "-v", "-vv", "-x", "--random-order", "--exitfirst"})
RUN_FILE = LOCAL / "run.json"
PROCESSES_FILE = LOCAL / "processes.json"


def call(command: list[str], env: dict[str, str]) -> int:
    """Run a program in the foreground. Ctrl-C reaches it too: it is given time to finish."""
    with subprocess.Popen(command, cwd=ROOT, env=env) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(20)
            return 130
        finally:
            if process.poll() is None:
                process.terminate()


# --- run ------------------------------------------------------------------------------------


def running() -> dict[str, int] | None:
    """Pid and port of the `run` of this checkout, if there is one."""
    with suppress(OSError, ValueError), (LOCAL / "run.lock").open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return dict(json.loads(RUN_FILE.read_text()))
    return None


@contextmanager
def only_run(port: int) -> Iterator[None]:
    """Refuse a second run. The lock ends with its process, however that ends."""
    with (private_folder(LOCAL) / "run.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = running() or {}
            fail(
                f"already running, as process {other.get('pid', '?')} on "
                f"http://{NAME}:{other.get('port', '?')}. Stop that one first (Ctrl-C)."
            )
        RUN_FILE.write_text(json.dumps({"pid": os.getpid(), "port": port}))
        try:
            yield
        finally:
            RUN_FILE.unlink(missing_ok=True)


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            fail(f"port {port} cannot be used ({error.strerror}). Choose another: --port N")


def portal_processes(port: int) -> dict[str, list[str]]:
    python, schedule = sys.executable, str(LOCAL / "beat-schedule")
    celery = [python, "-m", "celery", "-A", "governance"]
    web = ["uvicorn", "governance.asgi:application", "--host", HOST, "--port", str(port)]
    return {
        "web": [python, "-m", *web, "--timeout-graceful-shutdown", "5", "--no-access-log"],
        "worker": [*celery, "worker", "-l", "INFO", "-c", "2", "--prefetch-multiplier", "1"],
        "beat": [*celery, "beat", "-l", "INFO", "-s", schedule, "--pidfile", ""],
    }


def announce_when_ready(group: Group, port: int) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and not group.asked_to_stop.wait(0.1):
        with suppress(OSError), socket.create_connection((HOST, port), 1):
            group.show("dev", f"The portal is at http://{NAME}:{port} (stop it with Ctrl-C)")
            return


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py run")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    port = parser.parse_args(arguments).port
    with only_run(port):
        stop_orphans(PROCESSES_FILE)
        check_port(port)
        cluster = lasting_cluster()
        with in_use(cluster):
            env = environment.development(addresses(cluster), port)
            for command in (["migrate", "-v", "0"], ["load_sample", "--if-empty"]):
                if call([*MANAGE, *command], env):
                    fail(f"`manage.py {' '.join(command)}` failed (see above).")
            return serve(env, port)


def serve(env: dict[str, str], port: int) -> int:
    """0 after a stop that was asked for, 1 where a process ended by itself."""
    group = Group(PROCESSES_FILE, printer())
    stop_on_signals(group)
    try:
        for name, command in portal_processes(port).items():
            group.start(name, command, env)
        threading.Thread(target=announce_when_ready, args=(group, port), daemon=True).start()
        dead = group.wait()
        group.asked_to_stop.set()
        if dead:
            group.show("dev", f"{dead[0]} ended by itself with status {dead[1]}; stopping all")
    finally:
        group.stop()
    group.show("dev", "Stopped.")
    return 1 if dead else 0


# --- the others -----------------------------------------------------------------------------


def lasting_cluster() -> Cluster:
    account = server_account()
    return Cluster(lasting_home(account), account, lasting=True)


@contextmanager
def throw_away_cluster() -> Iterator[Cluster]:
    account = server_account()
    for home in abandoned_homes(account):
        remove(Cluster(home, account, lasting=False))
    with throw_away_home(account) as home:
        cluster = Cluster(home, account, lasting=False)
        try:
            start(cluster)
            yield cluster
        finally:
            remove(cluster)


def test(arguments: list[str]) -> int:
    """The suite on servers of its own. The flush turns triggers off, so it is a superuser's.

    The whole suite runs on every processor; first, by themselves, the tests that no other test
    may run beside. Any argument but a switch means that something else is wanted.
    """
    with throw_away_cluster() as cluster:
        env = environment.testing(addresses(cluster, owner="postgres"), cluster.home)
        pytest = [sys.executable, "-m", "pytest", *arguments]
        workers = min(os.cpu_count() or 1, MOST_WORKERS)
        if workers == 1 or not all(argument in SWITCHES for argument in arguments):
            return call(pytest, env)
        alone = call([*pytest, "-m", "alone"], env)
        together = call(
            [*pytest, "-m", "not alone", "-n", str(workers), "--dist", "worksteal"], env
        )
        return together or alone


def check(arguments: list[str]) -> int:
    if arguments:
        fail("check takes no arguments.")
    with throw_away_cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        env = environment.testing(addresses(cluster, owner="postgres"), cluster.home)
        return checks.run_all(env, Path(folder))


def bench(arguments: list[str]) -> int:
    """A benchmark on servers of its own, so that it disturbs nobody's data."""
    known = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
    if not arguments or arguments[0] not in known:
        fail(f"name a benchmark: {', '.join(known)}.")
    with throw_away_cluster() as cluster:
        env = environment.testing(addresses(cluster, owner="postgres"), cluster.home)
        script = ROOT / "benchmarks" / f"{arguments[0]}.py"
        return call([sys.executable, str(script), *arguments[1:]], env)


def manage(arguments: list[str]) -> int:
    cluster = lasting_cluster()
    port = (running() or {}).get("port", DEFAULT_PORT)
    with in_use(cluster):
        env = environment.development(addresses(cluster), port)
        return call([*MANAGE, *arguments], env)


def demo(arguments: list[str]) -> int:
    other = running()
    if not other:
        fail("the portal is not running. Start it in another terminal: python3 dev.py run")
    if not environment.RUNNER_KEY.exists():
        fail("there is no runner key: it is made with the sample. See docs/ for how to make one.")
    env = {
        **os.environ,
        "GOVERNANCE_URL": f"http://{HOST}:{other['port']}",
        "GOVERNANCE_KEY": environment.RUNNER_KEY.read_text().strip(),
    }
    return call([sys.executable, str(ROOT / "client" / "demo.py"), *arguments], env)


COMMANDS = {
    "run": run,
    "test": test,
    "bench": bench,
    "check": check,
    "manage": manage,
    "demo": demo,
    "lock": checks.make_lock,
}


def main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "help"
    if name in ("help", "-h", "--help"):
        print(HELP)
        return 0 if arguments else 2
    if name not in COMMANDS:
        print(HELP, file=sys.stderr)
        fail(f"there is no command {name!r}.")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    os.chdir(ROOT)
    try:
        return COMMANDS[name](arguments[1:])
    except KeyboardInterrupt:
        return 130
