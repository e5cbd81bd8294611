"""Whom the ladder of a question names, and for whom a person stands in."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from escalations.models import Escalation
from governance.asking.models import Ask, Audience
from governance.people.absences import delegators_of
from governance.people.models import User


def names(rung: Mapping[str, Any], user: User, teams: Collection[int], ask: Ask) -> bool:
    """Whether one step names this person."""
    if rung["audience"] == Audience.OWNER and ask.owner_id == user.pk:
        return True
    return (
        rung["role"] in user.roles
        or rung["person"] == user.pk
        or rung["team"] in teams
        or not set(rung.get("also", ())).isdisjoint(teams)
    )


def is_named(user: User, ask: Ask) -> bool:
    """Whether a step that was reached names this person."""
    teams = teams_of(user)
    return any(names(rung, user, teams, ask) for rung in ask.ladder[: max(ask.step, 0) + 1])


def teams_of(user: User) -> set[int]:
    return set(user.teams.values_list("pk", flat=True))


def stands_in_for(user: User, case: Escalation, ask: Ask, *, at: datetime) -> User | None:
    """Who is away, was named, has not voted, and has this person as a delegate.

    Nobody stands in for somebody who may not decide, nor does who was named as well.
    """
    away = delegators_of(user, at, excluded=ask.excluded)
    if not away or is_named(user, ask):
        return None
    voted = set(case.ballots.values_list("voter_id", "on_behalf_of_id"))
    spoken = {pk for pair in voted for pk in pair}
    named = (one for one in away if one.pk not in spoken and is_named(one, ask))
    return next(named, None)
