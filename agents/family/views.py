"""The families, and the report of one: to read, to print, to take away."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from agents.family import pages
from agents.family.export import as_markdown, csv_of
from agents.family.reading import family_for, report_of
from governance.people.signed_in import for_people, person


@require_safe
@for_people
def families(request: HttpRequest) -> HttpResponse:
    """All families with their sizes."""
    return render(
        request, "agents/family/families.html", pages.families(person(request), request.GET)
    )


@require_safe
@for_people
def family(request: HttpRequest, slug: str) -> HttpResponse:
    """The report of one family."""
    found = family_for(person(request), slug)
    context = pages.family(found, request.GET, at=timezone.now())
    return render(request, "agents/family/family.html", context)


@require_safe
@for_people
def family_csv(request: HttpRequest, slug: str) -> HttpResponse:
    """The agents of the report as a table for a spreadsheet."""
    report = report_of(family_for(person(request), slug), at=timezone.now())
    return _download(csv_of(report), "text/csv; charset=utf-8", f"family-{slug}.csv")


@require_safe
@for_people
def family_markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """The report as text for a pull request or a mail."""
    report = report_of(family_for(person(request), slug), at=timezone.now())
    return _download(as_markdown(report), "text/markdown; charset=utf-8", f"family-{slug}.md")


def _download(text: str, content_type: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, name)
    return response
