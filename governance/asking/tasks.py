from celery import shared_task
from django.utils import timezone

from governance.asking.dispatch import dispatch as send_notices
from governance.asking.heartbeat import AUDIT, beat, last_beat
from governance.asking.poke import DISPATCH
from governance.asking.sweep import sweep
from governance.asking.watchdogs.auditor import audit as look
from governance.asking.watchdogs.ping import call_outside


@shared_task(name="asking.tick")
def tick() -> None:
    """One cycle of the scheduler; the heartbeat is written only when all of it is done."""
    handled = _cycle()
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
    _cycle()


def _cycle() -> int:
    return sweep(at=timezone.now()) + send_notices(at=timezone.now())
