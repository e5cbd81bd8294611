"""What is suspended: an agent by itself, by its family, or one version of it."""

from django.db.models import Q, QuerySet

from agents.models import Agent, Suspension


def suspensions_on(agent: Agent, *, version_id: int | None = None) -> QuerySet[Suspension]:
    """What stops this agent, or this version of it, at this moment."""
    stops = Q(agent=agent, version=None) | Q(family=agent.family_id)
    if version_id is not None:
        stops |= Q(version=version_id)
    return Suspension.objects.filter(stops, lifted_at=None)
