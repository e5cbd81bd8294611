"""What the pages of lists show; at the same number of queries for any list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.urls import reverse

from agents.batches.checks import why_list_is_dead
from agents.batches.forms import BatchForm, ReleaseAllForm
from agents.batches.services import MOST_ITEMS
from agents.changes import ChangeClass
from agents.comparing import CHANGE_TONES, LABELS, compare, read
from agents.models import (
    HEAVY,
    Agent,
    AgentVersion,
    Batch,
    BatchKind,
    Family,
    ReviewBasis,
    newest_version,
)
from agents.overview import badges_of, released, severities
from agents.permissions import why_not
from agents.standing import DRAFT, STANDING_TONES, with_status
from agents.standing import LABELS as STANDING_LABELS
from governance.base.addresses import with_query
from governance.base.pagination import one_page
from governance.people.models import User
from governance.people.permissions import Permission
from governance.review.forms import VoteForm
from governance.review.models import Review, ReviewStatus
from governance.review.panel import panel_for
from governance.review.services import latest_review

MOST_LISTS = 100
# Beyond so many grave versions their sentences are read on the pages of their changes.
MOST_READ = 40
UNCHANGED = "unchanged"
OPEN_TO_A_LIST = (DRAFT, ReviewStatus.WITHDRAWN, ReviewStatus.IN_REVIEW)


@dataclass(frozen=True, slots=True)
class Row:
    """One version of a list."""

    version: AgentVersion
    base: AgentVersion | None
    change_class: str
    review: Review
    grave: tuple[str, ...]
    badges: list[dict[str, str]]

    @property
    def label(self) -> str:
        return LABELS.get(self.change_class, "Unchanged")

    @property
    def tone(self) -> str:
        return CHANGE_TONES.get(self.change_class, "neutral")

    @property
    def is_grave(self) -> bool:
        return bool(self.grave)

    @property
    def rank(self) -> tuple[bool, int]:
        """Grave ones first, then by how much the change matters."""
        weight = ChangeClass(self.change_class).rank if self.change_class != UNCHANGED else -1
        return (not self.is_grave, -weight)


def batch(found: Batch, user: User, *, query: Mapping[str, str], at: datetime) -> dict[str, Any]:
    """A list with its review, the grave versions first."""
    review = latest_review(found.subject)
    rows = _rows(found, review)
    only_grave = query.get("only") == "grave"
    grave = [row for row in rows if row.is_grave]
    return {
        "batch": found,
        "rows": grave if only_grave else rows,
        "only_grave": only_grave,
        "segments": _segments(found, rows, grave, only_grave),
        "review": review,
        "panel": panel_for(user, review, at=at) if review else None,
        "form": VoteForm.about(review) if review else None,
        "dead": why_list_is_dead(review) if review else "",
        "release_form": ReleaseAllForm(),
        "why_no_release": _why_no_release(user, review),
    }


def _why_no_release(user: User, review: Review | None) -> str:
    if review is None or review.status != ReviewStatus.APPROVED:
        return "Nothing of it can be released before the list is approved."
    return why_not(user, Permission.RELEASE)


def _segments(
    found: Batch, rows: Sequence[Row], grave: Sequence[Row], only_grave: bool
) -> list[dict[str, Any]]:
    address = found.get_absolute_url()
    return [
        {"label": "All", "href": address, "current": not only_grave, "count": len(rows)},
        {
            "label": "Only with grave changes",
            "href": f"{address}?only=grave",
            "current": only_grave,
            "count": len(grave),
        },
    ]


def _rows(found: Batch, review: Review | None) -> list[Row]:
    """Each version with its basis; the texts of the gravest are read and compared anew."""
    bases = (
        ReviewBasis.objects.filter(review__part_of=review)
        .select_related("review", "version__agent", "base")
        .defer(*(f"{one}__{name}" for one in ("version", "base") for name in HEAVY))
        .order_by("version__agent__slug", "version__sequence")
    )
    listed = list(bases)
    sentences = _grave_sentences(listed)
    rows = [_row(basis, sentences.get(basis.version_id, ())) for basis in listed]
    return sorted(rows, key=lambda row: row.rank)


def _row(basis: ReviewBasis, sentences: tuple[str, ...]) -> Row:
    is_same = basis.base_id == basis.version_id
    counts = severities(basis.version)
    return Row(
        version=basis.version,
        base=basis.base,
        change_class=UNCHANGED if is_same else basis.change_class,
        review=basis.review,
        grave=sentences or _grave_at_first_sight(basis, counts),
        badges=badges_of(counts),
    )


def _grave_at_first_sight(basis: ReviewBasis, counts: Mapping[str, int]) -> tuple[str, ...]:
    """What is grave in a version that is compared with nothing."""
    if basis.base_id == basis.version_id:
        return ()
    if basis.base_id is not None:
        is_privilege = basis.change_class == ChangeClass.PRIVILEGE
        return ("It changes what the agent may do.",) if is_privilege else ()
    said = []
    if basis.version.tools is None:
        said.append("It names no tools, so it inherits every tool.")
    if errors := counts.get("error"):
        said.append(f"{errors} finding{'' if errors == 1 else 's'} of the gravest kind.")
    return tuple(said)


def _grave_sentences(listed: Sequence[ReviewBasis]) -> dict[int, tuple[str, ...]]:
    """The grave changes of each version that has some, in words."""
    grave = [
        basis
        for basis in listed
        if basis.change_class == ChangeClass.PRIVILEGE and basis.base_id is not None
    ][:MOST_READ]
    wanted = {pk for basis in grave for pk in (basis.version_id, basis.base_id)}
    texts = AgentVersion.objects.only("raw", "filename").in_bulk(wanted)
    return {
        basis.version_id: tuple(
            change.sentence
            for change in compare(
                read(texts[basis.version_id]), texts[basis.base_id or 0], approved=True
            ).diff.grave
        )
        for basis in grave
    }


def batch_new(
    query: Mapping[str, str], user: User, form: BatchForm | None = None
) -> dict[str, Any]:
    """The versions that a new list could hold, those ticked that it is made for."""
    kind = BatchKind.REAFFIRMATION if query.get("kind") == "reaffirmation" else BatchKind.BASELINE
    family = Family.objects.filter(slug=query.get("family", "")).first()
    found = _touched(family) if kind is BatchKind.REAFFIRMATION else _newest(family)
    choices, more = one_page(found, MOST_ITEMS)
    _tick(choices, kind)
    initial = {"kind": kind.value, "family": family.slug if family else ""}
    return {
        "kind": kind,
        "family": family,
        "choices": choices,
        "more": more,
        "most": MOST_ITEMS,
        "families": _families(kind, family),
        "kinds": _kinds(kind, family),
        "form": form or BatchForm(initial=initial),
        "why_not": why_not(user, Permission.PROPOSE),
    }


def _of_family(family: Family | None) -> Any:
    versions = AgentVersion.objects.filter(agent__family=family) if family else None
    return with_status(AgentVersion.objects.all() if versions is None else versions)


def _newest(family: Family | None) -> Any:
    """The newest version of each agent, while nobody has settled it."""
    newest = Agent.objects.annotate(newest=newest_version("pk", of="pk")).values("newest")
    found = _of_family(family).filter(pk__in=newest, status__in=OPEN_TO_A_LIST)
    return found.select_related("agent").defer(*HEAVY).order_by("agent__slug")


def _touched(family: Family | None) -> Any:
    """The approvals that an amendment touched."""
    found = _of_family(family).filter(status=ReviewStatus.APPROVED, stale_since__isnull=False)
    return found.select_related("agent").defer(*HEAVY).order_by("agent__slug", "-sequence")


def _tick(choices: Sequence[Any], kind: BatchKind) -> None:
    """Drafts for a baseline; for a re-affirmation what runs, and the newest of each agent."""
    runs = _running(choices) if kind is BatchKind.REAFFIRMATION else set()
    seen: set[int] = set()
    for version in choices:
        if kind is BatchKind.BASELINE:
            version.ticked = version.status != ReviewStatus.IN_REVIEW
        else:
            version.ticked = version.pk in runs or version.agent_id not in seen
        seen.add(version.agent_id)
        version.badges = badges_of(severities(version))
        version.standing_label = STANDING_LABELS[version.status]
        version.standing_tone = STANDING_TONES[version.status]
        version.change_tone = CHANGE_TONES.get(version.change_class, "neutral")


def _running(choices: Sequence[Any]) -> set[int]:
    releases = released([version.agent_id for version in choices])
    return {release.version_id for current in releases.values() for release in current}


def _address(kind: BatchKind, family: str) -> str:
    return with_query(reverse("batch-new"), kind=kind.value, family=family)


def _families(kind: BatchKind, chosen: Family | None) -> list[dict[str, Any]]:
    everything = [{"label": "Every family", "href": _address(kind, ""), "current": chosen is None}]
    return everything + [
        {
            "label": family.name,
            "href": _address(kind, family.slug),
            "current": chosen is not None and chosen.pk == family.pk,
        }
        for family in Family.objects.all()[:50]
    ]


def _kinds(chosen: BatchKind, family: Family | None) -> list[dict[str, Any]]:
    return [
        {
            "label": kind.label,
            "href": _address(kind, family.slug if family else ""),
            "current": kind is chosen,
        }
        for kind in BatchKind
    ]


def batches() -> list[dict[str, Any]]:
    """The newest lists, each with where its review stands."""
    found = list(
        Batch.objects.select_related("family", "created_by").annotate(size=Count("items"))[
            :MOST_LISTS
        ]
    )
    reviews = Review.objects.filter(subject__in=[one.subject for one in found]).order_by("id")
    by_subject = {review.subject: review for review in reviews}
    return [{"batch": one, "review": by_subject.get(one.subject)} for one in found]
