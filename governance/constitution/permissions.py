"""Who reads the law, and who may acknowledge what was noticed in it."""

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet

from governance.base.errors import NotPermitted, NotThere
from governance.constitution.models import ConstitutionVersion
from governance.people.models import Runner, User
from governance.people.permissions import ROLES, Permission, check, has

NO_VERSION = "There is no such version of the constitution."


def versions_for(principal: Any) -> QuerySet[ConstitutionVersion]:
    """Every version for people who may see things; for a runner those that were ratified."""
    if isinstance(principal, Runner):
        return ConstitutionVersion.objects.filter(ratifications__isnull=False).distinct()
    if has(principal, Permission.VIEW):
        return ConstitutionVersion.objects.all()
    return ConstitutionVersion.objects.none()


def version_for(principal: Any, slug: str, sequence: int) -> ConstitutionVersion:
    """One version with its author, or ``NotThere`` for strangers as for what does not exist."""
    found = versions_for(principal).select_related("constitution", "author")
    version = found.filter(constitution__slug=slug, sequence=sequence).first()
    if version is None:
        raise NotThere(NO_VERSION, code="unknown_version")
    return version


def check_can_view(principal: Any) -> None:
    """Strangers learn nothing, not even whether there is a constitution."""
    if not has(principal, Permission.VIEW):
        raise NotThere("There is nothing at this address.")


def check_can_propose(by: Any) -> None:
    """Only people bring in law, and only those who may propose it."""
    if not isinstance(by, User):
        raise NotPermitted("Only people propose a constitution.", code="people_only")
    check(by, Permission.PROPOSE)


def check_can_acknowledge(by: Any, version: ConstitutionVersion) -> None:
    """Those who may ratify it acknowledge what is vague in it, and never its author."""
    if not isinstance(by, User):
        raise NotPermitted("Only people acknowledge findings.", code="people_only")
    check(by, Permission.RATIFY)
    if by.pk in version.writers:
        raise NotPermitted(
            "You wrote this text, so somebody else acknowledges what is vague in it.",
            code="four_eyes",
        )


def how_many_may_ratify(*, without: Collection[int]) -> int:
    """How many people could vote on an amendment that these people wrote and submitted."""
    roles = [role for role, held in ROLES.items() if Permission.RATIFY in held]
    able = User.objects.filter(is_active=True, roles__overlap=roles)
    return able.exclude(pk__in=without).count()
