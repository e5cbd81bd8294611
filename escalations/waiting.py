"""Runners that wait: long poll and server-sent events, outside Django's request handler.

Django's ASGI handler keeps a thread per open request. Here a waiting runner is one future in
one event loop: no thread, and no database connection while it waits. A decision wakes it by
``NOTIFY``, which PostgreSQL delivers with the commit.

No wake-up is lost: a waiter registers first, then reads the case, then waits; after every
(re)connect the listener reads the revisions of all registered cases on its own connection.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import structlog
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from escalations.listener import Listener, Waiter
from escalations.reading import Reading, Refused, handed_out, read, read_as, revision_of
from governance.base.problems import MEDIA_TYPE, problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PATH = re.compile(r"/api/v1/escalations/(?:ESC-)?([1-9][0-9]{0,17})/(wait|events)/")
LONGEST_WAIT = 60.0
DEFAULT_WAIT = 25.0
KEEP_ALIVE = timedelta(seconds=15).total_seconds()

listener = Listener()
log = structlog.get_logger()


def handles(path: str) -> bool:
    """Whether a request for this path is served here."""
    return PATH.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Call:
    """What a waiting runner asked for."""

    escalation_id: int
    streaming: bool
    authorization: str
    markdown: bool
    since: int | None
    timeout: float
    fetches: bool


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one ``wait/`` or ``events/`` request."""
    if scope["method"] not in {"GET", "HEAD"}:
        await _refuse(send, 405, "Only GET waits.", "method_not_allowed", {"Allow": "GET"})
        return
    try:
        call = _call_of(scope)
        reading = await read_as(
            call.authorization, call.escalation_id, markdown=call.markdown, at=timezone.now()
        )
        if call.streaming:
            await _stream(call, reading, receive, send)
        else:
            await _long_poll(call, reading, receive, send)
    except Refused as refused:
        await _refuse(send, refused.status, refused.sentence, refused.code, refused.headers)
    except (DatabaseError, InterfaceError) as error:
        log.warning("database_away", error=type(error).__name__)
        await _refuse(
            send, 503, "The database is away. Ask again.", "unavailable", {"Retry-After": "1"}
        )


def _call_of(scope: Scope) -> Call:
    found = PATH.fullmatch(scope["path"])
    if found is None:
        raise Refused(404, "There is nothing at this address.", "not_found")
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qs(scope["query_string"].decode("latin-1"))
    streaming = found.group(2) == "events"
    since = headers.get(b"last-event-id") if streaming else None
    return Call(
        escalation_id=int(found.group(1)),
        streaming=streaming,
        authorization=headers.get(b"authorization", ""),
        markdown="text/markdown" in headers.get(b"accept", ""),
        since=_whole_number("since", since or query.get("since", [""])[0]),
        timeout=min(_seconds(query.get("timeout", [""])[0]), LONGEST_WAIT),
        fetches=scope.get("method") == "GET",
    )


def _whole_number(name: str, text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise Refused(400, f"{name} must be a revision: a whole number.", "invalid_input")
    return int(text)


def _seconds(text: str) -> float:
    if not text:
        return DEFAULT_WAIT
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise Refused(400, "timeout must be a number of seconds.", "invalid_input")
    return float(text)


def _news(call: Call, reading: Reading) -> bool:
    """Whether the runner has something to learn: a newer revision, or any state but open."""
    if call.since is None:
        return reading.status != "open"
    return reading.revision > call.since


async def _long_poll(call: Call, reading: Reading, receive: Receive, send: Send) -> None:
    with listener.waiting_for(call.escalation_id, reading.revision) as waiter:
        # Registered first, looked again: a change in between is seen here or wakes the waiter.
        if await revision_of(call.escalation_id) != reading.revision:
            reading = await read(call.escalation_id, markdown=call.markdown)
        if not _news(call, reading):
            waiter.known = reading.revision
            gone = asyncio.ensure_future(_disconnected(receive))
            changed = await _change_or(waiter, gone, call.timeout)
            gone.cancel()
            if gone.done() and not gone.cancelled():
                return
            if changed:
                reading = await read(call.escalation_id, markdown=call.markdown)
    await _answer(call, reading, send)
    await _note_fetched(call, reading)


async def _note_fetched(call: Call, reading: Reading) -> None:
    """After the answer left: one that broke off before is kept for the next session."""
    if reading.settled and call.fetches:
        await handed_out(call.escalation_id, at=timezone.now())


async def _change_or(waiter: Waiter, gone: "asyncio.Future[None]", timeout: float) -> bool:
    changed = asyncio.ensure_future(waiter.changed.wait())
    either: set[asyncio.Future[Any]] = {changed, gone}
    done, _ = await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    changed.cancel()
    return changed in done


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(call: Call, reading: Reading, send: Send) -> None:
    kind = "text/markdown; charset=utf-8" if call.markdown else "application/json"
    await _respond(send, 200, kind, reading.body, {"ETag": f'"{reading.revision}"'})


async def _stream(call: Call, reading: Reading, receive: Receive, send: Send) -> None:
    headers = _headers("text/event-stream", {"X-Accel-Buffering": "no"})
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        with listener.waiting_for(call.escalation_id, reading.revision) as waiter:
            await _tell(call, waiter, gone, send)
    except (Refused, DatabaseError, InterfaceError) as ended:
        # A revoked key ends its stream; after a lost database the runner resumes by its last id.
        log.info("stream_ended", because=type(ended).__name__)
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _tell(call: Call, waiter: Waiter, gone: "asyncio.Future[None]", send: Send) -> None:
    """Every change until the case is settled; each look is a sign of life and checks the key."""
    told = -1 if call.since is None else call.since
    while not gone.done() and not listener.draining:
        waiter.changed.clear()
        reading = await read_as(
            call.authorization, call.escalation_id, markdown=False, at=timezone.now()
        )
        waiter.known = reading.revision
        if reading.revision > told:
            told = reading.revision
            await _chunk(send, _event(reading))
        if reading.settled:
            await _note_fetched(call, reading)
            return
        if not await _change_or(waiter, gone, KEEP_ALIVE):
            await _chunk(send, b": still waiting\n\n")


def _event(reading: Reading) -> bytes:
    return b"id: %d\nevent: escalation\ndata: %s\n\n" % (reading.revision, reading.body)


async def _chunk(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _refuse(send: Send, status: int, sentence: str, code: str, extra: dict[str, str]) -> None:
    body = json.dumps(problem(status=status, detail=sentence, code=code)).encode()
    await _respond(send, status, MEDIA_TYPE, body, extra)


async def _respond(send: Send, status: int, kind: str, body: bytes, extra: dict[str, str]) -> None:
    headers = _headers(kind, {"Content-Length": str(len(body)), **extra})
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _headers(kind: str, extra: dict[str, str]) -> list[tuple[bytes, bytes]]:
    shared = {
        "Content-Type": kind,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return [(name.lower().encode(), value.encode()) for name, value in {**shared, **extra}.items()]
