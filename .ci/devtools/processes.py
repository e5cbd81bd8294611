"""The portal's processes during `run`: started together, shown together, stopped together."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path

from devtools.places import ROOT
from devtools.servers import command_line

STOP_SECONDS = 15
COLOURS = {"web": 36, "worker": 33, "beat": 35}
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Group:
    """Processes that live and die together. Their pids are kept in a file for the next start."""

    def __init__(self, record: Path, show: Callable[[str, str], None]) -> None:
        self.record = record
        self.show = show
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.readers: list[threading.Thread] = []
        self.asked_to_stop = threading.Event()

    def start(self, name: str, command: list[str], env: dict[str, str]) -> None:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.processes[name] = process
        remember(self.record, [one.pid for one in self.processes.values()])
        reader = threading.Thread(target=self._pass_on, args=(name, process), daemon=True)
        reader.start()
        self.readers.append(reader)

    def _pass_on(self, name: str, process: subprocess.Popen[str]) -> None:
        with process.stdout or nullcontext(()) as lines:
            for line in lines:
                self.show(name, line.rstrip("\n"))

    def dead(self) -> tuple[str, int] | None:
        states = ((name, process.poll()) for name, process in self.processes.items())
        return next(((name, state) for name, state in states if state is not None), None)

    def wait(self) -> tuple[str, int] | None:
        """Until somebody asks to stop (None), or a process has ended (its name and status)."""
        while not self.asked_to_stop.wait(0.2):
            dead = self.dead()
            if dead:
                return dead
        return None

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
        for process in self.processes.values():
            end_session(process.pid)
            process.wait()
        for reader in self.readers:
            reader.join(1)
        self.record.unlink(missing_ok=True)


def end_session(pid: int) -> None:
    """Kill what is left of a process and of its own children."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def remember(record: Path, pids: list[int]) -> None:
    fresh = record.with_suffix(".new")
    fresh.write_text(json.dumps({str(pid): started_at(pid) for pid in pids}))
    fresh.rename(record)


def started_at(pid: int) -> str:
    """When a process began, in whatever unit: a pid alone may be somebody else's by now."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self").exists():
        with suppress(OSError):
            return stat.read_text().rpartition(")")[2].split()[19]
        return ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def stop_orphans(record: Path) -> int:
    """End what a killed run has left behind. Only processes of its own record, still the same."""
    try:
        known = json.loads(record.read_text())
    except (OSError, ValueError):
        return 0
    left = [int(pid) for pid, began in known.items() if began and started_at(int(pid)) == began]
    for pid in left:
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + 5
    while time.monotonic() < until and any(command_line(pid) for pid in left):
        time.sleep(0.05)
    for pid in map(int, known):
        if pid in left or not command_line(pid):
            end_session(pid)
    record.unlink(missing_ok=True)
    return len(left)


def printer() -> Callable[[str, str], None]:
    """Prints one line of one process at a time, with its name before it."""
    lock = threading.Lock()
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def show(name: str, line: str) -> None:
        prefix = f"{name:<6} | "
        if coloured:
            prefix = f"\x1b[{COLOURS.get(name, 32)}m{prefix}\x1b[0m"
        with lock:
            print(prefix + line, flush=True)

    return show


def stop_on_signals(group: Group) -> None:
    for number in STOPPING:
        signal.signal(number, lambda *_: group.asked_to_stop.set())
