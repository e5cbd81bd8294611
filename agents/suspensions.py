"""What is suspended: an agent by itself, by its family, or one version of it."""

from django.db.models import F, Q, QuerySet

from agents.models import Agent, AgentVersion, Suspension


def suspensions_on(agent: Agent, *, version_id: int | None = None) -> QuerySet[Suspension]:
    """What stops this agent, or this version of it, at this moment; the widest first.

    A version that brings back the text of a suspended one is suspended with it.
    """
    stops = Q(agent=agent, version=None) | Q(family=agent.family_id)
    if version_id is not None:
        text = AgentVersion.objects.filter(pk=version_id).values("text_sha256")
        stops |= Q(agent=agent, version__text_sha256__in=text)
    found = Suspension.objects.filter(stops, lifted_at=None)
    return found.order_by(F("version_id").asc(nulls_first=True))
