from datetime import datetime
from typing import Protocol

from celery import shared_task
from django.utils import timezone

from governance.asking.digest import enqueue_digests
from governance.asking.dispatch import dispatch as send_notices
from governance.asking.heartbeat import (
    AUDIT,
    DIGEST_LOOP,
    DISPATCH_LOOP,
    SWEEP_LOOP,
    beat,
    last_beat,
)
from governance.asking.poke import DISPATCH
from governance.asking.sweep import sweep
from governance.asking.watchdogs.auditor import audit as look
from governance.asking.watchdogs.ping import call_outside


class Loop(Protocol):
    def __call__(self, *, at: datetime) -> int: ...


# In this order: what the sweep and the digest write goes out in the same cycle.
LOOPS: dict[str, Loop] = {
    SWEEP_LOOP: lambda at: sweep(at=at),
    DIGEST_LOOP: lambda at: enqueue_digests(at=at),
    DISPATCH_LOOP: lambda at: send_notices(at=at),
}


@shared_task(name="asking.tick")
def tick() -> None:
    """One cycle of the scheduler; the heartbeat is written only when all of it is done."""
    handled = sum(_turn(name, loop) for name, loop in LOOPS.items())
    beat(at=timezone.now(), handled=handled)
    if last_beat(AUDIT) is None:
        # A new portal does not wait for its first audit: until then its health is unknown.
        _audit()


@shared_task(name="asking.audit")
def audit() -> None:
    """Look for what must never be; tell the outside only where nothing is wrong."""
    _audit()


def _audit() -> None:
    if look(at=timezone.now()).passed:
        call_outside()


@shared_task(name=DISPATCH)
def dispatch() -> None:
    """The same on a poke, so that nobody waits for the next tick."""
    sweep(at=timezone.now())
    send_notices(at=timezone.now())


def _turn(name: str, loop: Loop) -> int:
    """One whole turn of a loop, and its heartbeat."""
    handled = loop(at=timezone.now())
    beat(at=timezone.now(), handled=handled, name=name)
    return handled
