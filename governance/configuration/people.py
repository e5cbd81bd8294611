"""What loosens of people and teams: rights that somebody gets."""

from datetime import datetime
from typing import Any

from governance.audit.services import append
from governance.configuration.kinds import Kind, Snapshot, there, uses_of_team
from governance.people.models import Membership, Role, Team, User
from governance.people.services import actor_of, set_roles

# Who decides, and who says who decides: these are given by two.
GRANTED = (Role.APPROVER.value, Role.ADMINISTRATOR.value)


def granted(before: Snapshot, after: Snapshot) -> list[str]:
    """The roles of weight that a person would get; a closed account has none."""
    had = set(before["roles"]) if before["active"] else set()
    has = set(after["roles"]) if after["active"] else set()
    return [role for role in GRANTED if role in has - had]


class PersonKind(Kind):
    name, label = "user", "person"

    def read(self, pk: int) -> Snapshot:
        user = User.objects.get(pk=pk)
        teams = Team.objects.filter(members=pk).order_by("pk")
        uses = [[team.pk, use] for team in teams for use in uses_of_team(team.pk)]
        return {
            "name": user.name,
            "roles": sorted(user.roles),
            "active": user.is_active,
            "teams": uses,
            "names": {str(team.pk): team.name for team in teams},
        }

    def absent(self, sort: str = "") -> Snapshot:
        return {"name": "", "roles": [], "active": True, "teams": []}

    def loosens(self, before: Snapshot, after: Snapshot) -> list[str]:
        who = after["name"] or "A person without a name"
        said = [
            f"{who} gets the role {Role(role).label.lower()}." for role in granted(before, after)
        ]
        if before["active"] or not after["active"]:
            return said
        names = after["names"]
        return said + [
            f"{who} counts again in team {names[str(team)]}: {use}." for team, use in after["teams"]
        ]

    def gains(self, pk: int | None, before: Snapshot, after: Snapshot) -> set[int]:
        return {pk} if pk is not None else set()

    def title(self, state: Snapshot) -> str:
        return f"The rights of {state['name'] or 'a person'}"

    def apply(self, pk: int | None, after: Snapshot, *, by: User, at: datetime) -> None:
        user = User.objects.select_for_update().get(pk=there(pk))
        user.name, user.is_active = after["name"], after["active"]
        user.save(update_fields=["name", "is_active"])
        _record(user.subject, "user.changed", by, at, {"fields": ["is_active", "name", "roles"]})
        if sorted(user.roles) != after["roles"]:
            set_roles(user_id=user.pk, roles=after["roles"], by=by, at=at)


class TeamKind(Kind):
    name, label = "team", "team"

    def read(self, pk: int) -> Snapshot:
        team = Team.objects.get(pk=pk)
        members = list(team.members.order_by("pk"))
        return {
            "name": team.name,
            "slug": team.slug,
            "members": [member.pk for member in members],
            "uses": uses_of_team(pk),
            "names": {str(member.pk): str(member) for member in members},
        }

    def absent(self, sort: str = "") -> Snapshot:
        return {"members": [], "uses": []}

    def loosens(self, before: Snapshot, after: Snapshot) -> list[str]:
        new = sorted(set(after["members"]) - set(before["members"]))
        return [
            f"{after['names'][str(member)]} comes into team {after['name']}: {use}."
            for member in new
            for use in after["uses"]
        ]

    def gains(self, pk: int | None, before: Snapshot, after: Snapshot) -> set[int]:
        return set(after["members"]) - set(before["members"])

    def title(self, state: Snapshot) -> str:
        return f"Team {state['name']}"

    def apply(self, pk: int | None, after: Snapshot, *, by: User, at: datetime) -> None:
        team = Team.objects.select_for_update().get(pk=there(pk))
        team.name, team.slug = after["name"], after["slug"]
        team.save()
        team.membership_set.exclude(user__in=after["members"]).delete()
        Membership.objects.bulk_create(
            [Membership(team=team, user_id=member) for member in after["members"]],
            ignore_conflicts=True,
        )
        _record(f"team:{team.pk}", "team.changed", by, at, {"fields": ["name", "slug"]})
        record_members(team, by=by, at=at)


def record_members(team: Team, *, by: Any, at: datetime) -> None:
    """Who is in a team decides who is asked: the members after the change."""
    members = sorted(team.members.values_list("pk", flat=True))
    _record(f"team:{team.pk}", "team.members", by, at, {"members": members})


def _record(stream: str, kind: str, by: Any, at: datetime, data: dict[str, Any]) -> None:
    append(stream=stream, kind=kind, by=actor_of(by), at=at, data=data)
