"""What the pages of agents show: queries and plain values, no requests."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.urls import reverse

from agents.changes import ChangeClass
from agents.comparing import CHANGE_TONES
from agents.compliance.forecast import families as families_stopping
from agents.compliance.forecast import of_agent
from agents.compliance.pages import matrix_panel
from agents.contract_panel import peers_of, triggers_by_kind
from agents.diff_page import comparison_for, votes_for
from agents.editor.opened import opening
from agents.family.pages import panel as surroundings_panel
from agents.family.reading import sized_families
from agents.intake.fixing import fixes_of
from agents.models import HEAVY, Agent, AgentVersion, Family
from agents.overview import badges_of, for_overview, overviews, severities
from agents.releasing.forms import MOST_VERSIONS, SuspendForm
from agents.releasing.pages import release_panel, suspensions_panel, where_it_runs
from agents.remarks import part_names, remarks_on
from agents.reviewing.pages import submit_panel
from agents.standing import (
    STANDING_TONES,
    is_overdue,
    label_of,
    standing_of,
    with_status,
)
from governance.base.addresses import with_query
from governance.base.findings import by_gravity
from governance.base.frontmatter import split_frontmatter
from governance.base.pagination import one_page
from governance.constitution.services import current
from governance.people.models import User
from governance.review.forms import VoteForm
from governance.review.panel import panel_for
from governance.review.services import latest_review

PER_PAGE = 50
MOST_SEGMENTS = 8
LONGEST_SEARCH = 80
REPAIRS = frozenset({"ENCODING_REPAIRED", "ENCODING_NOT_UTF8"})


def board(query: Mapping[str, str], *, at: datetime) -> dict[str, Any]:
    """One page of agents in the order of their slugs, of all families or of one."""
    family, after = query.get("family", ""), query.get("after", "")
    words = " ".join(query.get("q", "").replace("\0", "").split())[:LONGEST_SEARCH]
    families = list(sized_families()[: MOST_SEGMENTS + 1])
    chosen = sized_families().filter(slug=family).first() if family else None
    found = for_overview(Agent.objects.order_by("slug"))
    if family:
        found = found.filter(family=chosen)
    if after:
        found = found.filter(slug__gt=after)
    if words:
        found = found.filter(Q(name__icontains=words) | Q(slug__icontains=words))
    rows, more = one_page(found, PER_PAGE)
    return {
        "rows": overviews(rows, at=at),
        "stale_families": families_stopping(at=at, among={row.family_id for row in rows}),
        "now": at,
        "segments": _segments(families, chosen),
        "chosen": chosen,
        "has_more_families": len(families) > MOST_SEGMENTS,
        "words": words,
        "first": _board_url(family, words) if after else "",
        "next": _board_url(family, words, rows[-1].slug) if more else "",
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


def _board_url(family: str, words: str = "", after: str = "") -> str:
    return with_query(reverse("agents"), family=family, q=words, after=after)


def agent(
    found: Agent, user: User, *, at: datetime, form: SuspendForm | None = None
) -> dict[str, Any]:
    """An agent with its versions, releases and suspensions, the newest first."""
    versions: list[Any] = list(
        with_status(found.versions.order_by("-sequence"))
        .select_related("author", "proposed_by")
        .defer(*HEAVY)[:MOST_VERSIONS]
    )
    for version in versions:
        _name_standing(version, at=at)
    newest = versions[0] if versions else None
    return {
        "agent": found,
        "versions": versions,
        "newest": newest,
        "contract": _contract(newest) if newest else {},
        **surroundings_panel(found),
        **where_it_runs(found, user, at=at),
        **suspensions_panel(
            found, user, form or SuspendForm(sequences=[v.sequence for v in versions])
        ),
        "stopping": of_agent(found.pk, at=at),
    }


def _contract(version: AgentVersion) -> dict[str, Any]:
    contract: dict[str, Any] = AgentVersion.objects.values_list("contract", flat=True).get(
        pk=version.pk
    )
    return contract


def _name_standing(version: Any, *, at: datetime) -> None:
    """``standing``, its label and tone, and the findings counted, for the templates."""
    version.standing = standing_of(version, at=at)
    version.is_overdue = is_overdue(version, at=at)
    version.standing_label = label_of(version, at=at)
    version.standing_tone = STANDING_TONES[version.standing]
    version.badges = badges_of(severities(version))
    version.change_tone = CHANGE_TONES.get(version.change_class, "neutral")


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
    comparison = comparison_for(found)
    names = part_names(found.contract)
    panel = panel_for(user, review, at=at, parts=names) if review else None
    return {
        "agent": found.agent,
        "version": found,
        "comparison": comparison,
        "votes": votes_for(comparison, found),
        "one_click": comparison.approved and comparison.change_class is ChangeClass.COSMETIC,
        "law": law,
        "panel": panel,
        "vote_form": form or (VoteForm.about(review) if review else None),
        **_contents(found),
        **remarks_on(found, panel, query or {}),
        **opening(found, user, panel.votes if panel else ()),
        **submit_panel(found, user, law=law_sha256),
        **release_panel(found, review, user, law=law_sha256, at=at),
        **matrix_panel(found, user, law=law, at=at),
    }


def _contents(found: AgentVersion) -> dict[str, Any]:
    """The text, what was read from it, and what was noticed in it."""
    return {
        "contract": found.contract,
        "triggers": triggers_by_kind(found.contract.get("triggers", [])),
        "peers": peers_of(found.contract.get("coordination", [])),
        "findings": sorted(
            found.findings, key=lambda one: by_gravity(one["severity"], one["line"])
        ),
        "fixes": fixes_of(found),
        "repairs": [finding for finding in found.findings if finding["code"] in REPAIRS],
        "lines": found.text.split("\n"),
        "body": split_frontmatter(found.text).body,
    }
