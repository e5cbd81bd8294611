"""One connection per process that listens, and everybody in it who waits for news of a case."""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import psycopg
import structlog
from django.db import connections

CHANNEL = "escalation"
# The net beneath NOTIFY: every so often all registered cases are read again.
NET_SECONDS = 5.0
RECONNECT_SECONDS = (0.05, 2.0)
KEEPALIVE: dict[str, Any] = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}

log = structlog.get_logger()


class Waiter:
    """Somebody who waits for a revision beyond ``known``."""

    __slots__ = ("changed", "known")

    def __init__(self, known: int) -> None:
        self.known = known
        self.changed = asyncio.Event()


class Listener:
    """Wakes waiters; started with the first one, in the event loop that serves them."""

    def __init__(self) -> None:
        self._waiters: defaultdict[int, set[Waiter]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self.draining = False

    @contextlib.contextmanager
    def waiting_for(self, escalation_id: int, known: int) -> Iterator[Waiter]:
        """Be woken when the case changes, for as long as the block runs."""
        self._start()
        waiter = Waiter(known)
        if self.draining:
            waiter.changed.set()
        self._waiters[escalation_id].add(waiter)
        try:
            yield waiter
        finally:
            self._waiters[escalation_id].discard(waiter)
            if not self._waiters[escalation_id]:
                del self._waiters[escalation_id]

    def drain(self) -> None:
        """Let everybody go: they answer what they know, and the runner asks again elsewhere."""
        self.draining = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.changed.set()

    async def stop(self) -> None:
        """End the listening connection."""
        self.drain()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        shortest, longest = RECONNECT_SECONDS
        pause = shortest
        while True:
            try:
                async with await _connect() as connection:
                    pause = shortest
                    await self._listen(connection)
            except (psycopg.Error, OSError) as error:
                log.warning("listener_disconnected", error=type(error).__name__)
            # Jitter: many processes must not come back in the same instant.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
            pause = min(pause * 2, longest)

    async def _listen(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        await connection.execute(f"LISTEN {CHANNEL}")
        while True:
            await self._catch_up(connection)
            async for notice in connection.notifies(timeout=NET_SECONDS):
                self._wake(notice.payload)

    async def _catch_up(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        """Wake whoever missed a change: by ids, since sequence order is not commit order."""
        if not self._waiters:
            return
        cursor = await connection.execute(
            "SELECT id, revision FROM escalations_escalation WHERE id = ANY(%s)",
            [list(self._waiters)],
        )
        async for escalation_id, revision in cursor:
            for waiter in self._waiters.get(escalation_id, ()):
                if revision > waiter.known:
                    waiter.changed.set()

    def _wake(self, payload: str) -> None:
        if payload.isdecimal():
            for waiter in self._waiters.get(int(payload), ()):
                waiter.changed.set()


async def _connect() -> "psycopg.AsyncConnection[Any]":
    """A connection of its own, not from the pool: the pool backs off just when it is needed."""
    parameters = connections["default"].get_connection_params()
    wanted = {
        name: parameters[name]
        for name in ("dbname", "user", "password", "host", "port", "sslmode", "sslrootcert")
        if parameters.get(name)
    }
    return await psycopg.AsyncConnection.connect(
        **wanted, **KEEPALIVE, connect_timeout=5, autocommit=True, application_name="listener"
    )
