"""Who a step reaches: looked up when it fires, so that people who left are not told."""

from collections.abc import Mapping, Sequence
from typing import Any

from governance.asking.models import Ask, Audience
from governance.people.models import Role, Team, User


class Audiences:
    """Looks up each audience once per batch of the sweep."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], list[User]] = {}

    def of_step(self, ask: Ask, step: int) -> list[User]:
        """The active people of one step, in a stable order."""
        rung = ask.ladder[step]
        owner = ask.owner_id if rung["audience"] == Audience.OWNER else None
        also = tuple(rung.get("also", ()))
        key = (rung["audience"], rung["role"], rung["team"], rung["person"], owner, also)
        if key not in self._known:
            self._known[key] = _people(rung, owner)
        return self._known[key]


def _people(rung: Mapping[str, Any], owner: int | None) -> list[User]:
    """Those whom the step names, and the members of the teams that are asked besides."""
    also = rung.get("also", ())
    besides = User.objects.filter(is_active=True, teams__in=also) if also else []
    people = {user.pk: user for user in [*_named(rung, owner), *besides]}
    return [people[key] for key in sorted(people)]


def _named(rung: Mapping[str, Any], owner: int | None) -> list[User]:
    if rung["audience"] == Audience.ROLE:
        return list(User.objects.with_role(rung["role"]))
    people = User.objects.filter(is_active=True)
    if rung["audience"] == Audience.TEAM:
        return list(people.filter(teams=rung["team"]).order_by("id"))
    wanted = owner if rung["audience"] == Audience.OWNER else rung["person"]
    return list(people.filter(pk=wanted)) if wanted else []


def nobody_named(rung: Mapping[str, Any]) -> str:
    """Why a step names nobody, for the history: ids, not names."""
    return {
        Audience.ROLE: f"nobody has the role {rung['role']}",
        Audience.TEAM: "nobody with an account is in the team",
        Audience.PERSON: f"user:{rung['person']} has no account any more",
        Audience.OWNER: "the agent has no owner with an account",
    }[rung["audience"]]


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
    if rung["audience"] == Audience.OWNER:
        return "The agent's owner"
    person = people.get(rung["person"])
    return str(person) if person else "Somebody who no longer has an account"
