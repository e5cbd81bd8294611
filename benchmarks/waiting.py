"""Waiting runners: what 2,000 of them cost, and how soon a decision reaches them.

Run it with `python3 dev.py bench waiting [--waiters 2000]`. In one run, against one server process:

1. N runners wait by long poll; threads, memory and database connections of the server are counted;
2. people decide; the time from the commit to the runner's answer is measured;
3. PostgreSQL crashes and recovers while people decide; no runner may miss its answer;
4. the same decisions reach runners that poll once a second, and what that costs in CPU.

The figures of 2 and 4 are meant to be compared with each other, not with another machine's.
"""

import argparse
import asyncio
import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

import django

django.setup()

import psycopg
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from agents.models import Agent, Family
from escalations.deciding import decide
from escalations.models import Escalation
from escalations.raising import raise_case
from escalations.schema import read_payload
from governance.people.models import Role, Runner, User
from governance.people.services import issue_key

HOST = "127.0.0.1"


@dataclass
class Waiter:
    """One runner on one connection of its own."""

    case: Escalation
    answered_at: float = 0.0
    answer: dict[str, object] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--waiters", type=int, default=2000)
    parser.add_argument("--decisions", type=int, default=200)
    parser.add_argument("--pollers", type=int, default=200)
    options = parser.parse_args()
    _allow_files(options.waiters + 500)
    call_command("migrate", verbosity=0)
    people = _people()
    cases = [_case(people, n) for n in range(options.waiters + options.pollers)]
    server, port = _start_server()
    try:
        asyncio.run(_measure(options, people, cases, server.pid, port))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


# --- the story --------------------------------------------------------------------------------


@dataclass
class People:
    approver: User
    runner: Runner
    agent: Agent
    key: str


def _people() -> People:
    now = timezone.now()
    tag = os.getpid()
    owner = User.objects.create_user(f"owner{tag}@example.org", name="Owner", roles=[Role.OWNER])
    approver = User.objects.create_user(
        f"approver{tag}@example.org", name="Approver", roles=[Role.APPROVER]
    )
    family, _ = Family.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    agent = Agent.objects.create(
        family=family, slug=f"bench-{tag}", name="Bench", owner=owner, created_at=now
    )
    runner = Runner.objects.create(name="Bench", slug=f"bench-{tag}", owner=owner, agents=["*"])
    _, key = issue_key(runner_id=runner.pk, by=owner, at=now, lifetime=timedelta(days=1))
    return People(approver, runner, agent, key)


def _case(people: People, number: int) -> Escalation:
    asked = {
        "agent": people.agent.slug,
        "task": f"Benchmark {number}",
        "problem": "Which of the two?",
        "options": [{"key": "a", "label": "The first"}, {"key": "b", "label": "The second"}],
    }
    case, _ = raise_case(
        runner=people.runner,
        payload=read_payload(asked),
        idempotency_key=f"bench-{number}",
        body=json.dumps(asked).encode(),
        source_format="json",
        at=timezone.now(),
    )
    return case


def _decide(people: People, case: Escalation) -> float:
    """Decide one case; the moment at which the commit had returned."""
    decide(
        escalation_id=case.pk,
        by=people.approver,
        verdict="approved_option",
        option_key="a",
        seen_sha256=case.request_sha256,
        method="session",
        at=timezone.now(),
    )
    return time.perf_counter()


# --- the server -------------------------------------------------------------------------------


def _start_server() -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "governance.asgi:application", "--host", HOST]
    command += ["--port", str(port), "--log-level", "warning", "--backlog", "4096"]
    server = subprocess.Popen(
        command, env={**os.environ, "ALLOWED_HOSTS": HOST, "DATABASE_POOL": "true"}
    )
    for _ in range(200):
        with suppress(OSError), socket.create_connection((HOST, port), 1):
            return server, port
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _connections(pid: int) -> int:
    """Database connections that are not this process's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user"
            " AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def _crash_postgres() -> None:
    """Kill one backend: the postmaster ends every session and recovers, as after a crash."""
    with psycopg.connect(_owner_dsn(), autocommit=True) as doomed:
        pid = doomed.execute("SELECT pg_backend_pid()").fetchone()[0]  # type: ignore[index]
        os.kill(pid, signal.SIGKILL)
    connection.close()


def _owner_dsn() -> str:
    return os.environ["MIGRATION_DATABASE_URL"]


# --- the measurements -------------------------------------------------------------------------


async def _measure(
    options: argparse.Namespace, people: People, cases: list[Escalation], pid: int, port: int
) -> None:
    waiting, polled = cases[: options.waiters], cases[options.waiters :]
    waiters = [Waiter(case) for case in waiting]
    before = int(_status(pid)["VmRSS"].split()[0])
    tasks = await _all_wait(waiters, people.key, pid, port)
    status = _status(pid)
    grown = (int(status["VmRSS"].split()[0]) - before) / len(waiters)
    connections = await asyncio.to_thread(_connections, pid)
    print(
        f"{len(waiters)} runners wait: {status['Threads'].strip()} threads, "
        f"{connections} database connections, {grown:.0f} KB more memory each"
    )
    idle = _cpu(pid)
    await asyncio.sleep(5)
    print(f"idle: {(_cpu(pid) - idle) / 5:.1%} CPU")

    first = waiters[: options.decisions]
    woken = await _decide_all(people, first)
    _print("long poll, commit to answer", woken)

    second = waiters[options.decisions : options.decisions + 50]
    await asyncio.to_thread(_crash_postgres)
    await _decide_through_outage(people, second)
    await asyncio.sleep(8)
    arrived = sum(1 for waiter in second if waiter.answered_at)
    print(f"PostgreSQL crashed in between: {arrived} of {len(second)} answers arrived")

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await _polling(people, polled, pid, port, woken)
    if arrived != len(second):
        raise SystemExit("answers were lost")


async def _all_wait(
    waiters: list[Waiter], key: str, pid: int, port: int
) -> list["asyncio.Task[None]"]:
    gate = asyncio.Semaphore(200)
    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(_wait(waiter, key, port, gate, ready)) for waiter in waiters]
    for _ in waiters:
        await ready.acquire()
    while await _busy(pid):
        pass
    return tasks


async def _busy(pid: int) -> bool:
    """Whether the server still takes in the runners that have just come."""
    spent = _cpu(pid)
    await asyncio.sleep(1)
    return _cpu(pid) - spent > 0.2


async def _wait(
    waiter: Waiter, key: str, port: int, gate: asyncio.Semaphore, ready: asyncio.Semaphore
) -> None:
    told = False
    while not waiter.answered_at:
        target = f"{waiter.case.ref}/wait/?since={waiter.case.revision}&timeout=60"
        with suppress(OSError, ValueError, asyncio.IncompleteReadError):
            async with gate:
                reader, writer = await asyncio.open_connection(HOST, port)
                writer.write(_get(target, key))
                await writer.drain()
            if not told:
                told = True
                ready.release()
            body = await _body(reader)
            writer.close()
            if body.get("status") == "decided":
                waiter.answered_at, waiter.answer = time.perf_counter(), body
                return
        await asyncio.sleep(0.05)


def _get(target: str, key: str) -> bytes:
    return (
        f"GET /api/v1/escalations/{target} HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Authorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    ).encode()


async def _body(reader: asyncio.StreamReader) -> dict[str, object]:
    raw = await reader.read()
    head, _, body = raw.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise ValueError(head[:60])
    loaded = json.loads(body)
    if not isinstance(loaded, dict):
        raise TypeError("not an object")
    return loaded


async def _decide_all(people: People, waiters: list[Waiter]) -> list[float]:
    committed: list[float] = []
    for waiter in waiters:
        committed.append(await asyncio.to_thread(_decide, people, waiter.case))
        await asyncio.sleep(0.01)
    await asyncio.sleep(2)
    return [
        max(waiter.answered_at - at, 0.0) for waiter, at in zip(waiters, committed, strict=True)
    ]


async def _decide_through_outage(people: People, waiters: list[Waiter]) -> None:
    for waiter in waiters:
        while True:
            try:
                await asyncio.to_thread(_decide, people, waiter.case)
                break
            except django.db.Error:
                await asyncio.to_thread(lambda: connection.close())
                await asyncio.sleep(0.02)


async def _polling(
    people: People, cases: list[Escalation], pid: int, port: int, woken: list[float]
) -> None:
    pollers = [Waiter(case) for case in cases]
    tasks = [asyncio.create_task(_poll(poller, people.key, port)) for poller in pollers]
    await asyncio.sleep(2)
    spent = _cpu(pid)
    await asyncio.sleep(5)
    cpu = (_cpu(pid) - spent) / 5
    seen = await _decide_all(people, pollers[: min(len(pollers), 100)])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(
        f"{len(pollers)} runners poll once a second: {cpu:.0%} CPU "
        f"({cpu / len(pollers) * 1000:.0%} for 1,000)"
    )
    _print("one-second poll, commit to answer", seen)
    print(
        f"polling takes {statistics.median(seen) / statistics.median(woken):.0f} times as long "
        "(median)"
    )


async def _poll(poller: Waiter, key: str, port: int) -> None:
    await asyncio.sleep(hash(poller.case.ref) % 1000 / 1000)
    while not poller.answered_at:
        with suppress(OSError, ValueError):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(_get(f"{poller.case.ref}/", key))
            body = await _body(reader)
            writer.close()
            if body.get("status") == "decided":
                poller.answered_at = time.perf_counter()
                return
        await asyncio.sleep(1)


def _print(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p99 = ordered[int(len(ordered) * 0.99) - 1]
    print(
        f"{name}: p50 {statistics.median(ordered) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, "
        f"max {ordered[-1] * 1000:.1f} ms, n={len(ordered)}"
    )


if __name__ == "__main__":
    main()
