"""Who may say whose an agent is."""

from typing import Any

from agents.models import Agent
from agents.permissions import check_person
from governance.base.errors import NotPermitted
from governance.people.models import User
from governance.people.permissions import Permission, has

NOT_YOURS = "Only the owner of this agent or an administrator hands it over."


def check_may_hand_over(by: Any, agent: Agent) -> None:
    """The owner while he may propose, and whoever configures."""
    check_person(by, "hand agents over")
    is_owner = agent.owner_id == by.pk and has(by, Permission.PROPOSE)
    if not is_owner and not has(by, Permission.CONFIGURE):
        raise NotPermitted(NOT_YOURS, code="not_the_owner")


def is_an_owner(user: User) -> bool:
    """Whether an agent may be put into these hands."""
    return user.is_active and has(user, Permission.PROPOSE)
