"""Append to the history, and check it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from governance.audit.actors import Actor
from governance.audit.models import GENESIS, AuditEvent, Stream
from governance.base.canonical import canonical, stamp, without_floats

REFUSALS = "refusals"


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
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("history is written in the transaction of the change it records")
    head = _locked_head(stream)
    number = head.length + 1
    about = subject or stream
    body = _body(head.name, number, kind, by, about, at, data or {})
    digest = _link(bytes(head.head), body)
    event = AuditEvent.objects.create(
        stream=head,
        number=number,
        kind=kind,
        actor=str(by),
        subject=about,
        at=at,
        body=body,
        previous=bytes(head.head),
        digest=digest,
    )
    head.length, head.head = number, digest
    head.save(update_fields=["length", "head"])
    return event


def _locked_head(name: str) -> Stream:
    Stream.objects.bulk_create([Stream(name=name)], ignore_conflicts=True)
    return Stream.objects.select_for_update().get(name=name)


def lock_if_free(stream: str) -> bool:
    """Lock a stream's head without waiting; False while somebody else is writing to it.

    For background work that holds other locks: waiting here could end in a deadlock.
    """
    heads = Stream.objects.filter(name=stream)
    return heads.select_for_update(skip_locked=True).exists() or not heads.exists()


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
        yield from _verify_stream(stream)


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
