"""A version of a policy in plain words, and what changed between two."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from governance.asking.audiences import names_of
from governance.asking.models import Authentication, PermitScope
from governance.asking.spans import delay_text
from governance.people.models import Role, Team

Content = Mapping[str, Any]
PARTS = {
    "agents": "Agents",
    "owner_teams": "Teams of the agent",
    "environments": "Environments",
    "triggers": "Triggers",
    "principles": "Principles",
    "risks": "Risks",
    "authorities": "Authorities that an option asks for",
    "action_kinds": "Kinds of act",
}
YES_OR_NO = {True: "yes", False: "no", None: "either"}


class Changed(NamedTuple):
    """One part of a policy that two versions say differently."""

    label: str
    before: str
    after: str


def in_words(content: Content) -> dict[str, str]:
    """Each part of a version: what it is called, and what it says."""
    teams = _team_names(content)
    rules = content["rules"]
    return {
        "Name": content["name"],
        "Default": YES_OR_NO[content["is_default"]],
        "In use": YES_OR_NO[content["is_active"]],
        "Position": str(content["position"]),
        **_conditions(content["conditions"], teams),
        "Votes": str(content["votes"]),
        "A vote of each of the teams": _list(_teams(rules["teams"], teams)),
        "One rejection ends it": YES_OR_NO[rules["one_rejection_ends"]],
        "Proof of who answers": Authentication(rules["authentication"]).label,
        "Reason required": YES_OR_NO[rules["reason_required"]],
        "The agent’s owner may answer": YES_OR_NO[rules["owner_may_answer"]],
        "Who may choose an option": _list(choosers(rules["authorities"], teams)),
        "Permits may reach as far as": _list(
            PermitScope(scope).label for scope in rules["permit_scopes"]
        ),
        "Standing decisions": _standing(rules),
        "Daily digest first": YES_OR_NO[content["in_digest"]],
        "Reaches people in quiet hours": YES_OR_NO[content["wakes_people"]],
        **_steps(content["ladder"]),
    }


def differences(before: Content, after: Content) -> list[Changed]:
    """What two versions say differently, in the order of the newer."""
    old, new = in_words(before), in_words(after)
    labels = dict.fromkeys([*new, *old])
    return [
        Changed(label, old.get(label, "nothing"), new.get(label, "nothing"))
        for label in labels
        if old.get(label) != new.get(label)
    ]


def choosers(authorities: Mapping[str, Any], teams: Mapping[int, str]) -> list[str]:
    """``drop: the role administrator``, for each option that is kept for somebody."""
    return [f"{option}: {_whom(who, teams)}" for option, who in sorted(authorities.items())]


def _whom(who: Mapping[str, Any], teams: Mapping[int, str]) -> str:
    role = f"the role {Role(who['role']).label.lower()}" if who["role"] else ""
    team = "".join(_teams([who["team"]], teams)) if who["team"] else ""
    return " and ".join(filter(None, (role, team)))


def _conditions(conditions: Mapping[str, Any], teams: Mapping[int, str]) -> dict[str, str]:
    return {
        **{
            label: _list(
                _teams(conditions[name], teams) if name == "owner_teams" else conditions[name],
                nothing="any",
            )
            for name, label in PARTS.items()
        },
        "The agent stands still": YES_OR_NO[conditions["blocking"]],
        "It asks for an act": YES_OR_NO[conditions["with_action"]],
    }


def _standing(rules: Mapping[str, Any]) -> str:
    if not (rules["standing_risks"] and rules["standing_uses"] and rules["standing_days"]):
        return "none"
    risks = " or ".join(rules["standing_risks"])
    return (
        f"{risks} risk, {rules['standing_uses']} times at most, "
        f"for {rules['standing_days']} days at most"
    )


def _steps(ladder: list[Mapping[str, Any]]) -> dict[str, str]:
    return {
        f"Step {number}": f"{who}, {delay_text(rung, is_first=number == 1)}"
        for number, (rung, who) in enumerate(zip(ladder, names_of(ladder), strict=True), 1)
    }


def _team_names(content: Content) -> dict[int, str]:
    rules = content["rules"]
    kept = {who["team"] for who in rules["authorities"].values() if who["team"]}
    wanted = {*rules["teams"], *content["conditions"]["owner_teams"], *kept}
    return dict(Team.objects.filter(pk__in=wanted).values_list("pk", "name"))


def _teams(pks: Iterable[int], names: Mapping[int, str]) -> list[str]:
    return [f"team {names.get(pk, 'that is gone')}" for pk in pks]


def _list(values: Iterable[str], nothing: str = "none") -> str:
    return ", ".join(values) or nothing
