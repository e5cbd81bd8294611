"""Everything on a laptop; in production the waiting half, beside WSGI processes."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from types import FrameType
from typing import Any

from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

from governance.base.redaction import HideTokens

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

django = get_asgi_application()
wait = import_string("escalations.waiting.application")
handles = import_string("escalations.waiting.handles")
listener = import_string("escalations.waiting.listener")
watch_the_scheduler = import_string("governance.asking.watchdogs.deadman.start")
# The handler of the access log is the server's own, where there is one: LOGGING does not reach it.
logging.getLogger("uvicorn.access").addFilter(HideTokens())


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Waiting runners go to a lean handler, everything else to Django."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http" and handles(scope["path"]):
        await wait(scope, receive, send)
    else:
        await django(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _drain_on(signal.SIGTERM)
            _drain_on(signal.SIGINT)
            watch_the_scheduler()
            await send({"type": "lifespan.startup.complete"})
        else:
            await listener.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


def _drain_on(number: signal.Signals) -> None:
    """Answer waiting runners at once; the server itself waits for open requests to end."""
    before, loop = signal.getsignal(number), asyncio.get_running_loop()

    def drain(signum: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(listener.drain)
        if callable(before):
            before(signum, frame)

    signal.signal(number, drain)
