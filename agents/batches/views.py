"""Lists of versions: make one, read it, vote on it, release what it approved."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.batches import pages, services
from agents.batches.forms import BatchForm, ReleaseAllForm
from agents.batches.permissions import batch_for
from agents.models import HEAVY, AgentVersion, Batch, Family
from agents.releasing.services import release
from governance.asking.links import method_of
from governance.base.errors import InvalidInput, Refusal
from governance.people.models import User
from governance.people.permissions import Permission, check
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import for_people, person
from governance.review.forms import VoteForm
from governance.review.panel import teams_without_voters
from governance.review.services import latest_review


@require_safe
@for_people
def batches(request: HttpRequest) -> HttpResponse:
    return render(request, "agents/batches/batches.html", {"rows": pages.batches()})


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def batch_new(request: HttpRequest) -> HttpResponse:
    """The versions to tick; the whole list then comes before people as one."""
    if request.method != "POST":
        context = pages.batch_new(request.GET, person(request))
        return render(request, "agents/batches/new.html", context)
    form = BatchForm(request.POST)
    if not form.is_valid():
        context = pages.batch_new(request.POST, person(request), form)
        return render(request, "agents/batches/new.html", context, status=400)
    return redirect(_opened(request, form))


def _opened(request: HttpRequest, form: BatchForm) -> Batch:
    said = form.cleaned_data
    family = Family.objects.filter(slug=said["family"]).first()
    batch = services.open_batch(
        kind=said["kind"],
        version_ids=_numbers(request.POST.getlist("version")),
        title=said["title"],
        family_id=family.pk if family else None,
        due_at=said["due_at"],
        by=person(request),
        at=timezone.now(),
    )
    messages.success(request, "Submitted. Everybody who may approve the list is asked now.")
    review = latest_review(batch.subject)
    for team in teams_without_voters(review) if review else []:
        messages.warning(request, f"Nobody in {team} can vote on it.")
    return batch


def _numbers(given: list[str]) -> list[int]:
    if not all(one.isdecimal() and len(one) < 19 for one in given):
        raise InvalidInput("Name versions by their numbers.")
    return [int(one) for one in given]


@require_safe
@for_people
def batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    """What the list holds, the grave changes first, and where its review stands."""
    found = batch_for(request.user, batch_id)
    context = pages.batch(found, person(request), query=request.GET, at=timezone.now())
    return render(request, "agents/batches/batch.html", context)


@require_POST
@for_people
def vote(request: HttpRequest, batch_id: int) -> HttpResponse:
    found = batch_for(request.user, batch_id)
    form = VoteForm(request.POST)
    if not form.is_valid():
        context = pages.batch(found, person(request), query=request.GET, at=timezone.now())
        return render(request, "agents/batches/batch.html", context | {"form": form}, status=400)
    review = latest_review(found.subject)
    voted = services.vote_on_batch(
        batch_id=found.pk,
        by=person(request),
        **form.cleaned_data,
        method=method_of(request, subject=review.stream if review else ""),
        at=timezone.now(),
    )
    messages.success(request, f"Your vote is recorded. {voted.get_status_display()}.")
    return redirect(found)


@require_POST
@for_people
def release_all(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Each version on its own: a refused one holds up no other."""
    found = batch_for(request.user, batch_id)
    by = person(request)
    check(by, Permission.RELEASE)
    form = ReleaseAllForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("Choose an environment.")
    environment = form.cleaned_data["environment"]
    versions = AgentVersion.objects.filter(batch_items__batch=found).select_related("agent")
    results = [
        _release_one(version, environment.slug, by)
        for version in versions.defer(*HEAVY).order_by("batch_items__position")
    ]
    context = pages.batch(found, by, query=request.GET, at=timezone.now())
    context |= {"results": results, "released_to": environment}
    return render(request, "agents/batches/batch.html", context)


def _release_one(version: AgentVersion, environment: str, by: User) -> dict[str, Any]:
    try:
        release(version_id=version.pk, environment=environment, by=by, at=timezone.now())
    except Refusal as refusal:
        record(refusal, by=actor_of(by), where=f"release {version.subject}")
        return {"version": version, "sentence": refusal.sentence}
    return {"version": version, "sentence": ""}
