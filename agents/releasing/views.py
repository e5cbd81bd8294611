"""Pages that change what runs where, and the one that says what ran when."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.models import Family
from agents.pages import agent as agent_page
from agents.permissions import agent_for, version_for
from agents.releasing import pages, services
from agents.releasing.as_of import AsOf, as_of
from agents.releasing.exports import csv_of, signed_report
from agents.releasing.forms import (
    PRODUCTION,
    AsOfForm,
    BreakGlassForm,
    FamilySuspendForm,
    ReleaseForm,
    RollBackForm,
    SuspendForm,
)
from governance.base.errors import InvalidInput, NotThere
from governance.people.signed_in import for_people, person


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def release(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """What would change there, and the button that releases it."""
    found = version_for(request.user, slug, sequence)
    posted = request.method == "POST"
    form = ReleaseForm(request.POST if posted else request.GET or {"environment": PRODUCTION})
    if not form.is_valid():
        raise InvalidInput("Choose an environment.")
    environment, at = form.cleaned_data["environment"], timezone.now()
    if not posted:
        context = pages.confirmation(found, environment, person(request), at=at)
        return render(request, "agents/releasing/confirm.html", context)
    services.release(version_id=found.pk, environment=environment.slug, by=person(request), at=at)
    messages.success(request, f"Version {sequence} is released to {environment.name.lower()}.")
    return redirect(found)


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def roll_back(request: HttpRequest, slug: str, release_id: int) -> HttpResponse:
    """Back to what an earlier release pointed at, judged by today's rules."""
    agent = agent_for(request.user, slug)
    earlier = pages.release_of(agent, release_id)
    form, at = RollBackForm(request.POST or None), timezone.now()
    if request.method == "POST" and form.is_valid():
        services.roll_back(
            slug=slug,
            environment=earlier.environment.slug,
            sequence=earlier.version.sequence,
            reason=form.cleaned_data["reason"],
            by=person(request),
            at=at,
        )
        messages.success(
            request,
            f"Version {earlier.version.sequence} runs in {earlier.environment.name.lower()} again.",
        )
        return redirect(agent)
    context = pages.confirmation(earlier.version, earlier.environment, person(request), at=at)
    status = 400 if request.method == "POST" else 200
    context |= {"earlier": earlier, "form": form}
    return render(request, "agents/releasing/confirm.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
@reauthentication_required
def break_glass(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """An emergency: serve for some hours what nobody approved. Takes a fresh sign-in."""
    found = version_for(request.user, slug, sequence)
    form = BreakGlassForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = services.break_glass(
            version_id=found.pk,
            environment=form.cleaned_data["environment"].slug,
            reason=form.cleaned_data["reason"],
            hours=form.cleaned_data["hours"],
            by=person(request),
            at=timezone.now(),
        )
        messages.warning(
            request,
            f"Version {sequence} runs in {made.environment.name.lower()} without an approval. "
            "Its review is open.",
        )
        return redirect(found)
    context = {**pages.glass(found, person(request)), "form": form}
    status = 400 if request.method == "POST" else 200
    return render(request, "agents/releasing/break_glass.html", context, status=status)


def _family(slug: str) -> Family:
    family = Family.objects.filter(slug=slug).first()
    if family is None:
        raise NotThere(f"There is no family {slug[:80]}.", code="unknown_family")
    return family


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def suspend_family(request: HttpRequest, slug: str) -> HttpResponse:
    """The suspensions of a family, and the form for one more."""
    family = _family(slug)
    form = FamilySuspendForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.suspend(
            family=slug,
            reason=form.cleaned_data["reason"],
            by=person(request),
            at=timezone.now(),
        )
        messages.success(request, "Suspended. Runners are refused every agent of the family.")
        return redirect("family-suspend", slug)
    context = pages.family_suspension(family, person(request), form if form.is_bound else None)
    status = 400 if request.method == "POST" else 200
    return render(request, "agents/releasing/family.html", context, status=status)


@require_POST
@for_people
def lift_family(request: HttpRequest, slug: str, suspension_id: int) -> HttpResponse:
    family = _family(slug)
    if not family.suspensions.filter(pk=suspension_id).exists():
        raise NotThere("There is no such suspension.", code="unknown_suspension")
    services.lift(suspension_id=suspension_id, by=person(request), at=timezone.now())
    messages.success(request, "The suspension is lifted.")
    return redirect("family-suspend", slug)


@require_safe
@for_people
def past(request: HttpRequest) -> HttpResponse:
    """What could run at a moment, under which constitution, approved by whom."""
    form = AsOfForm(request.GET, now=timezone.now())
    found = _past(form, request) if form.is_valid() else None
    context: dict[str, Any] = {"form": form, "past": found, "query": request.GET.urlencode()}
    return render(request, "agents/releasing/as_of.html", context, status=200 if found else 400)


def _past(form: AsOfForm, request: HttpRequest) -> AsOf:
    return as_of(
        environment=form.cleaned_data["environment"].slug,
        at=form.cleaned_data["at"],
        principal=person(request),
    )


def _exported(request: HttpRequest) -> AsOf:
    form = AsOfForm(request.GET, now=timezone.now())
    if not form.is_valid():
        raise InvalidInput(" ".join(str(line) for lines in form.errors.values() for line in lines))
    return _past(form, request)


@require_safe
@for_people
def past_csv(request: HttpRequest) -> HttpResponse:
    found = _exported(request)
    response = HttpResponse(csv_of(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{_filename(found)}.csv"'
    return response


@require_safe
@for_people
def past_json(request: HttpRequest) -> HttpResponse:
    found = _exported(request)
    response = JsonResponse(signed_report(found, reader=person(request), at=timezone.now()))
    response["Content-Disposition"] = f'attachment; filename="{_filename(found)}.json"'
    return response


def _filename(found: AsOf) -> str:
    return f"as-of-{found.environment.slug}-{found.at:%Y%m%dT%H%M%S%z}".replace("+", "-")


@require_POST
@for_people
def suspend(request: HttpRequest, slug: str) -> HttpResponse:
    found = agent_for(request.user, slug)
    form = SuspendForm.of(found, request.POST)
    if not form.is_valid():
        context = agent_page(found, person(request), at=timezone.now(), form=form)
        return render(request, "agents/agent.html", context, status=400)
    services.suspend(
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
    services.lift(suspension_id=suspension_id, by=person(request), at=timezone.now())
    messages.success(request, "The suspension is lifted.")
    return redirect(found)
