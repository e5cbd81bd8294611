from datetime import UTC, date, datetime, time
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.base.pagination import one_page
from governance.history.forms import HistoryFilter
from governance.history.services import (
    actors_meant,
    entries,
    kind_meant,
    search,
    subject_meant,
)
from governance.people.permissions import Permission, check

PAGE = 50


@login_required
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """The events that match the filters, newest first, a keyset page at a time."""
    check(request.user, Permission.READ_HISTORY)
    form = HistoryFilter(request.GET)
    wanted: dict[str, Any] = dict(form.cleaned_data) if form.is_valid() else {}
    before = wanted.pop("before", None)
    found = search(**_meant(wanted))
    if before:
        found = found.filter(id__lt=before)
    rows, more = one_page(found, PAGE)
    context = {
        "form": form,
        "entries": entries(rows),
        "older": rows[-1].pk if more else None,
        "is_first": not before,
    }
    return render(request, "history/history.html", context)


def _meant(typed: dict[str, Any]) -> dict[str, Any]:
    """What was typed into the filters, as the history names it."""
    return {
        "kind": kind_meant(typed.get("kind", "")),
        "actors": actors_meant(typed["actor"]) if typed.get("actor") else None,
        **subject_meant(typed.get("subject", "")),
        **{name: _midnight(typed.get(name)) for name in ("since", "until")},
    }


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, tzinfo=UTC) if day else None
