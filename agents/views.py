"""The family board, an agent, a version, and what people do there."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from agents import pages
from agents.diff_page import diff_page
from agents.permissions import agent_for, no_such_version, why_not
from agents.standing import with_status
from governance.people.permissions import Permission
from governance.people.signed_in import for_people, person
from governance.review.forms import VoteForm


@require_safe
@for_people
def agents(request: HttpRequest) -> HttpResponse:
    """The family board."""
    context = pages.board(request.GET, at=timezone.now())
    why = why_not(request.user, Permission.PROPOSE)
    return render(request, "agents/board.html", {**context, "why_no_import": why})


@require_safe
@for_people
def agent(request: HttpRequest, slug: str) -> HttpResponse:
    """One agent: versions, releases, suspensions, rules and edges of the newest version."""
    found = agent_for(request.user, slug)
    context = pages.agent(found, person(request), at=timezone.now())
    return render(request, "agents/agent.html", context)


@require_safe
@for_people
def agent_version(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """What a version says, what was noticed, and where its review stands."""
    found = shown_version(request, slug, sequence)
    return version_page(request, found)


def version_page(request: HttpRequest, found: Any, form: VoteForm | None = None) -> HttpResponse:
    context = pages.version(found, person(request), at=timezone.now(), form=form, query=request.GET)
    status = 400 if form is not None else 200
    return render(request, "agents/version.html", context, status=status)


@require_safe
@for_people
def diff(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """What a version changes in another one: its meaning, then its text."""
    found = shown_version(request, slug, sequence)
    asked = request.GET
    context = diff_page(
        found, person(request), chosen=asked.get("from", ""), view=asked.get("view", "")
    )
    return render(request, "agents/diff.html", context)


@require_safe
@for_people
def raw(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """The bytes as they came, never shown by the browser as a page."""
    found = shown_version(request, slug, sequence)
    response = HttpResponse(bytes(found.raw), content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(
        True, found.filename.rsplit("/", 1)[-1] or f"{slug}.md"
    )
    return response


def shown_version(request: HttpRequest, slug: str, sequence: int) -> Any:
    """A version with where it stands; ``NotThere`` for strangers as for what does not exist."""
    owner = agent_for(request.user, slug)
    found = with_status(owner.versions.filter(sequence=sequence)).select_related(
        "agent__family", "author", "proposed_by__owner"
    )
    version = found.first()
    if version is None:
        raise no_such_version(owner, sequence)
    return version
