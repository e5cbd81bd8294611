"""Hand an agent over, and say how much is at stake with it.

Four eyes stay with those who wrote its text.
"""

from datetime import datetime

from django.db import transaction

from agents.configuring import TierKind
from agents.models import Agent, Tier
from agents.ownership.permissions import check_may_hand_over, is_an_owner
from agents.services import locked_agent
from governance.audit.services import append
from governance.base.errors import InvalidInput
from governance.configuration.models import ConfigurationChange
from governance.configuration.services import ask_change, hold_configuration
from governance.people.models import Team, User
from governance.people.services import actor_of


@transaction.atomic
def hand_over(*, slug: str, owner_id: int, team_id: int | None, by: User, at: datetime) -> Agent:
    """Name the owner and the team of an agent; the same again changes nothing.

    The owner may do so, and administrators, for owners who left.
    """
    agent = locked_agent(slug)
    check_may_hand_over(by, agent)
    owner = User.objects.filter(pk=owner_id).first()
    team = Team.objects.filter(pk=team_id).first() if team_id else None
    if owner is None or not is_an_owner(owner):
        raise InvalidInput("Choose somebody with the role owner who has an account.")
    if team_id and team is None:
        raise InvalidInput("There is no such team.")
    if (agent.owner_id, agent.team_id) == (owner.pk, team.pk if team else None):
        return agent
    before = {"owner": agent.owner.subject, "team": agent.team.slug if agent.team else None}
    agent.owner, agent.team = owner, team
    agent.save(update_fields=["owner", "team"])
    append(
        stream=agent.subject,
        kind="agent.handed_over",
        by=actor_of(by),
        at=at,
        data={
            "before": before,
            "after": {"owner": owner.subject, "team": team.slug if team else None},
        },
    )
    return agent


@transaction.atomic
def set_tier(*, slug: str, tier: str, by: User, at: datetime) -> ConfigurationChange | None:
    """Say how much is at stake with an agent; the same again changes nothing.

    The owner or an administrator raises it, at once. Lowering it asks for less of every change
    and case: an administrator asks for that, and it waits until another confirms the change
    that is returned.
    """
    hold_configuration()
    agent = locked_agent(slug)
    check_may_hand_over(by, agent)
    if tier not in Tier.values:
        raise InvalidInput("Choose low, medium or high.")
    kind = TierKind()
    before = kind.read(agent.pk)
    after = {**before, "tier": tier}
    if kind.loosens(before, after):
        return ask_change(
            kind=kind.name, object_id=agent.pk, before=before, after=after, by=by, at=at
        )
    if tier != agent.tier:
        kind.apply(agent.pk, after, by=by, at=at)
    return None
