"""What the navigation shows."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from governance.asking.services import open_asks_for
from governance.asking.watchdogs.deadman import standing
from governance.people.models import Role, User
from governance.people.permissions import Permission, has

MOST = 99
# The beginning of an address, the section that it belongs to, and the place in that section.
# The first that fits counts.
PLACES = (
    ("agents/stale", "agents", "stale"),
    ("agents/import", "agents", "imports"),
    ("agents", "agents", "agents"),
    ("families", "agents", "families"),
    ("rules", "agents", "rules"),
    ("batches", "agents", "lists"),
    ("imports", "agents", "imports"),
    ("as-of", "agents", "as-of"),
    ("policies/changes", "agents", "loosening"),
    ("policies/simulate", "inbox", "simulate"),
    ("policies", "agents", "policies"),
    ("constitution/waivers", "constitution", "waivers"),
    ("constitution", "constitution", "law"),
    ("cases", "inbox", "waiting"),
    ("precedents", "inbox", "precedents"),
    ("standing", "inbox", "standing"),
    ("proposals", "inbox", "proposals"),
    ("insights", "inbox", "insights"),
    ("history", "history", "events"),
    ("operations", "history", "operations"),
    ("runners", "runners", ""),
)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Where the person is, what they may open, and how much waits for somebody."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"nav": {}}
    section, place = _where(request.path.strip("/"))
    return {
        # What this process saw of the scheduler; reading it asks nobody.
        "standing_still_since": standing.since,
        "nav": {
            "section": section,
            "place": place,
            "roles": ", ".join(Role(role).label for role in user.roles),
            "waiting": SimpleLazyObject(lambda: _waiting_for(user)),
            "may_read_history": has(user, Permission.READ_HISTORY),
            "may_operate": has(user, Permission.OPERATE),
            "may_manage_runners": has(user, Permission.MANAGE_RUNNERS),
        },
    }


def _where(path: str) -> tuple[str, str]:
    """The section of an address and the place in it; the front page is the inbox."""
    if not path:
        return "inbox", "waiting"
    for start, section, place in PLACES:
        if path == start or path.startswith(f"{start}/"):
            return section, place
    return "", ""


def _waiting_for(user: User) -> int:
    """How many open questions this person may answer; nobody counts beyond a hundred."""
    if not (has(user, Permission.DECIDE) or has(user, Permission.REVIEW)):
        return 0
    return open_asks_for(user)[: MOST + 1].count()
