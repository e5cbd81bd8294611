"""What every template may read."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone


def portal(request: HttpRequest) -> dict[str, Any]:
    """The moment of the request, and whether this is a development installation."""
    return {
        "now": timezone.now(),
        "development": settings.PORTAL_ENV == "development",
        # Not the request's host: an error page is shown for a host that is not ours, too.
        "portal_url": settings.PORTAL_URL,
        "mailbox": bool(settings.MAILBOX_PATH),
    }
