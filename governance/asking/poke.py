"""A hint to the worker that there is something to do. Losing it costs one interval."""

from functools import cache

import structlog
from celery import current_app
from django.db import transaction
from kombu import Connection, pools

DISPATCH = "asking.dispatch"
SECONDS = 0.2
# Without max_retries kombu would try for ever and hold up the person who pressed the button.
LIMITS = {
    "socket_connect_timeout": SECONDS,
    "socket_timeout": 2 * SECONDS,
    "max_retries": 0,
    "connect_retries_timeout": SECONDS,
}
log = structlog.get_logger()


def poke_dispatch() -> None:
    """Wake the worker once the caller's transaction is committed."""
    transaction.on_commit(_send, robust=True)


def _send() -> None:
    try:
        with pools.producers[_connection()].acquire(block=True, timeout=SECONDS) as producer:
            current_app.send_task(DISPATCH, producer=producer, retry=False, expires=60)
    except Exception as error:
        # The row is committed and the next tick finds it: nothing to tell the caller.
        log.warning("poke_lost", task=DISPATCH, error=type(error).__name__)


@cache
def _connection() -> Connection:
    options = current_app.conf.broker_transport_options | LIMITS
    connection: Connection = current_app.connection_for_write(transport_options=options)
    return connection
