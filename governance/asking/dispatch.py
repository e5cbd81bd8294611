"""Sends what the outbox holds, at least once, and never after the question is settled.

A worker may die between the mail server's yes and the note of it: the mail then goes out again
with the same Message-ID, and mail programs show it once.
"""

import contextlib
import smtplib
import time
from datetime import datetime, timedelta
from enum import Enum

import structlog
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from governance.asking import outbox
from governance.asking.links import link_for
from governance.asking.mail import message_of, news_of
from governance.asking.models import Ask, Notification, Reason
from governance.base.encoding import visible

LIMIT = 200
# With one slow mail on top this stays under the worker's time limit.
BUDGET_SECONDS = 25.0
MAX_ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
log = structlog.get_logger()


class Trouble(Enum):
    """What an error says about trying again."""

    SERVER = "the server cannot be used now: no mail is to blame"
    BROKEN_OFF = "the connection broke during this mail"
    LATER = "this mail may pass later"
    NEVER = "this mail never passes"


def dispatch(*, at: datetime, limit: int = LIMIT) -> int:
    """Send what is due, until all is sent, the time is up or the server fails.

    Returns how many notices were handled.
    """
    connection = get_connection()
    until = time.monotonic() + BUDGET_SECONDS
    handled = 0
    try:
        while handled < limit and time.monotonic() < until:
            notice = outbox.claim(at=at)
            if notice is None:
                break
            handled += 1
            if not _deliver(notice, connection, at):
                break
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            connection.close()
    return handled


def _deliver(notice: Notification, connection: BaseEmailBackend, at: datetime) -> bool:
    """Send one notice and note what came of it; False when the server should rest."""
    if notice.attempts > MAX_ATTEMPTS:
        outbox.fail(notice, error="Every worker that tried to send this died.", at=at)
        return True
    trouble = Trouble.SERVER
    try:
        message = _prepare(notice, at)
        if message is None:
            outbox.cancel(notice, at=at)
            return True
        message.connection = connection
        connection.open()
        trouble = Trouble.LATER
        message.send()
    except Exception as error:
        return _note_trouble(notice, _trouble_of(error, otherwise=trouble), error, at)
    outbox.accept(notice, at=at)
    log.info("notice_accepted", notice=notice.pk, ask=notice.ask_id, attempts=notice.attempts)
    return True


@transaction.atomic
def _prepare(notice: Notification, at: datetime) -> EmailMultiAlternatives | None:
    """The mail, unless the question was settled or the recipient left in the meantime."""
    ask = Ask.objects.select_for_update(no_key=True).get(pk=notice.question.pk)
    recipient = notice.person
    notice.ask = ask
    if not recipient.is_active or (ask.closed_at and notice.reason != Reason.SETTLED):
        return None
    if notice.reason in (Reason.NEWS, Reason.SETTLED):
        return news_of(notice)
    if recipient.pk in ask.excluded:
        return None
    return message_of(notice, link_for(ask, recipient, at=at))


def _trouble_of(error: Exception, *, otherwise: Trouble) -> Trouble:
    if not isinstance(error, OSError):
        return Trouble.LATER
    code = _reply_code(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) and code >= 500:
        return Trouble.NEVER
    answered = isinstance(error, smtplib.SMTPException) and code != 421
    if answered and not isinstance(error, smtplib.SMTPServerDisconnected):
        return otherwise
    return Trouble.SERVER if otherwise is Trouble.SERVER else Trouble.BROKEN_OFF


def _reply_code(error: Exception) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max((code for code, _ in error.recipients.values()), default=0)
    return int(getattr(error, "smtp_code", 0) or 0)


def _note_trouble(notice: Notification, trouble: Trouble, error: Exception, at: datetime) -> bool:
    text = visible(f"{type(error).__name__}: {error}")
    log.warning(
        "notice_not_sent", notice=notice.pk, trouble=trouble.name, error=type(error).__name__
    )
    counts = trouble is not Trouble.SERVER
    if trouble is Trouble.NEVER or (counts and notice.attempts >= MAX_ATTEMPTS):
        outbox.fail(notice, error=text, at=at)
    else:
        outbox.postpone(notice, error=text, until=at + _pause(notice), counts=counts, at=at)
    return trouble in {Trouble.LATER, Trouble.NEVER}


def _pause(notice: Notification) -> timedelta:
    return min(FIRST_PAUSE * (1 << min(notice.attempts - 1, 10)), LONGEST_PAUSE)
