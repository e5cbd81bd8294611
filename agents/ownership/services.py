"""Hand an agent over to another owner or team. Four eyes stay with those who wrote its text."""

from datetime import datetime

from django.db import transaction

from agents.models import Agent
from agents.ownership.permissions import check_may_hand_over, is_an_owner
from agents.services import locked_agent
from governance.audit.services import append
from governance.base.errors import InvalidInput
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
