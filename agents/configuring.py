"""What loosens an environment, a rule of review or an agent's tier."""

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from agents.changes import ChangeClass
from agents.comparing import LABELS
from agents.models import Agent, Environment, ReviewRule, Tier, Trigger
from agents.review_policy import Requirement, ReviewRules
from governance.audit.services import append
from governance.configuration.conditions import register_values
from governance.configuration.kinds import TEAM_USES, Kind, Snapshot, there
from governance.constitution.models import Principle
from governance.people.models import User
from governance.people.services import actor_of


class EnvironmentKind(Kind):
    name, label = "environment", "environment"

    def read(self, pk: int) -> Snapshot:
        found = Environment.objects.select_related("team").get(pk=pk)
        return {
            "name": found.name,
            "slug": found.slug,
            "protected": found.protected,
            "team": found.team_id,
            "full_matrix": found.full_matrix,
            "names": {str(found.team_id): found.team.name} if found.team else {},
        }

    def loosens(self, before: Snapshot, after: Snapshot) -> list[str]:
        if not before:
            return []
        where, said = after["name"], []
        if before["protected"] and not after["protected"]:
            said.append(f"{where} is no longer protected: people release what they wrote.")
        if before["team"] and before["team"] != after["team"]:
            team = before["names"][str(before["team"])]
            said.append(f"In {where} others than team {team} release.")
        if before["full_matrix"] and not after["full_matrix"]:
            said.append(f"In {where} principles of the matrix may be unknown.")
        return said

    def title(self, state: Snapshot) -> str:
        return f"Environment {state['name']}"

    def apply(self, pk: int | None, after: Snapshot, *, by: User, at: datetime) -> None:
        found = Environment.objects.select_for_update().get(pk=there(pk))
        found.name, found.slug = after["name"], after["slug"]
        found.protected, found.full_matrix = after["protected"], after["full_matrix"]
        found.team_id = after["team"]
        found.save()
        _record("environment", found.pk, "changed", by, at, sorted(after.keys() - {"names"}))


class ReviewRuleKind(Kind):
    """Compared by what every change takes then, so any way to ask for less is seen."""

    name, label = "reviewrule", "rules of review"

    def read(self, pk: int) -> Snapshot:
        rule = ReviewRule.objects.select_related("environment").get(pk=pk)
        return self.absent() | {
            "rule": str(rule),
            "change_class": rule.change_class,
            "tier": rule.tier,
            "environment": rule.environment_id,
            "policy": rule.policy_id,
        }

    def absent(self, sort: str = "") -> Snapshot:
        needs = list(_needs())
        return {
            "needs": {key: [need.votes, sorted(t.pk for t in need.teams)] for key, need in needs},
            "names": {key: need.words for key, need in needs} | _places(),
        }

    def gone(self) -> Snapshot:
        """How things are once a rule is deleted."""
        return self.absent() | {"deleted": True}

    def loosens(self, before: Snapshot, after: Snapshot) -> list[str]:
        cells = [
            (*key.split("|"), before["names"][key], after["names"][key])
            for key, was in before["needs"].items()
            if _is_less(after["needs"].get(key, was), was)
        ]
        grouped = groupby(sorted(cells, key=_change_of_words), key=_change_of_words)
        return [_sentence(group, list(found), before["names"]) for group, found in grouped]

    def title(self, state: Snapshot) -> str:
        return f"Rule of review: {state['rule']}"

    def slot(self, after: Snapshot) -> str:
        return f"{after['change_class']}:{after['tier']}:{after['environment'] or ''}"

    def apply(self, pk: int | None, after: Snapshot, *, by: User, at: datetime) -> None:
        rule = ReviewRule.objects.select_for_update().get(pk=pk) if pk else ReviewRule()
        if after.get("deleted"):
            rule.delete()
            _record("reviewrule", pk, "deleted", by, at, [])
            return
        rule.change_class, rule.tier = after["change_class"], after["tier"]
        rule.environment_id, rule.policy_id = after["environment"], after["policy"]
        rule.save()
        fields = ["change_class", "environment", "policy", "tier"]
        _record("reviewrule", rule.pk, "changed" if pk else "created", by, at, fields)


class TierKind(Kind):
    """How much is at stake with an agent: it chooses policies and weighs in every case's risk."""

    name, label = "agent", "tier of an agent"

    def read(self, pk: int) -> Snapshot:
        found = Agent.objects.get(pk=pk)
        return {"tier": found.tier, "names": {"agent": found.name}}

    def loosens(self, before: Snapshot, after: Snapshot) -> list[str]:
        ranks = list(Tier.values)
        if ranks.index(after["tier"]) >= ranks.index(before["tier"]):
            return []
        named, was, now = before["names"]["agent"], Tier(before["tier"]), Tier(after["tier"])
        return [f"{named} counts as {now.label.lower()} instead of {was.label.lower()}."]

    def title(self, state: Snapshot) -> str:
        return f"Tier of {state['names']['agent']}"

    def apply(self, pk: int | None, after: Snapshot, *, by: User, at: datetime) -> None:
        found = Agent.objects.select_for_update().get(pk=there(pk))
        before, found.tier = found.tier, after["tier"]
        found.save(update_fields=["tier"])
        append(
            stream=found.subject,
            kind="agent.tier_changed",
            by=actor_of(by),
            at=at,
            data={"before": before, "after": found.tier},
        )


def _needs() -> Iterator[tuple[str, Requirement]]:
    """Class, tier and place (none: everywhere) to what such a change takes."""
    rules = ReviewRules()
    for one in ChangeClass:
        for tier in Tier:
            for place in (None, *rules.environments):
                need = rules.requirement((one.value,), tier=tier, environment=place)
                yield f"{one.value}|{tier.value}|{place.pk if place else ''}", need


def _places() -> dict[str, str]:
    return {f"environment:{found.pk}": found.name for found in Environment.objects.all()}


def _change_of_words(cell: Any) -> tuple[str, str, str]:
    """Class, what it takes, what it would take."""
    return cell[0], cell[3], cell[4]


def _is_less(now: list[Any], was: list[Any]) -> bool:
    return now[0] < was[0] or not set(was[1]) <= set(now[1])


def _sentence(group: tuple[str, str, str], cells: list[Any], names: dict[str, str]) -> str:
    change_class, was, now = group
    tiers = {cell[1] for cell in cells}
    risk = "" if tiers == set(Tier.values) else f", {_listed(t for t in Tier.values if t in tiers)}"
    places = dict.fromkeys(cell[2] for cell in cells)
    where = _listed(names[f"environment:{place}"] if place else "everywhere" for place in places)
    label = LABELS[ChangeClass(change_class)]
    return f"{label}{risk + ' risk' if risk else ''} ({where}): {now} instead of {was}."


def _listed(words: Any) -> str:
    return ", ".join(words)


def record_deleted(pk: int, *, by: Any, at: datetime) -> None:
    """A rule of review is gone."""
    _record("reviewrule", pk, "deleted", by, at, [])


def _record(kind: str, pk: int | None, what: str, by: Any, at: datetime, fields: list[str]) -> None:
    append(
        stream=f"{kind}:{pk}",
        kind=f"{kind}.{what}",
        by=actor_of(by),
        at=at,
        data={"fields": fields},
    )


def environments_that_name(team: int) -> list[str]:
    """The environments into which only this team releases."""
    names = Environment.objects.filter(team=team).values_list("name", flat=True)
    return [f"only its members release into {name}" for name in names]


TEAM_USES.append(environments_that_name)


def _agents(values: Collection[str]) -> set[str]:
    return set(Agent.objects.filter(slug__in=values).values_list("slug", flat=True))


def _environments(values: Collection[str]) -> set[str]:
    return set(Environment.objects.filter(slug__in=values).values_list("slug", flat=True))


def _triggers(values: Collection[str]) -> set[str]:
    return set(Trigger.objects.filter(key__in=values).values_list("key", flat=True))


def _principles(values: Collection[str]) -> set[str]:
    return set(Principle.objects.filter(key__in=values).values_list("key", flat=True))


register_values("agents", "agent", _agents)
register_values("environments", "environment", _environments)
register_values("triggers", "trigger", _triggers)
register_values("principles", "principle", _principles)
