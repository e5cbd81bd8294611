"""Who may release what into which environment, with the sentence why not."""

from typing import Any

from agents.models import AgentVersion, Environment
from agents.permissions import check_person, excluded_from
from governance.base.errors import NotPermitted
from governance.people.permissions import Permission, check


def check_may_release(by: Any, version: AgentVersion, environment: Environment) -> None:
    """Refuse all but people with the right, whom the environment lets release this version."""
    check_person(by, "release versions")
    check(by, Permission.RELEASE)
    if environment.protected and by.pk in excluded_from(version):
        raise NotPermitted(
            f"{environment} is protected: somebody who did not write this version releases it.",
            code="four_eyes",
        )
    _check_team(by, environment)


def check_may_break_glass(
    by: Any, version: AgentVersion, environment: Environment | None = None
) -> None:
    """As for a release, and never by somebody who wrote the version, protected or not.

    Without an environment only what every environment asks is checked.
    """
    check_person(by, "break the glass")
    check(by, Permission.RELEASE)
    if by.pk in excluded_from(version):
        raise NotPermitted(
            "You wrote this version, so somebody else has to break the glass for it.",
            code="four_eyes",
        )
    if environment:
        _check_team(by, environment)


def _check_team(by: Any, environment: Environment) -> None:
    team = environment.team
    if team and not team.members.filter(pk=by.pk).exists():
        raise NotPermitted(
            f"Only members of {team} release to {environment}.", code="not_in_team", team=team.slug
        )
