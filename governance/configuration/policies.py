"""What loosens a policy: fewer votes, fewer teams, a ladder that tells people later or not."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from governance.asking.audiences import names_of
from governance.asking.defaults import DEFAULTS
from governance.asking.models import AskKind, Policy, Rung
from governance.asking.policies.ladders import snapshot
from governance.asking.policies.versions import record_version
from governance.asking.services import span_text
from governance.audit.services import append
from governance.configuration.kinds import TEAM_USES, Kind, Snapshot
from governance.people.models import Team, User
from governance.people.services import actor_of


class PolicyKind(Kind):
    name, label = "policy", "policy"

    def read(self, pk: int) -> Snapshot:
        policy = Policy.objects.get(pk=pk)
        teams = list(policy.teams.order_by("pk"))
        ladder = snapshot(policy.kind, policy)
        usual = _usual(policy.kind)
        return {
            "name": policy.name,
            "slug": policy.slug,
            "kind": policy.kind,
            "is_default": policy.is_default,
            "votes": policy.required_votes,
            "teams": [team.pk for team in teams],
            "ladder": ladder,
            "usual": usual,
            "names": _team_names([*(team.pk for team in teams), *usual["teams"]])
            | {_audience(rung): who for rung, who in zip(ladder, names_of(ladder), strict=True)},
        }

    def absent(self, sort: str = "") -> Snapshot:
        usual = _usual(sort)
        return {"kind": sort, "usual": usual, "names": _team_names(usual["teams"])}

    def loosens(self, before: Snapshot, after: Snapshot) -> list[str]:
        said = list(_default_loosens(before, after))
        if "ladder" in before:
            said += _asks_less(before, after, before["names"])
            said += _ladder_loosens(before, after)
        return said

    def title(self, state: Snapshot) -> str:
        return f"Policy {state['name']}"

    def slot(self, after: Snapshot) -> str:
        return str(after["slug"])

    def apply(self, pk: int | None, after: Snapshot, *, by: User, at: datetime) -> None:
        policy = Policy.objects.select_for_update().get(pk=pk) if pk else Policy()
        for field in ("name", "slug", "kind", "is_default"):
            setattr(policy, field, after[field])
        policy.required_votes = after["votes"]
        policy.save()
        policy.teams.set(after["teams"])
        policy.rungs.all().delete()
        Rung.objects.bulk_create([_rung(policy, rung) for rung in after["ladder"]])
        record_policy(policy, by=by, at=at)


def record_policy(policy: Policy, *, by: Any, at: datetime) -> None:
    """The whole of a policy as it is now, as a version of it and in the history."""
    version = record_version(policy, by=by, at=at)
    append(
        stream=f"policy:{policy.pk}",
        kind="policy.saved",
        by=actor_of(by),
        at=at,
        data={
            "version": version.number,
            "sha256": version.sha256,
            "teams": sorted(policy.teams.values_list("slug", flat=True)),
            **{name: part for name, part in version.content.items() if name != "name"},
        },
    )


def _usual(kind: str) -> Snapshot:
    """What questions of a kind take where nothing else is said."""
    policy = Policy.objects.filter(kind=kind, is_default=True).first()
    if policy is None:
        votes = DEFAULTS[kind][1] if kind in DEFAULTS else 1
        return {"policy": None, "votes": votes, "teams": []}
    teams = list(policy.teams.order_by("pk").values_list("pk", flat=True))
    return {"policy": policy.pk, "votes": policy.required_votes, "teams": teams}


def _team_names(teams: list[int]) -> dict[str, str]:
    return {f"team:{team.pk}": team.name for team in Team.objects.filter(pk__in=teams)}


def _default_loosens(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Another default, or none, that asks for less than the one before."""
    if before["usual"]["policy"] == after["usual"]["policy"]:
        return
    what = f"By default {AskKind(after['kind']).label.lower()}: "
    for sentence in _asks_less(before["usual"], after["usual"], before.get("names", {})):
        yield what + sentence[0].lower() + sentence[1:]


def _asks_less(before: Snapshot, after: Snapshot, names: dict[str, str]) -> list[str]:
    said = []
    if after["votes"] < before["votes"]:
        said.append(f"It takes {_votes(after['votes'])} instead of {before['votes']}.")
    for team in before["teams"]:
        if team not in after["teams"]:
            said.append(f"The vote of team {names[f'team:{team}']} is no longer needed.")
    return said


def _votes(number: int) -> str:
    return f"{number} vote" if number == 1 else f"{number} votes"


def _audience(rung: Snapshot) -> str:
    return f"{rung['audience']}:{rung['role'] or rung['team'] or rung['person']}"


def _ladder_loosens(before: Snapshot, after: Snapshot) -> list[str]:
    """Each time that an audience is told must still be there, as early and as often."""
    later, said = _times(after["ladder"]), []
    for audience, times in _times(before["ladder"]).items():
        who = before["names"][audience]
        for n, was in enumerate(times):
            now = later.get(audience, [])[n : n + 1]
            said += _less_loud(who, was, now[0]) if now else [_not_told(who, was)]
    return said


def _times(ladder: list[Snapshot]) -> dict[str, list[tuple[int, int, int]]]:
    """When each audience is told, first and again: seconds after the question."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    reached = 0
    for rung in ladder:
        reached += rung["delay_s"]
        found.setdefault(_audience(rung), []).append((reached, rung["repeat_s"], rung["cap_s"]))
    return found


def _not_told(who: str, was: tuple[int, int, int]) -> str:
    first = f"after {span_text(was[0])}" if was[0] else "at once"
    return f"{who} is no longer told {first}."


def _less_loud(who: str, was: tuple[int, int, int], now: tuple[int, int, int]) -> list[str]:
    words = ("is told after", "is reminded after", "is reminded at least every")
    return [
        f"{who} {word} {span_text(new)} instead of {span_text(old)}."
        for word, old, new in zip(words, was, now, strict=True)
        if new > old
    ]


def _rung(policy: Policy, rung: Snapshot) -> Rung:
    return Rung(
        policy=policy,
        position=rung["position"],
        audience=rung["audience"],
        role=rung["role"],
        team_id=rung["team"],
        person_id=rung["person"],
        delay=timedelta(seconds=rung["delay_s"]),
        repeat_every=timedelta(seconds=rung["repeat_s"]),
        repeat_cap=timedelta(seconds=rung["cap_s"]),
    )


def policies_that_need(team: int) -> list[str]:
    """The policies that ask for a vote of this team."""
    names = Policy.objects.filter(teams=team).values_list("name", flat=True)
    return [f"the policy {name} asks for its vote" for name in names]


TEAM_USES.append(policies_that_need)
