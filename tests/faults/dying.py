"""A worker that dies at one moment of its work: `celery -A tests.faults.dying worker`.

``DIE_AT`` names the moment. The code that runs is the portal's own; its database connection and
its way to the mail server are only watched, and the whole process group ends by SIGKILL.
"""

import os
import signal
import smtplib
from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.signals import connection_created

from governance.celery import app

__all__ = ["MOMENTS", "app"]

CLAIM_OF_SWEEP = "after the claim of the sweep"
OUTBOX = "after the insert into the outbox"
BEFORE_COMMIT = "before the commit of the sweep"
AFTER_COMMIT = "after the commit of the sweep"
CLAIM_OF_DISPATCH = "after the claim of the mail"
BEFORE_DATA = "before the data"
AFTER_250 = "after the 250"
BEFORE_MARK = "before the mark"
MARKED = "before the commit of the mark"
MOMENTS = (
    CLAIM_OF_SWEEP,
    OUTBOX,
    BEFORE_COMMIT,
    AFTER_COMMIT,
    CLAIM_OF_DISPATCH,
    BEFORE_DATA,
    AFTER_250,
    BEFORE_MARK,
    MARKED,
)
CHOSEN = os.environ.get("DIE_AT", "")
# What the transaction that runs has done so far.
done: set[str] = set()


def reach(moment: str) -> None:
    if moment == CHOSEN:
        os.killpg(0, signal.SIGKILL)


def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    text = " ".join(sql.replace('"', "").split())
    if text.startswith("UPDATE asking_notification") and "accepted" in (params or ()):
        reach(BEFORE_MARK)
        done.add("mark")
    result = execute(sql, params, many, context)
    if "FROM asking_ask" in text and "SKIP LOCKED" in text:
        reach(CLAIM_OF_SWEEP)
    if text.startswith("INSERT INTO asking_notification"):
        done.add("outbox")
        reach(OUTBOX)
    if text.startswith("UPDATE asking_notification") and "sending" in (params or ()):
        done.add("claim")
    return result


def watch_connection(connection: Any, **_: Any) -> None:
    if watch not in connection.execute_wrappers:
        connection.execute_wrappers.append(watch)


def commit(self: DatabaseWrapper) -> None:
    if "outbox" in done:
        reach(BEFORE_COMMIT)
    if "mark" in done:
        reach(MARKED)
    committed(self)
    if "outbox" in done:
        reach(AFTER_COMMIT)
    if "claim" in done:
        reach(CLAIM_OF_DISPATCH)
    done.clear()


def data(self: smtplib.SMTP, message: Any) -> Any:
    reach(BEFORE_DATA)
    answer = sent(self, message)
    reach(AFTER_250)
    return answer


if CHOSEN:
    connection_created.connect(watch_connection)
    committed, DatabaseWrapper._commit = DatabaseWrapper._commit, commit
    sent, smtplib.SMTP.data = smtplib.SMTP.data, data  # type: ignore[method-assign,assignment]
