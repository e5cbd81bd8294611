"""What the navigation shows."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from governance.asking.services import open_asks_for
from governance.people.models import Role, User
from governance.people.permissions import Permission, has

MOST = 99
SECTIONS = {
    "cases": "inbox",
    "agents": "agents",
    "as-of": "agents",
    "families": "agents",
    "imports": "agents",
    "constitution": "constitution",
    "history": "history",
    "runners": "runners",
}


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Where the person is, what they may open, and how much waits for somebody."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"nav": {}}
    first = request.path.strip("/").partition("/")[0]
    return {
        "nav": {
            "section": SECTIONS.get(first, "inbox" if not first else ""),
            "roles": ", ".join(Role(role).label for role in user.roles),
            "waiting": SimpleLazyObject(lambda: _waiting_for(user)),
            "may_read_history": has(user, Permission.READ_HISTORY),
            "may_manage_runners": has(user, Permission.MANAGE_RUNNERS),
        }
    }


def _waiting_for(user: User) -> int:
    """How many open questions this person may answer; nobody counts beyond a hundred."""
    if not (has(user, Permission.DECIDE) or has(user, Permission.REVIEW)):
        return 0
    return open_asks_for(user)[: MOST + 1].count()
