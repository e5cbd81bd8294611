"""Problem details for every error of the API (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from governance.base.errors import Refusal

MEDIA_TYPE = "application/problem+json"


def problem(
    *, status: int, detail: str, code: str, title: str = "", **members: Any
) -> dict[str, Any]:
    """The members of one problem; ``code`` is stable, ``detail`` is the sentence to read."""
    return {
        "type": "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **members,
    }


def problem_of(refusal: Refusal) -> dict[str, Any]:
    """A refusal as a problem."""
    return problem(
        status=refusal.status,
        detail=refusal.sentence,
        code=refusal.code,
        title=refusal.title,
        **refusal.details,
    )


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """The answer to what is refused before any view: a problem for the API, else a page."""
    if request.path.startswith("/api/"):
        return JsonResponse(problem_of(refusal), status=refusal.status, content_type=MEDIA_TYPE)
    return render(request, "refused.html", {"refusal": refusal}, status=refusal.status)
