"""Append to the history, and check it."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from governance.audit.actors import Actor
from governance.audit.models import GENESIS, AuditEvent, Stream
from governance.base.canonical import canonical, stamp, without_floats

REFUSALS = "refusals"
# A stream that is written to faster than it can be read is reported as it was seen last.
TRIES = 5


def append(
    *,
    stream: str,
    kind: str,
    by: Actor,
    at: datetime,
    subject: str = "",
    data: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Add one event to a stream, in the caller's transaction.

    ``data`` is JSON without floats and without personal data beyond ids. Locks the stream's
    head until the transaction ends, so lock the subject's own row first.
    """
    draft = Draft(stream=stream, kind=kind, by=by, at=at, subject=subject, data=data)
    return append_many([draft])[0]


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is to be written; see :func:`append` for what it may hold."""

    stream: str
    kind: str
    by: Actor
    at: datetime
    subject: str = ""
    data: Mapping[str, Any] | None = None


def append_many(drafts: Sequence[Draft]) -> list[AuditEvent]:
    """Add events to the streams they name, in this order, with a handful of statements."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("history is written in the transaction of the change it records")
    if not drafts:
        return []
    heads = _locked_heads({draft.stream for draft in drafts})
    events = [_next_event(heads[draft.stream], draft) for draft in drafts]
    AuditEvent.objects.bulk_create(events)
    _advance(list(heads.values()))
    return events


def _next_event(head: Stream, draft: Draft) -> AuditEvent:
    """The event that follows the head, which moves on in memory."""
    number, previous = head.length + 1, bytes(head.head)
    about = draft.subject or draft.stream
    body = _body(head.name, number, draft.kind, draft.by, about, draft.at, draft.data or {})
    head.length, head.head = number, _link(previous, body)
    return AuditEvent(
        stream=head,
        number=number,
        kind=draft.kind,
        actor=str(draft.by),
        subject=about,
        at=draft.at,
        body=body,
        previous=previous,
        digest=head.head,
    )


def _locked_heads(names: Collection[str]) -> dict[str, Stream]:
    """The heads, locked in one order for everybody: two who want the same ones cannot block."""
    heads = _lock(names)
    if len(heads) < len(names):
        missing = [Stream(name=name) for name in sorted(set(names) - set(heads))]
        Stream.objects.bulk_create(missing, ignore_conflicts=True)
        heads |= _lock({head.name for head in missing})
    return heads


def _lock(names: Collection[str]) -> dict[str, Stream]:
    heads = Stream.objects.filter(name__in=names).order_by("name").select_for_update()
    return {head.name: head for head in heads}


def _advance(heads: Sequence[Stream]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_stream SET length = new.length, head = new.head"
            " FROM unnest(%s::text[], %s::bigint[], %s::bytea[]) AS new (name, length, head)"
            " WHERE audit_stream.name = new.name",
            [
                [head.name for head in heads],
                [head.length for head in heads],
                [bytes(head.head) for head in heads],
            ],
        )


def lock_if_free(stream: str) -> bool:
    """Lock a stream's head without waiting; False while somebody else is writing to it.

    For background work that holds other locks: waiting here could end in a deadlock.
    """
    return stream in lock_those_free([stream])


def lock_those_free(streams: Collection[str]) -> set[str]:
    """Lock the heads that nobody else is writing to, without waiting; says which those are."""
    heads = Stream.objects.filter(name__in=streams)
    free = set(heads.select_for_update(skip_locked=True).values_list("name", flat=True))
    if len(free) < len(set(streams)):
        free |= set(streams) - set(heads.values_list("name", flat=True))
    return free


def _body(
    stream: str,
    number: int,
    kind: str,
    by: Actor,
    subject: str,
    at: datetime,
    data: Mapping[str, Any],
) -> bytes:
    return canonical(
        without_floats(
            {
                "stream": stream,
                "number": number,
                "kind": kind,
                "actor": str(by),
                "subject": subject,
                "at": stamp(at),
                "data": dict(data),
            }
        )
    )


def _link(previous: bytes, body: bytes) -> bytes:
    return hashlib.sha256(previous + body).digest()


@transaction.atomic(durable=True)
def record_refusal(
    *, kind: str, by: Actor, at: datetime, subject: str, sentence: str, code: str
) -> AuditEvent:
    """Write down that an act was refused, in a transaction of its own.

    The edge that called the service does this after the service has rolled back.
    """
    return append(
        stream=REFUSALS,
        kind=kind,
        by=by,
        at=at,
        subject=subject,
        data={"code": code, "sentence": sentence},
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not add up in the history."""

    stream: str
    number: int
    sentence: str


def verify() -> Iterator[Fault]:
    """Walk every stream from its first event to its head and yield what does not add up."""
    for stream in Stream.objects.order_by("name"):
        yield from _verify_at_rest(stream)


def _verify_at_rest(stream: Stream) -> list[Fault]:
    """Head and events are read one after the other: what was appended in between is no fault."""
    for _ in range(TRIES):
        faults = list(_verify_stream(stream))
        now = Stream.objects.filter(pk=stream.pk).first()
        if not faults or now is None or now.length == stream.length:
            break
        stream = now
    return faults


def _verify_stream(stream: Stream) -> Iterator[Fault]:
    previous, number = GENESIS, 0
    for event in stream.events.order_by("number").iterator(chunk_size=2000):
        number += 1
        yield from _verify_event(event, stream.name, number, previous)
        previous, number = bytes(event.digest), event.number
    if number != stream.length:
        yield Fault(stream.name, number, f"the head counts {stream.length} events, found {number}")
    if previous != bytes(stream.head):
        yield Fault(stream.name, number, "the head does not match the last event")


def _verify_event(event: AuditEvent, stream: str, number: int, previous: bytes) -> Iterator[Fault]:
    if event.number != number:
        yield Fault(stream, number, f"expected event {number}, found {event.number}")
    if bytes(event.previous) != previous:
        yield Fault(stream, event.number, "does not follow from the event before")
    if bytes(event.digest) != _link(bytes(event.previous), bytes(event.body)):
        yield Fault(stream, event.number, "its hash does not match its body")
    if _columns(event) != _columns_in_body(bytes(event.body)):
        yield Fault(stream, event.number, "its columns do not match its body")


def _columns(event: AuditEvent) -> tuple[object, ...]:
    return (
        event.stream_id,
        event.number,
        event.kind,
        event.actor,
        event.subject,
        stamp(event.at),
    )


def _columns_in_body(body: bytes) -> tuple[object, ...]:
    try:
        told = json.loads(body)
    except ValueError:
        return ()
    if not isinstance(told, dict):
        return ()
    return tuple(told.get(name) for name in ("stream", "number", "kind", "actor", "subject", "at"))
