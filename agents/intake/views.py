"""Bring files in, read what became of them, mend findings, take a family out again."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.intake import pages
from agents.intake.archives import MAX_ZIP
from agents.intake.exporting import export_family
from agents.intake.fixing import fix_version
from agents.intake.forms import MOST_FILES, ImportForm
from agents.intake.permissions import run_for, runs_for
from agents.intake.services import import_many
from agents.models import HEAVY
from agents.permissions import version_for, why_not
from governance.people.permissions import Permission
from governance.people.signed_in import for_people, person

ALL = "all"


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def bring_in(request: HttpRequest) -> HttpResponse:
    """The form that brings definitions in; then the page that says what became of each."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        run = import_many(
            files=form.incoming(),
            family=form.cleaned_data["family"],
            by=person(request),
            at=timezone.now(),
            source="page",
            name=form.told_name,
            family_per_folder=form.cleaned_data["family_per_folder"],
        )
        return redirect("import-run", run.pk)
    context = {
        "form": form,
        "family_names": form.families(),
        "why_no_import": why_not(request.user, Permission.PROPOSE),
        "most_files": MOST_FILES,
        "most_bytes": MAX_ZIP,
    }
    status = 400 if request.method == "POST" else 200
    return render(request, "agents/intake/import.html", context, status=status)


@require_safe
@for_people
def runs(request: HttpRequest) -> HttpResponse:
    """Past imports."""
    context = pages.runs_page(runs_for(request.user), request.GET)
    return render(request, "agents/intake/runs.html", context)


@require_safe
@for_people
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """What became of each file of one import."""
    found = run_for(request.user, run_id)
    return render(request, "agents/intake/run.html", pages.run_page(found, request.GET))


@require_POST
@for_people
def fix(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """A new draft with one finding mended, or all that are safe."""
    version = version_for(request.user, slug, sequence, without=HEAVY)
    key = request.POST.get("finding", "")
    draft = fix_version(
        version_id=version.pk,
        finding_keys=None if key == ALL else [key],
        by=person(request),
        at=timezone.now(),
    )
    messages.success(request, f"Fixed in version {draft.sequence}, a draft. Look at its changes.")
    return redirect(draft)


@require_safe
@for_people
def export(request: HttpRequest, slug: str) -> HttpResponse:
    """A family's newest definitions as a zip, byte for byte."""
    whole = export_family(slug, at=timezone.now())
    response = HttpResponse(whole, content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, f"{slug}.zip")
    return response
