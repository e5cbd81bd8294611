"""What the pages of imports show."""

from collections.abc import Mapping
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404

from agents.comparing import CHANGE_TONES, LABELS
from agents.intake.services import CHANGED, NEW, REFUSED, RESULTS, SKIPPED, UNCHANGED
from agents.models import ImportRun
from agents.overview import badges_of
from governance.base.addresses import with_query
from governance.base.pagination import one_page

PER_PAGE = 200
RUNS_PER_PAGE = 50
MOST_CODES = 20
TONES = {REFUSED: "bad", NEW: "good", CHANGED: "info", UNCHANGED: "neutral", SKIPPED: "neutral"}


def run_page(run: ImportRun, query: Mapping[str, str]) -> dict[str, Any]:
    """One import: its files by result, as many as a page holds, and its findings counted."""
    chosen = query.get("result", "")
    order = {result: at for at, result in enumerate(RESULTS)}
    rows = [row for row in run.results if chosen in ("", row["result"])]
    rows.sort(key=lambda row: order[row["result"]])
    page = Paginator(rows, PER_PAGE).get_page(query.get("page"))
    return {
        "run": run,
        "rows": [_shown(row) for row in page],
        "segments": _segments(run, chosen),
        "badges": badges_of(run.counts.get("findings", {})),
        "codes": list(run.counts.get("codes", {}).items())[:MOST_CODES],
        "older": _query(chosen, page.next_page_number()) if page.has_next() else "",
        "newer": _query(chosen, page.previous_page_number()) if page.has_previous() else "",
        "page": page,
    }


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    change = row.get("change_class", "")
    return {
        **row,
        "tone": TONES[row["result"]],
        "change": change if row["result"] == CHANGED else "",
        "change_tone": CHANGE_TONES.get(change, "neutral"),
        "change_label": LABELS.get(change, change),
        "badges": badges_of(row.get("findings", {})),
    }


def _segments(run: ImportRun, chosen: str) -> list[dict[str, Any]]:
    counted = [("", "All", len(run.results))]
    counted += [(one, one.capitalize(), run.counts.get(one, 0)) for one in RESULTS]
    return [
        {"label": label, "href": _query(value), "current": value == chosen, "count": count}
        for value, label, count in counted
        if count or not value
    ]


def _query(result: str, page: int = 1) -> str:
    return with_query("", result=result, page=page if page > 1 else "") or "?"


def runs_page(runs: QuerySet[ImportRun], query: Mapping[str, str]) -> dict[str, Any]:
    """Past imports, the newest first; ``before`` is the id where the next page goes on."""
    before = query.get("before", "")
    if before and not (before.isdecimal() and len(before) < 18):
        raise Http404
    found = runs.filter(id__lt=int(before)) if before else runs
    light = found.select_related("by", "runner", "family").defer("results")
    shown, more = one_page(light, RUNS_PER_PAGE)
    return {
        "runs": [(run, _counted(run), badges_of(run.counts.get("findings", {}))) for run in shown],
        "next": f"?before={shown[-1].pk}" if more else "",
        "first": "?" if before else "",
    }


def _counted(run: ImportRun) -> list[dict[str, str]]:
    return [
        {"value": one, "tone": TONES[one], "label": f"{run.counts[one]} {one}"}
        for one in RESULTS
        if run.counts.get(one)
    ]
