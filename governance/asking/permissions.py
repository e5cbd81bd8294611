"""Who may answer which kind of question."""

from governance.asking.models import AskKind
from governance.people.permissions import Permission

NEEDED: dict[str, Permission] = {
    AskKind.CASE: Permission.DECIDE,
    AskKind.REVIEW: Permission.REVIEW,
    AskKind.AMENDMENT: Permission.RATIFY,
    AskKind.CONFIGURATION: Permission.CONFIGURE,
}
