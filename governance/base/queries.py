"""Addresses whose query holds what no text in the database can."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from governance.base.errors import InvalidInput
from governance.base.problems import MEDIA_TYPE, problem_of


class PlainQueryMiddleware:
    """Answers 400 to a query with a NUL, before a page looks for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        has_nul = "%00" in query or "\x00" in query
        return _refused(request) if has_nul else self.get_response(request)


def _refused(request: HttpRequest) -> HttpResponse:
    refusal = InvalidInput("An address holds no NUL character.", code="nul_character")
    if request.path.startswith("/api/"):
        return JsonResponse(problem_of(refusal), status=refusal.status, content_type=MEDIA_TYPE)
    return render(request, "refused.html", {"refusal": refusal}, status=refusal.status)
