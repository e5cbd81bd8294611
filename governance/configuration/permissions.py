"""Who may confirm what loosens something, and who may say no to it."""

from governance.base.errors import Conflict, NotPermitted
from governance.configuration.kinds import KINDS
from governance.configuration.models import ConfigurationChange
from governance.people.models import Role, User
from governance.people.permissions import Permission, check, has

ONLY_ONE = (
    "You are the only administrator. Whoever runs the portal makes a second one on the server, "
    "with manage.py createsuperuser; that one confirms it."
)


def check_may_confirm(by: User, change: ConfigurationChange) -> None:
    """Another administrator than the one who asked, and nobody who gains by it."""
    check(by, Permission.CONFIGURE)
    if change.asked_by_id == by.pk:
        raise NotPermitted("Somebody else has to confirm what you asked for.", code="four_eyes")
    if by.pk in gaining(change):
        raise NotPermitted(
            "You would gain rights by this: another administrator confirms it.", code="four_eyes"
        )
    if not has(change.asked_by, Permission.CONFIGURE):
        raise Conflict(
            f"{change.asked_by} is no administrator any more. Ask for it anew.", code="asker_left"
        )


def gaining(change: ConfigurationChange) -> set[int]:
    """Who would get more rights by a change."""
    return KINDS[change.kind].gains(change.object_id, change.before, change.after)


def other_administrators(user: User) -> bool:
    """Whether there is anybody who could confirm what this administrator asks for."""
    return bool(User.objects.with_role(Role.ADMINISTRATOR).exclude(pk=user.pk).exists())
