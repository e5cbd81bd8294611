"""What the navigation shows."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from governance.asking.models import Ask
from governance.people.models import User
from governance.people.permissions import Permission, has

MOST = 99


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The number of open questions, counted only where the page shows it."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"nav": {}}
    return {
        "nav": {
            "waiting": SimpleLazyObject(lambda: Ask.objects.open()[: MOST + 1].count()),
            "may_read_history": has(user, Permission.READ_HISTORY),
            "may_see_admin": user.is_staff,
        }
    }
