"""Sends a notice to the browsers of its recipient."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import parseaddr

import structlog
from django.conf import settings

from governance.asking.channels.outbound import Answer, Refused, Unreachable, post
from governance.asking.channels.subscriptions import browsers_of, forget, is_own_service
from governance.asking.channels.webpush import authorization, encrypt, private_key
from governance.asking.channels.words import headline
from governance.asking.models import Ask, Notification, PushSubscription
from governance.people.models import User

# A browser that is off gets it when it comes back, unless the next reminder is there by then.
LONGEST_LIFE, SHORTEST_LIFE = timedelta(days=1), timedelta(minutes=1)
GONE = {404, 410}
log = structlog.get_logger()


def send(notice: Notification, at: datetime) -> None:
    """Show one notice in every browser of its recipient; one that takes it is enough.

    Raises :class:`Refused` where no browser is left or none will have it, :class:`Unreachable`
    where it may pass later.
    """
    ask = notice.question
    _send_to_all(
        browsers_of(notice.person),
        message={"title": headline(ask, notice.reason), "path": ask.path, "tag": _topic(ask)},
        headers={
            "Topic": _topic(ask),
            "Urgency": "high" if ask.wakes_people else "normal",
            "TTL": str(_life(ask, at)),
        },
        at=at,
    )


def send_test(user: User, *, at: datetime) -> None:
    """Show a notice that asks nothing. Raises as :func:`send` does."""
    _send_to_all(
        browsers_of(user),
        message={"title": "This is a test. Nothing waits for you.", "path": "/", "tag": "test"},
        headers={"Topic": "test", "Urgency": "normal", "TTL": "60"},
        at=at,
    )


def _topic(ask: Ask) -> str:
    """A later notice of the same question takes the place of one that was not shown yet."""
    return f"ask-{ask.pk}"


def _life(ask: Ask, at: datetime) -> int:
    left = ask.next_action_at - at if ask.next_action_at else LONGEST_LIFE
    return int(min(max(left, SHORTEST_LIFE), LONGEST_LIFE).total_seconds())


def _send_to_all(
    browsers: Iterable[PushSubscription],
    *,
    message: dict[str, str],
    headers: dict[str, str],
    at: datetime,
) -> None:
    if not settings.VAPID_KEY:
        raise Refused("Web Push is switched off: there is no VAPID_KEY.")
    troubles: list[Refused | Unreachable] = []
    taken = 0
    for browser in browsers:
        try:
            taken += _send_to(browser, json.dumps(message).encode(), headers, at)
        except (Refused, Unreachable) as trouble:
            troubles.append(trouble)
    if taken:
        return
    later = next((one for one in troubles if isinstance(one, Unreachable)), None)
    raise later or next(iter(troubles), Refused("No browser shows notices of this person."))


def _send_to(
    browser: PushSubscription, message: bytes, headers: dict[str, str], at: datetime
) -> bool:
    """True where the push service took it; False where the browser is no more."""
    key = private_key(settings.VAPID_KEY)
    contact = f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"
    try:
        body = encrypt(message, p256dh=browser.p256dh, auth=browser.auth)
    except ValueError as error:
        raise Refused("The key of the browser is damaged.") from error
    answer = post(
        browser.endpoint,
        body,
        {
            **headers,
            "Authorization": authorization(browser.endpoint, key=key, contact=contact, at=at),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
        },
        private=is_own_service(browser.endpoint),
    )
    return _is_taken(browser, answer, at)


def _is_taken(browser: PushSubscription, answer: Answer, at: datetime) -> bool:
    if answer.is_good:
        return True
    log.info("push_not_taken", browser=browser.pk, status=answer.status)
    if answer.status in GONE:
        forget(browser, at=at)
        return False
    if answer.may_pass_later:
        raise Unreachable(f"The push service answers {answer.status}.")
    raise Refused(f"The push service answers {answer.status}: {answer.text[:200]}")
