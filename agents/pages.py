"""What the pages of agents show: queries and plain values, no requests."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from agents.changes import ChangeClass
from agents.comparing import CHANGE_TONES
from agents.compliance.forecast import families as families_stopping
from agents.compliance.forecast import of_agent
from agents.compliance.pages import matrix_panel
from agents.diff_page import comparison_for, votes_for
from agents.editor.opened import opening
from agents.family.pages import panel as surroundings_panel
from agents.family.reading import sized_families
from agents.forms import ReleaseForm, SuspendForm
from agents.intake.fixing import fixes_of
from agents.models import Agent, AgentVersion, Family, Suspension, TriggerKind
from agents.overview import HEAVY, badges_of, for_overview, overviews, released, severities
from agents.permissions import check_may_submit, why_not
from agents.releasing.pages import active_family_suspensions, where_it_runs
from agents.remarks import part_names, remarks_on
from agents.reviewing.forms import SubmitForm
from agents.standing import (
    STANDING_TONES,
    check_releasable,
    check_submittable,
    label_of,
    standing_of,
    with_status,
)
from governance.base.errors import sentence_of
from governance.base.frontmatter import split_frontmatter
from governance.constitution.services import current
from governance.people.models import User
from governance.people.permissions import Permission
from governance.review.forms import VoteForm
from governance.review.models import Review
from governance.review.panel import panel_for
from governance.review.services import latest_review

PER_PAGE = 50
MOST_VERSIONS = 100
MOST_SEGMENTS = 8
REPAIRS = frozenset({"ENCODING_REPAIRED", "ENCODING_NOT_UTF8"})
GRAVITY = {"error": 0, "warning": 1, "info": 2}


def board(query: Mapping[str, str]) -> dict[str, Any]:
    """One page of agents in the order of their slugs, of all families or of one."""
    family, after = query.get("family", ""), query.get("after", "")
    families = list(sized_families()[: MOST_SEGMENTS + 1])
    chosen = sized_families().filter(slug=family).first() if family else None
    found = for_overview(Agent.objects.order_by("slug"))
    if family:
        found = found.filter(family=chosen)
    if after:
        found = found.filter(slug__gt=after)
    rows: list[Any] = list(found[: PER_PAGE + 1])
    more = len(rows) > PER_PAGE
    return {
        "rows": overviews(rows[:PER_PAGE], at=timezone.now()),
        "stale_families": families_stopping(
            at=timezone.now(), among={row.family_id for row in rows}
        ),
        "now": timezone.now(),
        "segments": _segments(families, chosen),
        "chosen": chosen,
        "has_more_families": len(families) > MOST_SEGMENTS,
        "first": _board_url(family) if after else "",
        "next": _board_url(family, rows[PER_PAGE - 1].slug) if more else "",
    }


def _segments(families: Sequence[Any], chosen: Family | None) -> list[dict[str, Any]]:
    """All, and some families: the chosen one is always among them."""
    shown = [*families[:MOST_SEGMENTS]]
    if chosen and chosen not in shown:
        shown.append(chosen)
    return [
        {"label": "All", "href": _board_url(""), "current": not chosen, "count": None},
        *(
            {
                "label": family.name,
                "href": _board_url(family.slug),
                "current": family == chosen,
                "count": family.size,
            }
            for family in shown
        ),
    ]


def _board_url(family: str, after: str = "") -> str:
    query = {name: value for name, value in (("family", family), ("after", after)) if value}
    return reverse("agents") + (f"?{urlencode(query)}" if query else "")


def agent(found: Agent, user: User, form: SuspendForm | None = None) -> dict[str, Any]:
    """An agent with its versions, releases and suspensions, the newest first."""
    versions: list[Any] = list(
        with_status(found.versions.order_by("-sequence"))
        .select_related("author", "proposed_by")
        .defer(*HEAVY)[:MOST_VERSIONS]
    )
    for version in versions:
        _name_standing(version, at=timezone.now())
    newest = versions[0] if versions else None
    return {
        "agent": found,
        "versions": versions,
        "newest": newest,
        "contract": _contract(newest) if newest else {},
        **surroundings_panel(found),
        **where_it_runs(found, user, at=timezone.now()),
        "family_stops": active_family_suspensions(found),
        "suspensions": list(_suspensions(found)),
        "suspend_form": form or SuspendForm(sequences=[v.sequence for v in versions]),
        "why_no_suspension": why_not(user, Permission.SUSPEND),
        "stopping": of_agent(found.pk, at=timezone.now()),
    }


def _contract(version: AgentVersion) -> dict[str, Any]:
    contract: dict[str, Any] = AgentVersion.objects.values_list("contract", flat=True).get(
        pk=version.pk
    )
    return contract


def _suspensions(found: Agent) -> QuerySet[Suspension]:
    related = found.suspensions.select_related("version", "suspended_by", "lifted_by")
    return related.defer(*(f"version__{name}" for name in (*HEAVY, "findings")))[:20]


def sequences(found: Agent) -> list[int]:
    """The numbers of an agent's versions, as many as its page shows."""
    numbers = found.versions.order_by("-sequence").values_list("sequence", flat=True)
    return list(numbers[:MOST_VERSIONS])


def _name_standing(version: Any, *, at: datetime) -> None:
    """``standing``, its label and tone, and the findings counted, for the templates."""
    version.standing = standing_of(version, at=at)
    version.standing_label = label_of(version, at=at)
    version.standing_tone = STANDING_TONES[version.standing]
    version.badges = badges_of(severities(version))
    version.change_tone = CHANGE_TONES.get(version.change_class, "neutral")


def peers(version: AgentVersion) -> list[dict[str, Any]]:
    """The edges to peers; a named agent that the portal does not hold is marked."""
    edges = list(version.coordinations.all())
    known = dict(
        Agent.objects.filter(slug__in=[edge.peer for edge in edges]).values_list("slug", "name")
    )
    return [
        {
            "peer": edge.peer,
            "text": edge.text,
            "line": edge.line,
            "is_people": edge.peer_kind == "people",
            "is_known": edge.peer in known,
        }
        for edge in edges
    ]


def version(
    found: Any,
    user: User,
    *,
    at: datetime,
    form: VoteForm | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A version: its contract by parts, findings, repairs, text by lines, review, acts."""
    law = current()
    law_sha256 = law.sha256 if law else ""
    _name_standing(found, at=at)
    review = latest_review(found.subject)
    unsubmittable = sentence_of(check_submittable, found, law=law_sha256)
    comparison = comparison_for(found)
    names = part_names(found.contract)
    panel = panel_for(user, review, at=timezone.now(), parts=names) if review else None
    return {
        "agent": found.agent,
        "version": found,
        "comparison": comparison,
        "votes": votes_for(comparison, found),
        "contract": found.contract,
        "triggers": _by_kind(found.contract.get("triggers", [])),
        "peers": peers(found),
        "findings": sorted(found.findings, key=_gravity),
        "fixes": fixes_of(found),
        "repairs": [f for f in found.findings if f["code"] in REPAIRS],
        "lines": found.text.split("\n"),
        "body": split_frontmatter(found.text).body,
        "law": law,
        "panel": panel,
        **remarks_on(found, panel, query or {}),
        **opening(found, user, panel.votes if panel else ()),
        "vote_form": form or (VoteForm.about(review) if review else None),
        "why_no_submission": sentence_of(check_may_submit, user, found.agent) or unsubmittable,
        "can_be_submitted": not unsubmittable,
        "submit_form": SubmitForm(),
        "one_click": comparison.approved and comparison.change_class is ChangeClass.COSMETIC,
        "why_no_release": why_not(user, Permission.RELEASE)
        or sentence_of(check_releasable, found, environment=None, law=law_sha256, at=at),
        **_release(found, review),
        **matrix_panel(found, user, at=at),
    }


def _release(found: AgentVersion, review: Review | None) -> dict[str, Any]:
    """Where the version runs, and the form for the environments where it does not yet."""
    current = released([found.agent_id])[found.agent_id]
    here = [r for r in current if review and (r.version_id, r.review_id) == (found.pk, review.pk)]
    form = ReleaseForm(without=[release.environment_id for release in here])
    runs_in = [r.environment.name for r in current if r.version_id == found.pk]
    return {"runs_in": runs_in, "release_form": form}


def _gravity(finding: Mapping[str, Any]) -> tuple[int, int]:
    return GRAVITY[finding["severity"]], finding["line"]


def _by_kind(triggers: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    grouped = [
        (str(label), [trigger for trigger in triggers if trigger["kind"] == kind])
        for kind, label in TriggerKind.choices
    ]
    return [(label, found) for label, found in grouped if found]
