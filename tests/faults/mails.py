"""What the tests of processes do with the broker, the leases and the mail that arrived."""

import re
from datetime import timedelta
from typing import Any

from celery import current_app
from django.utils import timezone

from governance.asking.models import Notification, NotificationState
from governance.asking.tasks import tick
from tests.e2e.conftest import HOST, Mailbox

UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")


def wake() -> None:
    """What beat sends."""
    current_app.send_task(tick.name)


def expire_leases() -> None:
    """The leases of dead workers have run out."""
    Notification.objects.filter(state=NotificationState.SENDING).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )


def send_to(mailbox: Mailbox, settings: Any) -> None:
    """This process sends to that server as the workers do."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = HOST, mailbox.port


def by_person(mailbox: Mailbox) -> dict[str, list[str]]:
    """The Message-IDs that each address got, in order."""
    found: dict[str, list[str]] = {}
    for mail in mailbox.messages:
        found.setdefault(str(mail["To"]), []).append(str(mail["Message-ID"]))
    return found


def number_of(mail: Any) -> str:
    """The number of the notice that a mail carries, as hex digits."""
    found = UUID.search(str(mail["Message-ID"]))
    assert found, mail["Message-ID"]
    return found.group().replace("-", "")
