"""Addresses whose query holds what no text in the database can."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from governance.base.errors import InvalidInput
from governance.base.problems import refused


class PlainQueryMiddleware:
    """Answers 400 to a query with a NUL, before a page looks for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query or "\x00" in query:
            refusal = InvalidInput("An address holds no NUL character.", code="nul_character")
            return refused(request, refusal)
        return self.get_response(request)
