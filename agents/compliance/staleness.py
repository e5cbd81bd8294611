"""When an approval goes stale, and until when it is served all the same.

An approval names the constitution it was judged under. A later ratification touches it where it
changed a principle that the version claims, or one that binds everybody. From then on nothing is
released on it; what runs already is served until the grace of the first such ratification ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from agents.models import PrincipleClaim
from governance.constitution.models import AmendmentLevel, Ratification
from governance.constitution.services import MAIN


@dataclass(frozen=True, slots=True)
class Staleness:
    """``since`` is empty while the approval is good; it is served until ``grace_until``."""

    since: datetime | None = None
    grace_until: datetime | None = None

    def __bool__(self) -> bool:
        return self.since is not None

    def has_stopped(self, *, at: datetime) -> bool:
        """Whether nothing is served on the approval any more."""
        return self.since is not None and (self.grace_until is None or at >= self.grace_until)


def ratifications() -> QuerySet[Ratification]:
    """Those of the constitution that agents are held to."""
    return Ratification.objects.filter(constitution__slug=MAIN)


def staleness_fields(*, judged_under: str, version: str) -> Mapping[str, Any]:
    """Annotations ``stale_since``, ``grace_until`` and ``touched_by`` of rows that hold these.

    ``judged_under`` names the field with the constitution's fingerprint, ``version`` the one
    with the version's id. Where a ratification gives no grace, it ends as it begins.
    """
    touching = _touching(
        judged_under=OuterRef(OuterRef(judged_under)), version=OuterRef(OuterRef(version))
    )
    return {
        "stale_since": Subquery(touching.order_by("id").values("at")[:1]),
        "grace_until": Subquery(touching.order_by("stops").values("stops")[:1]),
        "touched_by": Subquery(touching.order_by("id").values("id")[:1]),
    }


def _touching(*, judged_under: Any, version: Any) -> QuerySet[Any]:
    """The ratifications that touch an approval, each with the moment ``stops``."""
    claimed = PrincipleClaim.objects.filter(version=version).values("key")
    is_about_it = Q(touches_all=True) | Q(level="") | Q(touched__overlap=ArraySubquery(claimed))
    found = _later_than(judged_under).filter(is_about_it)
    touching: QuerySet[Any] = found.annotate(stops=Coalesce("grace_until", "at"))
    return touching


def _later_than(judged_under: Any) -> QuerySet[Ratification]:
    """What was ratified after this text was the law for the last time, wording apart.

    A text that is ratified again is the law again, with the approvals given under it. An
    approval under no constitution is older than all of them.
    """
    then = ratifications().filter(version__sha256=judged_under).order_by("-id")
    return (
        ratifications()
        .exclude(level=AmendmentLevel.PATCH)
        .filter(id__gt=Coalesce(Subquery(then.values("id")[:1]), Value(0)))
    )


def staleness_of(version_id: int, *, judged_under: str) -> Staleness:
    """The same of one approval, in one query."""
    touching = _touching(judged_under=judged_under, version=version_id).order_by("id")
    found = list(touching.values_list("at", "stops"))
    return Staleness(found[0][0], min(stops for _, stops in found)) if found else Staleness()
