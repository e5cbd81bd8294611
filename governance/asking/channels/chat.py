"""Tells one chat room that something waits: a sentence and the way there, nothing else."""

import json
from datetime import datetime

from django.conf import settings

from governance.asking.channels.outbound import Answer, Refused, Unreachable, post
from governance.asking.channels.words import headline
from governance.asking.models import Notification
from governance.asking.trouble import NotSent, Trouble


def is_on() -> bool:
    """Whether the operator named a room."""
    return bool(settings.CHAT_WEBHOOK_URL)


def send(notice: Notification, at: datetime) -> None:
    """Post one message, as Slack, Mattermost and Teams take it.

    Raises :class:`NotSent`; the room rests after a trouble of its server. Its text does not name
    the address: that is a secret.
    """
    if not is_on():
        raise Refused("There is no CHAT_WEBHOOK_URL.")
    ask = notice.question
    text = f"{headline(ask, notice.reason)}\n{settings.PORTAL_URL}{ask.path}"
    answer = _post(json.dumps({"text": text}).encode())
    if answer.may_pass_later:
        raise NotSent(Trouble.SERVER, f"The chat answers {answer.status}.")
    if not answer.is_good:
        raise Refused(f"The chat answers {answer.status}.")


def _post(body: bytes) -> Answer:
    try:
        return post(
            settings.CHAT_WEBHOOK_URL,
            body,
            {"Content-Type": "application/json"},
            private=settings.PRIVATE_ENDPOINTS,
        )
    except Unreachable as error:
        raise NotSent(Trouble.SERVER, error.text) from error
