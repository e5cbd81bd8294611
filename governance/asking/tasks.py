from celery import shared_task
from django.utils import timezone

from governance.asking.dispatch import dispatch as send_notices
from governance.asking.heartbeat import beat
from governance.asking.poke import DISPATCH
from governance.asking.sweep import sweep


@shared_task(name="asking.tick")
def tick() -> None:
    """One cycle of the scheduler; the heartbeat is written only when all of it is done."""
    handled = _cycle()
    beat(at=timezone.now(), handled=handled)


@shared_task(name=DISPATCH)
def dispatch() -> None:
    """The same on a poke, so that nobody waits for the next tick."""
    _cycle()


def _cycle() -> int:
    return sweep(at=timezone.now()) + send_notices(at=timezone.now())
