"""Sends what the outbox holds, at least once, and never after the question is settled.

A worker may die between the server's yes and the note of it: the message then goes out again
with the same Message-ID, and mail programs show it once.
"""

import contextlib
import smtplib
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from governance.asking import bounces, outbox
from governance.asking.bundling import bundle_of
from governance.asking.channels import chat, push
from governance.asking.digest import digest_of
from governance.asking.links import link_for
from governance.asking.mail import WITHOUT_ANSWER, Item, message_of, news_of
from governance.asking.models import Ask, Channel, Notification, Reason
from governance.asking.outbox import DISPATCH, Claim
from governance.asking.trouble import NotSent, Trouble
from governance.base.encoding import visible

LIMIT = 200
# With one slow message on top this stays under the worker's time limit.
BUDGET_SECONDS = 5.0
MAX_ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
# Everything but mail, which shares one connection and has a loop of its own below.
SENDERS: dict[Channel, Callable[[Notification, datetime], None]] = {
    Channel.PUSH: push.send,
    Channel.CHAT: chat.send,
}
log = structlog.get_logger()


def dispatch(*, at: datetime, limit: int = LIMIT) -> int:
    """Send what is due, until all is sent, the time is up or the server fails.

    Returns how many notices were handled.
    """
    connection = get_connection()
    until = time.monotonic() + BUDGET_SECONDS
    handled = 0
    full: set[int] = set()
    try:
        while handled < limit and time.monotonic() < until:
            claim = outbox.claim(at=at, full=full)
            if claim is None:
                break
            handled += len(claim.notices)
            if not _deal_with(claim, connection, full, at):
                break
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            connection.close()
    return handled


def _deal_with(claim: Claim, connection: BaseEmailBackend, full: set[int], at: datetime) -> bool:
    """Send what was claimed and note what came of it; False when the server should rest."""
    if not claim.notices:
        full.add(claim.root.person.pk)
        outbox.hold_back(claim.root.person.pk, at=at)
        return True
    if claim.first.attempts > MAX_ATTEMPTS:
        outbox.fail(claim.notices, error="Every worker that tried to send this died.", at=at)
        return True
    if claim.first.channel != Channel.MAIL:
        _send_otherwise(claim.first, at)
        return True
    if bounces.is_refused(claim.first.person.pk):
        outbox.fail(claim.notices, error="The address was refused before.", at=at)
        return True
    return _send_mail(claim, connection, at)


def _send_mail(claim: Claim, connection: BaseEmailBackend, at: datetime) -> bool:
    trouble = Trouble.SERVER
    items: list[Item] = []
    try:
        items, message = _prepare(claim, at)
        if message is None:
            return True
        message.connection = connection
        connection.open()
        trouble = Trouble.LATER
        message.send()
    except Exception as error:
        found = _trouble_of(error, otherwise=trouble)
        return _note_trouble(_still(claim, items), found, error, at)
    _accept(_still(claim, items), at)
    return True


def _still(claim: Claim, items: list[Item]) -> list[Notification]:
    """What a message tells or would have told."""
    return [item.notice for item in items] or claim.notices


def _accept(notices: list[Notification], at: datetime) -> None:
    outbox.accept(notices, at=at)
    for notice in notices:
        log.info("notice_accepted", notice=notice.pk, ask=notice.ask_id, attempts=notice.attempts)


def _send_otherwise(notice: Notification, at: datetime) -> None:
    """By a channel other than mail; no trouble there keeps mail from going out."""
    if not _is_wanted(notice, at):
        outbox.cancel(notice, at=at)
        return
    try:
        SENDERS[Channel(notice.channel)](notice, at)
    except NotSent as error:
        _note_trouble([notice], error.trouble, error, at)
    except Exception as error:
        _note_trouble([notice], Trouble.LATER, error, at)
    else:
        _accept([notice], at)


@transaction.atomic
def _prepare(claim: Claim, at: datetime) -> tuple[list[Item], EmailMessage | None]:
    """What is still to be told, and the mail that tells it; the rest is cancelled."""
    in_order = sorted(claim.notices, key=lambda notice: (notice.ask_id or 0, notice.pk))
    wanted = [notice for notice in in_order if _is_wanted(notice, at)]
    items = sorted(
        (_item(notice, at) for notice in wanted),
        key=lambda item: (item.notice.created_at, item.notice.pk),
    )
    message = _message(claim, items, at) if items else None
    for notice in claim.notices if message is None else set(claim.notices) - set(wanted):
        outbox.cancel(notice, at=at)
    return items, message


def _message(claim: Claim, items: list[Item], at: datetime) -> EmailMessage | None:
    first = items[0]
    if first.notice.reason == Reason.DIGEST:
        return digest_of(first.notice, at=at)
    if len(items) > 1:
        return bundle_of(claim.root, items)
    return message_of(first.notice, first.link) if first.link else news_of(first.notice)


def _is_wanted(notice: Notification, at: datetime) -> bool:
    """Unless the question was settled or snoozed, or the recipient left, in the meantime."""
    if notice.recipient and not notice.recipient.is_active:
        return False
    if notice.ask_id is None:
        return True
    ask = Ask.objects.select_for_update(no_key=True).get(pk=notice.ask_id)
    notice.ask = ask
    if ask.closed_at and not _outlives(notice, ask.closed_at):
        return False
    if notice.reason in WITHOUT_ANSWER:
        return True
    snoozed = ask.snoozes.running(at=at).filter(user=notice.recipient_id)
    return notice.recipient_id not in ask.excluded and not snoozed.exists()


def _outlives(notice: Notification, closed_at: datetime) -> bool:
    """The end of a question, and news of what came after it, are told all the same."""
    is_later = notice.reason == Reason.NEWS and notice.created_at >= closed_at
    return is_later or notice.reason == Reason.SETTLED


def _item(notice: Notification, at: datetime) -> Item:
    if notice.ask is None or notice.reason in WITHOUT_ANSWER:
        return Item(notice, None)
    return Item(notice, link_for(notice.ask, notice.person, at=at))


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


def _note_trouble(
    notices: list[Notification], trouble: Trouble, error: Exception, at: datetime
) -> bool:
    text = visible(f"{type(error).__name__}: {error}")
    first = notices[0]
    log.warning(
        "notice_not_sent", notice=first.pk, trouble=trouble.name, error=type(error).__name__
    )
    counts = trouble is not Trouble.SERVER
    if trouble is Trouble.NEVER or (counts and first.attempts >= MAX_ATTEMPTS):
        _give_up(notices, error, text, at)
    else:
        until = at + _pause(first)
        outbox.postpone(notices, error=text, until=until, counts=counts, at=at)
    return trouble in {Trouble.LATER, Trouble.NEVER}


@transaction.atomic
def _give_up(notices: list[Notification], error: Exception, text: str, at: datetime) -> None:
    outbox.fail(notices, error=text, at=at)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        lasting = bounces.is_about_the_address(_reply_code(error), text)
        bounces.record(notice=notices[0], is_permanent=lasting, text=text, by=DISPATCH, at=at)


def _pause(notice: Notification) -> timedelta:
    return min(FIRST_PAUSE * (1 << min(notice.attempts - 1, 10)), LONGEST_PAUSE)
