"""What must never be of permits: their uses and what is told of them contradict each other."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, F, Q

from agents.models import Permit
from governance.asking.watchdogs.checks import Suspect, register

# The newest of them: what was granted long ago has been looked at a thousand times.
NEWEST = 2_000


def inconsistent(at: datetime, limit: int) -> Iterable[Suspect]:
    """Nothing is mended here: which of the two is true, only people find out."""
    newest = Permit.objects.order_by("-pk").values_list("pk", flat=True)[:NEWEST]
    last = min(newest, default=0)
    permits = Permit.objects.filter(pk__gte=last).annotate(told=Count("used"))
    wrong = (
        Q(uses__gt=F("most_uses"))
        | Q(uses__gte=F("most_uses"), spent_at=None)
        | Q(told__gt=0) & ~Q(told=F("uses"))
        | Q(spent_at__gte=F("use_before"))
        | Q(uses__isnull=True)
    )
    for permit in permits.filter(wrong).order_by("pk")[:limit]:
        yield Suspect(
            permit.source,
            f"The permit counts {permit.uses} of {permit.most_uses} uses and tells of"
            f" {permit.told}.",
        )


register("permit whose uses contradict each other", inconsistent)
