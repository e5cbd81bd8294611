"""Pages about compliance: the matrix of a version, waivers, what an amendment stops."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from agents.compliance import pages, services
from agents.compliance.forecast import forecast
from agents.compliance.forms import MatrixForm, WaiverForm
from agents.compliance.impact import impact_of
from agents.compliance.matrix import matrix_of
from agents.permissions import version_for
from governance.constitution.permissions import version_for as law_for
from governance.constitution.services import MAIN, current
from governance.people.signed_in import for_people, person


@require_safe
@for_people
def matrix(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """Each principle that binds a version: who judged it, by which line, when."""
    found = version_for(request.user, slug, sequence, without=["raw"])
    context = pages.matrix_page(found, person(request), at=timezone.now())
    return render(request, "agents/compliance/matrix.html", context)


@require_POST
@for_people
def judge(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """What a reviewer says of the principles he judged; the others stay as they are."""
    found, at = version_for(request.user, slug, sequence, without=["raw"]), timezone.now()
    form = MatrixForm(matrix_of(found, current(), at=at), request.POST)
    if not form.is_valid():
        context = pages.matrix_page(found, person(request), at=at, form=form)
        return render(request, "agents/compliance/matrix.html", context, status=400)
    judged = services.judge_all(version_id=found.pk, said=form.said(), by=person(request), at=at)
    noun = "principle" if len(judged) == 1 else "principles"
    messages.success(request, f"{len(judged)} {noun} judged.")
    return redirect("agent-version-matrix", slug, sequence)


@require_POST
@for_people
def ask_waiver(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    found, at = version_for(request.user, slug, sequence, without=["raw"]), timezone.now()
    form = WaiverForm(request.POST, matrix=matrix_of(found, current(), at=at))
    if not form.is_valid():
        context = pages.matrix_page(found, person(request), at=at, waiver_form=form)
        return render(request, "agents/compliance/matrix.html", context, status=400)
    services.ask_waiver(
        version_id=found.pk,
        principle=form.cleaned_data["principle"],
        reason=form.cleaned_data["reason"],
        expires_at=form.expires_at(),
        by=person(request),
        at=at,
    )
    messages.success(request, "Asked. Somebody else grants it or turns it down.")
    return redirect("agent-version-matrix", slug, sequence)


@require_safe
@for_people
def waivers(request: HttpRequest) -> HttpResponse:
    """Every waiver that waits, is in force, or has ended."""
    context = pages.waivers_page(person(request), at=timezone.now())
    return render(request, "agents/compliance/waivers.html", context)


@require_POST
@for_people
def grant_waiver(request: HttpRequest, waiver_id: int) -> HttpResponse:
    services.grant_waiver(waiver_id=waiver_id, by=person(request), at=timezone.now())
    messages.success(request, "The waiver is in force.")
    return redirect("waivers")


@require_POST
@for_people
def end_waiver(request: HttpRequest, waiver_id: int) -> HttpResponse:
    services.end_waiver(waiver_id=waiver_id, by=person(request), at=timezone.now())
    messages.success(request, "The waiver has ended.")
    return redirect("waivers")


@require_safe
@for_people
def stale(request: HttpRequest) -> HttpResponse:
    """What stops when: every release on an approval that an amendment touched."""
    context = forecast(request.GET, at=timezone.now())
    return render(request, "agents/compliance/stale.html", context)


@require_safe
@for_people
def impact(request: HttpRequest, sequence: int) -> HttpResponse:
    """What a version of the law does, or would do, to agents."""
    at, version = timezone.now(), law_for(request.user, MAIN, sequence)
    context = {"impact": impact_of(version, at=at), "law": current(), "now": at}
    return render(request, "agents/compliance/impact.html", context)
