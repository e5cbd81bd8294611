"""The family board, an agent, a version, and what people do there."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from agents import pages, services
from agents.diff_page import diff_page
from agents.forms import SuspendForm
from agents.permissions import agent_for, why_not
from agents.releasing import services as releasing
from agents.reviewing.forms import SubmitForm
from agents.standing import with_status
from governance.asking.links import method_of
from governance.base.errors import InvalidInput
from governance.people.permissions import Permission, check
from governance.people.signed_in import person
from governance.review.forms import VoteForm
from governance.review.panel import teams_without_voters
from governance.review.services import latest_review

View = Callable[..., HttpResponse]


def for_people(view: View) -> View:
    """Signed-in people who may see things; everybody else is sent away."""

    @login_required
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        check(person(request), Permission.VIEW)
        return view(request, *args, **kwargs)

    return checked


@require_safe
@for_people
def agents(request: HttpRequest) -> HttpResponse:
    """The family board."""
    context = pages.board(request.GET)
    why = why_not(request.user, Permission.PROPOSE)
    return render(request, "agents/board.html", {**context, "why_no_import": why})


@require_safe
@for_people
def agent(request: HttpRequest, slug: str) -> HttpResponse:
    """One agent: versions, releases, suspensions, rules and edges of the newest version."""
    found = agent_for(request.user, slug)
    context = pages.agent(found, person(request))
    return render(request, "agents/agent.html", context)


@require_safe
@for_people
def agent_version(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """What a version says, what was noticed, and where its review stands."""
    found = _version(request, slug, sequence, with_text=True)
    return _version_page(request, found)


def _version_page(request: HttpRequest, found: Any, form: VoteForm | None = None) -> HttpResponse:
    context = pages.version(found, person(request), at=timezone.now(), form=form, query=request.GET)
    status = 400 if form is not None else 200
    return render(request, "agents/version.html", context, status=status)


@require_safe
@for_people
def diff(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """What a version changes in another one: its meaning, then its text."""
    found = _version(request, slug, sequence, with_text=True)
    asked = request.GET
    context = diff_page(
        found, person(request), chosen=asked.get("from", ""), view=asked.get("view", "")
    )
    return render(request, "agents/diff.html", context)


@require_safe
@for_people
def raw(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """The bytes as they came, never shown by the browser as a page."""
    found = _version(request, slug, sequence, with_text=True)
    response = HttpResponse(bytes(found.raw), content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(
        True, found.filename.rsplit("/", 1)[-1] or f"{slug}.md"
    )
    return response


@require_POST
@for_people
def submit(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    found = _version(request, slug, sequence)
    form = SubmitForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("Choose an environment, and a day and time that there is.")
    environment = form.cleaned_data["environment"]
    review = services.submit_version(
        version_id=found.pk,
        by=person(request),
        at=timezone.now(),
        environment=environment.slug if environment else None,
        due_at=form.cleaned_data["due_at"],
    )
    messages.success(request, "Submitted. Everybody who may approve it is asked now.")
    for team in teams_without_voters(review):
        messages.warning(request, f"Nobody in {team} can vote on it.")
    return redirect(found)


@require_POST
@for_people
def vote(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    found = _version(request, slug, sequence, with_text=True)
    form = VoteForm(request.POST)
    if not form.is_valid():
        return _version_page(request, found, form)
    review = latest_review(found.subject)
    voted = services.vote(
        version_id=found.pk,
        by=person(request),
        **form.cleaned_data,
        method=method_of(request, subject=f"review:{review.pk}" if review else ""),
        at=timezone.now(),
    )
    messages.success(request, f"Your vote is recorded. {voted.get_status_display()}.")
    return redirect(found)


@require_POST
@for_people
def suspend(request: HttpRequest, slug: str) -> HttpResponse:
    found = agent_for(request.user, slug)
    form = SuspendForm(request.POST, sequences=pages.sequences(found))
    if not form.is_valid():
        context = pages.agent(found, person(request), form)
        return render(request, "agents/agent.html", context, status=400)
    releasing.suspend(
        slug=slug,
        sequence=form.cleaned_data["version"],
        reason=form.cleaned_data["reason"],
        by=person(request),
        at=timezone.now(),
    )
    messages.success(request, "Suspended. Runners are refused from now on.")
    return redirect(found)


@require_POST
@for_people
def lift(request: HttpRequest, slug: str, suspension_id: int) -> HttpResponse:
    found = agent_for(request.user, slug)
    releasing.lift(suspension_id=suspension_id, by=person(request), at=timezone.now())
    messages.success(request, "The suspension is lifted.")
    return redirect(found)


def _version(request: HttpRequest, slug: str, sequence: int, *, with_text: bool = False) -> Any:
    owner = agent_for(request.user, slug)
    found = with_status(owner.versions.filter(sequence=sequence)).select_related(
        "agent__family", "author", "proposed_by__owner"
    )
    version = (found if with_text else found.defer("raw", "text")).first()
    if version is None:
        raise services.no_such_version(owner, sequence)
    return version
