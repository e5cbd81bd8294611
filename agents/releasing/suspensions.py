"""What is suspended: an agent by itself, by its family, or one version of it."""

from django.db.models import Q

from agents.models import Agent, Suspension


def suspension_on(agent: Agent, *, version_id: int | None = None) -> Suspension | None:
    """The suspension that stops this agent, or this version of it, at this moment."""
    stops = Q(agent=agent, version=None) | Q(family=agent.family_id)
    if version_id is not None:
        stops |= Q(version=version_id)
    return Suspension.objects.filter(stops, lifted_at=None).first()
