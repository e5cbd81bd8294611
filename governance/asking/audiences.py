"""Who a step reaches: looked up when it fires, so that people who left are not told."""

from collections.abc import Mapping, Sequence
from typing import Any

from governance.asking.models import Audience
from governance.people.models import Role, Team, User


class Audiences:
    """Looks up each audience once per sweep."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], list[User]] = {}

    def of_step(self, ladder: Sequence[Mapping[str, Any]], step: int) -> list[User]:
        """The active people of one step, in a stable order."""
        rung = ladder[step]
        also = tuple(rung.get("also", ()))
        key = (rung["audience"], rung["role"], rung["team"], rung["person"], also)
        if key not in self._known:
            self._known[key] = _people(rung)
        return self._known[key]

    def up_to_step(self, ladder: Sequence[Mapping[str, Any]], step: int) -> list[User]:
        """The active people of this step and of all steps before it, each once."""
        people = {
            user.pk: user for index in range(step + 1) for user in self.of_step(ladder, index)
        }
        return [people[key] for key in sorted(people)]


def _people(rung: Mapping[str, Any]) -> list[User]:
    """Those whom the step names, and the members of the teams that are asked besides."""
    also = User.objects.filter(is_active=True, teams__in=rung.get("also", ()))
    people = {user.pk: user for user in [*_named(rung), *also]}
    return [people[key] for key in sorted(people)]


def _named(rung: Mapping[str, Any]) -> list[User]:
    if rung["audience"] == Audience.ROLE:
        return list(User.objects.with_role(rung["role"]))
    people = User.objects.filter(is_active=True)
    if rung["audience"] == Audience.TEAM:
        return list(people.filter(teams=rung["team"]).order_by("id"))
    return list(people.filter(pk=rung["person"]))


def names_of(ladder: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each step's audience in words."""
    wanted = {rung["team"] for rung in ladder if rung["team"]}
    wanted |= {team for rung in ladder for team in rung.get("also", ())}
    teams = Team.objects.in_bulk(wanted)
    people = User.objects.in_bulk([rung["person"] for rung in ladder if rung["person"]])
    return [_name(rung, teams, people) + _also(rung, teams) for rung in ladder]


def _also(rung: Mapping[str, Any], teams: dict[int, Team]) -> str:
    named = [teams[team].name for team in rung.get("also", ()) if team in teams]
    return f", and {' and '.join(f'team {name}' for name in named)}" if named else ""


def _name(rung: Mapping[str, Any], teams: dict[int, Team], people: dict[int, User]) -> str:
    if rung["audience"] == Audience.ROLE:
        return f"Everybody with the role {Role(rung['role']).label.lower()}"
    if rung["audience"] == Audience.TEAM:
        team = teams.get(rung["team"])
        return f"Team {team.name}" if team else "A team that no longer exists"
    person = people.get(rung["person"])
    return str(person) if person else "Somebody who no longer has an account"
