"""What stops when: what runs on approvals that an amendment has touched."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.dateparse import parse_datetime

from agents.models import Release, ReleaseKind, version_subject
from agents.resolving import standing_releases
from governance.base.addresses import with_query
from governance.base.pagination import one_page
from governance.constitution.models import Ratification
from governance.review.models import Review, ReviewStatus

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Stopping:
    """A release on a touched approval, as the forecast lists it."""

    release: Any
    has_stopped: bool
    is_asked: bool

    @property
    def stops_at(self) -> datetime:
        at: datetime = self.release.grace_until
        return at


@dataclass(frozen=True, slots=True)
class FamilyForecast:
    """How many approvals of a family stop, and when the first of them does."""

    slug: str
    name: str
    count: int
    first_at: datetime

    @property
    def reaffirm_url(self) -> str:
        """Where they are put to one vote."""
        return with_query(reverse("batch-new"), kind="reaffirmation", family=self.slug)


def touched_releases() -> QuerySet[Any]:
    """What each environment points at now on a touched approval, the soonest to stop first.

    What is suspended is not served anyway, and an emergency has no approval to touch.
    """
    newest = Release.objects.filter(
        agent=OuterRef("agent"), environment=OuterRef("environment")
    ).order_by("-id")
    return (
        standing_releases()
        .filter(
            pk=Subquery(newest.values("pk")[:1]), stale_since__isnull=False, suspended_because=None
        )
        .exclude(kind=ReleaseKind.BREAK_GLASS)
        .order_by("grace_until", "pk")
    )


def families(*, at: datetime, among: Collection[int] | None = None) -> list[FamilyForecast]:
    """Each family with approvals that stop or have stopped, the most urgent first.

    ``among`` are the ids of the families to look at: looking at all reads every release.
    """
    touched = touched_releases()
    if among is not None:
        touched = touched.filter(agent__family__in=among)
    rows = (
        touched.order_by()
        .values("agent__family__slug", "agent__family__name")
        .annotate(count=Count("version", distinct=True), first_at=Min("grace_until"))
        .order_by("first_at", "agent__family__slug")
    )
    return [
        FamilyForecast(
            row["agent__family__slug"], row["agent__family__name"], row["count"], row["first_at"]
        )
        for row in rows
    ]


def forecast(query: Any, *, at: datetime) -> dict[str, Any]:
    """One page of the forecast, of all families or of one."""
    family, after = query.get("family", ""), query.get("after", "")
    found = _with_names(touched_releases())
    if family:
        found = found.filter(agent__family__slug=family)
    rows, more = one_page(_after(found, after), PER_PAGE)
    return {
        "rows": [_stopping(row, at) for row in rows],
        "laws": _laws(rows),
        "families": families(at=at),
        "family": family,
        "first": _url(family) if after else "",
        "next": _url(family, rows[-1]) if more else "",
        "now": at,
    }


def of_agent(agent_id: int, *, at: datetime) -> list[Stopping]:
    """What stops of one agent."""
    return [_stopping(row, at) for row in _with_names(touched_releases()).filter(agent=agent_id)]


def _with_names(releases: QuerySet[Any]) -> QuerySet[Any]:
    asked = Review.objects.filter(
        subject=version_subject("version_id"), status=ReviewStatus.IN_REVIEW
    )
    named: QuerySet[Any] = (
        releases.select_related(None)
        .select_related("agent__owner", "agent__family", "environment", "version")
        .only(
            "kind", "agent__slug", "agent__name", "agent__owner__name", "agent__owner__email",
            "agent__family__slug", "agent__family__name", "environment__slug",
            "environment__name", "version__sequence",
        )
        .annotate(open_review=Subquery(asked.values("pk")[:1]))
    )  # fmt: skip
    return named


def _after(releases: QuerySet[Any], after: str) -> QuerySet[Any]:
    moment, _, number = after.partition("~")
    try:
        at = parse_datetime(moment)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not (number.isascii() and number.isdecimal()):
        return releases
    return releases.filter(Q(grace_until__gt=at) | Q(grace_until=at, pk__gt=int(number[:18])))


def _url(family: str, last: Any = None) -> str:
    after = f"{last.grace_until.isoformat()}~{last.pk}" if last else ""
    return with_query(reverse("stale-approvals"), family=family, after=after)


def _stopping(release: Any, at: datetime) -> Stopping:
    return Stopping(release, at >= release.grace_until, release.open_review is not None)


def _laws(rows: Sequence[Any]) -> list[Ratification]:
    """The ratifications that touched what is listed, the newest first."""
    numbers = {row.touched_by for row in rows}
    found = Ratification.objects.filter(pk__in=numbers).select_related("version")
    return list(found.defer("version__raw", "version__text", "version__findings"))
