"""The dead man's switch: the web process notices that the scheduler stands still.

It needs neither Celery nor the broker. Each web process looks by itself; a row in the database
lets one of them tell the administrators, once for each outage, and once that it is over.
"""

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.utils import timezone

from governance.asking.heartbeat import last_beat
from governance.asking.models import Heartbeat
from governance.audit.actors import system
from governance.audit.services import append
from governance.people.models import Role, User

# Health pages report three missing cycles; people are disturbed for more than a hiccup.
MISSED_CYCLES = 12
SHORTEST_OUTAGE = timedelta(seconds=10)
OUTAGE = "outage"
STREAM = "watchdogs"
DEAD_MAN = system("dead-man")
log = structlog.get_logger()


@dataclass(slots=True)
class Standing:
    """What this process knows: pages read it, and ask the database nothing."""

    since: datetime | None = None


standing = Standing()


def outage_after() -> timedelta:
    """How old a heartbeat is when the scheduler stands still."""
    return max(MISSED_CYCLES * timedelta(seconds=settings.TICK_SECONDS), SHORTEST_OUTAGE)


def look(*, at: datetime, started_at: datetime) -> None:
    """Compare the heartbeat with the clock, and tell what is new to the administrators.

    ``started_at`` is when this process began: what stood still while the machine was off gets
    the same time to come back as everything else.
    """
    last = last_beat()
    if at - max(last or started_at, started_at) <= outage_after():
        # Young processes know nothing yet: only a fresh heartbeat says that it is over.
        if last is not None and at - last <= outage_after():
            standing.since = None
            _tell_over(at)
        return
    standing.since = last or started_at
    _tell_outage(standing.since, at)


@transaction.atomic(durable=True)
def _tell_outage(since: datetime, at: datetime) -> None:
    """Mail inside the transaction: where it fails, this or another process tries again."""
    row = _guarded()
    if row is None or row.handled:
        return
    row.handled, row.completed_at = 1, at
    row.save(update_fields=["handled", "completed_at"])
    told = _mail(
        "The scheduler of the portal stands still",
        f"No reminder and no mail has left the portal since {since:%Y-%m-%d %H:%M} UTC.\n"
        "Cases stay open and nothing is decided, but nobody is told.\n\n"
        "Look whether beat, a worker, Valkey and PostgreSQL run, and into the log of the worker.\n"
        f"{settings.PORTAL_URL}/operations/\n\n"
        "There is one mail when it turns again.\n",
        ref=f"outage-{at:%Y%m%dT%H%M%S}",
    )
    _record("scheduler.stopped", at, {"since": f"{since:%Y-%m-%dT%H:%M:%SZ}", "told": told})


@transaction.atomic(durable=True)
def _tell_over(at: datetime) -> None:
    if not Heartbeat.objects.filter(name=OUTAGE, handled=1).exists():
        return
    row = _guarded()
    if row is None or not row.handled:
        return
    began = row.completed_at
    row.handled, row.completed_at = 0, at
    row.save(update_fields=["handled", "completed_at"])
    told = _mail(
        "The scheduler of the portal turns again",
        f"Reminders and mails leave the portal again. What was due meanwhile is sent now.\n"
        f"The outage was reported at {began:%Y-%m-%d %H:%M} UTC.\n"
        f"{settings.PORTAL_URL}/operations/\n",
        ref=f"back-{began:%Y%m%dT%H%M%S}",
    )
    _record("scheduler.back", at, {"told": told})


def _guarded() -> Heartbeat | None:
    """The row of outages, locked; None while another process is telling."""
    Heartbeat.objects.get_or_create(
        name=OUTAGE, defaults={"completed_at": timezone.now(), "handled": 0}
    )
    return Heartbeat.objects.select_for_update(skip_locked=True).filter(name=OUTAGE).first()


def _mail(subject: str, text: str, *, ref: str) -> int:
    """To each administrator a mail of their own; how many got out. Raises where none did."""
    host, sent, trouble = urlsplit(settings.PORTAL_URL).hostname, 0, None
    people = list(User.objects.with_role(Role.ADMINISTRATOR))
    with get_connection() as mails:
        for person in people:
            headers = {
                "Message-ID": f"<{ref}-{person.pk}@{host}>",
                "Auto-Submitted": "auto-generated",
            }
            message = EmailMessage(
                subject, text, to=[person.email], headers=headers, connection=mails
            )
            try:
                sent += message.send()
            except OSError as error:
                trouble = error
                log.warning("dead_man_not_heard", user=person.pk, error=type(error).__name__)
    if trouble and not sent:
        raise trouble
    return sent


def _record(kind: str, at: datetime, data: dict[str, object]) -> None:
    append(stream=STREAM, kind=kind, by=DEAD_MAN, at=at, data=data)
    log.error(kind.replace(".", "_"), **data)


def watch() -> None:
    """Look again and again, for as long as this process lives."""
    started_at = timezone.now()
    while True:
        time.sleep(max(settings.TICK_SECONDS, 1))
        try:
            look(at=timezone.now(), started_at=started_at)
        except Exception as error:
            # The database or the mail server is away too: try again, and leave a line.
            log.error("dead_man_cannot_look", error=type(error).__name__)
        finally:
            connection.close()


def start() -> None:
    """Let a thread of this web process watch. Called once, where the process begins to serve."""
    threading.Thread(target=watch, name="dead-man", daemon=True).start()
