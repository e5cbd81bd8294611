"""What loosens a policy: it asks less, tells people later or not, or leaves questions to milder
rules."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from governance.asking.audiences import names_of
from governance.asking.defaults import DEFAULTS
from governance.asking.models import AskKind, OptionAuthority, Policy, Rung
from governance.asking.policies.ladders import starting_ladder
from governance.asking.policies.rules import Rules
from governance.asking.policies.versions import content_of, record_version
from governance.audit.services import append
from governance.configuration.falling import falls
from governance.configuration.kinds import TEAM_USES, Kind, Snapshot
from governance.configuration.milder import audience_of, milder
from governance.people.models import Team, User
from governance.people.services import actor_of

# Fields of the table that the snapshot has among its rules.
RULES = (
    *("authentication", "reason_required", "one_rejection_ends", "owner_may_answer"),
    *("permit_scopes", "standing_risks", "standing_uses", "standing_days"),
)


class PolicyKind(Kind):
    name, label = "policy", "policy"

    def read(self, pk: int) -> Snapshot:
        policy = Policy.objects.get(pk=pk)
        return _named({**_state(policy), **_around(policy.kind, besides=pk)})

    def absent(self, sort: str = "") -> Snapshot:
        return _named({"kind": sort, **_around(sort, besides=None)})

    def loosens(self, before: Snapshot, after: Snapshot) -> list[str]:
        said = list(_default_loosens(before, after))
        if "ladder" in before:
            said += milder(before, after, before["names"])
        return said + falls(before, after)

    def title(self, state: Snapshot) -> str:
        return f"Policy {state['name']}"

    def slot(self, after: Snapshot) -> str:
        return str(after["slug"])

    def apply(self, pk: int | None, after: Snapshot, *, by: User, at: datetime) -> None:
        record_policy(write(pk, after), by=by, at=at)


def write(pk: int | None, after: Snapshot) -> Policy:
    """The policy as a snapshot has it, without a word in the history."""
    policy = Policy.objects.select_for_update().get(pk=pk) if pk else Policy()
    for field in ("name", "slug", "kind", "is_default", "position", "in_digest", "wakes_people"):
        setattr(policy, field, after[field])
    policy.required_votes, policy.is_active = after["votes"], after["active"]
    for field in RULES:
        setattr(policy, field, after["rules"][field])
    for field, value in after["conditions"].items():
        if field != "owner_teams":
            setattr(policy, field, value)
    policy.save()
    policy.teams.set(after["teams"])
    policy.owner_teams.set(after["conditions"]["owner_teams"])
    policy.option_authorities.all().delete()
    OptionAuthority.objects.bulk_create(
        OptionAuthority(policy=policy, option=option, role=who["role"], team_id=who["team"])
        for option, who in sorted(after["rules"]["authorities"].items())
    )
    policy.rungs.all().delete()
    Rung.objects.bulk_create([_rung(policy, rung) for rung in after["ladder"]])
    return policy


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


def _state(policy: Policy) -> Snapshot:
    content = content_of(policy)
    rules = content.pop("rules")
    return {
        **{name: part for name, part in content.items() if name != "is_active"},
        "active": content["is_active"],
        "teams": rules["teams"],
        "rules": {name: part for name, part in rules.items() if name != "teams"},
    }


def _around(kind: str, *, besides: int | None) -> Snapshot:
    """What else takes questions of the kind: the default, and where facts choose, the others."""
    default = Policy.objects.filter(kind=kind, is_default=True).first()
    usual = {"policy": default.pk, **_asks(_state(default))} if default else _starting(kind)
    others = Policy.objects.none()
    if kind == AskKind.CASE:
        others = Policy.objects.filter(kind=kind, is_active=True)
    if besides is not None:
        others = others.exclude(pk=besides)
    return {
        "usual": usual,
        "others": [{"pk": one.pk, **_state(one)} for one in others.order_by("pk")],
    }


def _asks(state: Snapshot) -> Snapshot:
    wanted = ("votes", "teams", "rules", "in_digest", "wakes_people", "ladder")
    return {name: state[name] for name in wanted}


def _starting(kind: str) -> Snapshot:
    """What questions of a kind take where it has no default."""
    if kind not in DEFAULTS:
        return {"policy": None, "votes": 1, "teams": []}
    _, votes, steps = DEFAULTS[kind]
    rules = Rules().as_dict()
    return {
        "policy": None,
        "votes": votes,
        "teams": rules.pop("teams"),
        "rules": rules,
        "in_digest": False,
        "wakes_people": False,
        "ladder": starting_ladder(steps),
    }


def _named(state: Snapshot) -> Snapshot:
    """With how people call whom the snapshot names by number."""
    parts = [part for part in (state, state["usual"], *state["others"]) if "teams" in part]
    ladder = [rung for part in parts for rung in part.get("ladder", ())]
    audiences = {audience_of(rung): rung for rung in ladder}
    whom = zip(audiences, names_of(list(audiences.values())), strict=True)
    return {**state, "names": {**_team_names(_teams_in(parts)), **dict(whom)}}


def _teams_in(parts: Iterable[Snapshot]) -> Iterator[int]:
    for part in parts:
        yield from part["teams"]
        yield from part.get("conditions", {}).get("owner_teams", ())
        for who in part.get("rules", {}).get("authorities", {}).values():
            yield from filter(None, [who["team"]])


def _team_names(teams: Iterable[int]) -> dict[str, str]:
    return {f"team:{team.pk}": team.name for team in Team.objects.filter(pk__in=set(teams))}


def _default_loosens(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Another default, or none, that asks for less than the one before."""
    if before["usual"]["policy"] == after["usual"]["policy"]:
        return
    what = f"By default {AskKind(after['kind']).label.lower()}: "
    for sentence in milder(before["usual"], after["usual"], before.get("names", {})):
        yield what + sentence[0].lower() + sentence[1:]


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
    """The policies that ask for a vote of this team, keep an option for it, or look for it."""
    asked = Policy.objects.filter(teams=team).values_list("name", flat=True)
    kept = OptionAuthority.objects.filter(team=team).values_list("option", "policy__name")
    return [
        *(f"the policy {name} asks for its vote" for name in asked),
        *(f"the policy {name} keeps the option {option} for it" for option, name in kept),
    ]


TEAM_USES.append(policies_that_need)
