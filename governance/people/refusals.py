"""What the edges do with a refusal: write it down, and answer it.

A service raises out of its transaction, so its own writes are gone; the trace is written here,
in a transaction of its own.
"""

from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from governance.audit.actors import Actor
from governance.audit.services import record_refusal
from governance.base.errors import InvalidInput, Refusal, TooLarge
from governance.base.problems import MEDIA_TYPE, problem, problem_of
from governance.people.services import actor_of

log = structlog.get_logger()


def record(refusal: Refusal, *, by: Actor, where: str) -> None:
    """Leave the trace of a refused act; ``where`` is the page, call, action or command."""
    log.info("refused", actor=str(by), where=where, code=refusal.code)
    # A typing mistake is no refusal worth keeping; a refused act is.
    if isinstance(refusal, InvalidInput):
        return
    record_refusal(
        kind="refused",
        by=by,
        at=timezone.now(),
        subject=where[:160],
        sentence=refusal.sentence[:500],
        code=refusal.code,
    )


class RefusalMiddleware:
    """Turns a refusal that left a page's view into the page that says why."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = self.get_response(request)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Refusal):
            return None
        record(error, by=actor_of(request.user), where=f"{request.method} {request.path}")
        return render(request, "refused.html", {"refusal": error}, status=error.status)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error of the API as problem details."""
    request = context["request"]
    if isinstance(error, RequestDataTooBig):
        error = TooLarge("The body is too large.", limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    if isinstance(error, Refusal):
        where = f"{request.method} {request.path}"
        record(error, by=actor_of(getattr(request, "user", None)), where=where)
        return _answer(problem_of(error))
    response = exception_handler(error, context)
    if response is None:
        return None
    headers = {name: value for name, value in response.headers.items() if name != "Content-Type"}
    return _answer(_problem_of_drf(error, response), headers=headers)


def _problem_of_drf(error: Exception, response: Response) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return problem(
            status=400,
            detail="Some fields are not right.",
            code="invalid_input",
            errors=error.detail,
        )
    if isinstance(error, Http404):
        return problem(status=404, detail="There is nothing at this address.", code="not_found")
    if isinstance(error, PermissionDenied):
        return problem(status=403, detail="You may not do this.", code="not_permitted")
    code = getattr(error, "default_code", "error")
    return problem(
        status=response.status_code, detail=str(getattr(error, "detail", error)), code=code
    )


def _answer(body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(body, status=body["status"], headers=headers, content_type=MEDIA_TYPE)
