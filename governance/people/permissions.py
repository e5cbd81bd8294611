"""Who may do what: one enum of permissions, and the roles that hold them.

``has`` answers templates; ``check`` raises the sentence that the person reads.
"""

from enum import StrEnum
from typing import Any

from governance.base.errors import NotPermitted
from governance.people.models import Role, Runner, User


class Permission(StrEnum):
    VIEW = "view agents, cases and the constitution"
    READ_HISTORY = "read the history"
    PROPOSE = "propose versions of agents and of the constitution"
    REVIEW = "vote on versions"
    RATIFY = "ratify the constitution"
    RELEASE = "release approved versions"
    SUSPEND = "suspend agents and versions"
    DECIDE = "decide cases"
    CONFIGURE = "configure teams, policies and environments"
    MANAGE_RUNNERS = "manage runners and their keys"
    OPERATE = "see how the portal itself runs"


P = Permission
ROLES: dict[str, frozenset[Permission]] = {
    Role.OWNER: frozenset({P.VIEW, P.PROPOSE, P.RELEASE, P.SUSPEND, P.MANAGE_RUNNERS}),
    Role.APPROVER: frozenset({P.VIEW, P.REVIEW, P.RATIFY, P.RELEASE, P.SUSPEND, P.DECIDE}),
    Role.AUDITOR: frozenset({P.VIEW, P.READ_HISTORY, P.OPERATE}),
    Role.ADMINISTRATOR: frozenset(
        {P.VIEW, P.READ_HISTORY, P.CONFIGURE, P.MANAGE_RUNNERS, P.SUSPEND, P.OPERATE}
    ),
}


def permissions_of(user: Any) -> frozenset[Permission]:
    """All that a person may do; a runner, an inactive account or a stranger: nothing."""
    if isinstance(user, Runner) or not isinstance(user, User) or not user.is_active:
        return frozenset()
    return frozenset().union(*(ROLES[role] for role in user.roles if role in ROLES))


def has(user: Any, permission: Permission) -> bool:
    """Whether this actor holds a permission. Being a superuser adds none."""
    return permission in permissions_of(user)


def check(user: Any, permission: Permission) -> None:
    """Raise :class:`NotPermitted` with the sentence to read unless ``user`` may."""
    if has(user, permission):
        return
    roles = " or ".join(role.label.lower() for role in Role if permission in ROLES[role.value])
    raise NotPermitted(f"To {permission.value} you need the role {roles}.", needs=permission.name)


def roles_with(permission: Permission) -> list[str]:
    """The roles that hold a permission."""
    return [role.value for role in Role if permission in ROLES[role.value]]
