"""Where a mailed link leads. Nothing here decides: these pages sign in and show the way."""

from dataclasses import asdict
from http import HTTPStatus

from django.conf import settings
from django.contrib.auth import logout
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from governance.asking.heartbeat import pulse
from governance.asking.links import (
    SESSION_KEY,
    find_link,
    link_in_session,
    tries_left,
    word_is_enough,
)
from governance.asking.models import ReviewLink
from governance.asking.throttle import count_failure, is_throttled
from governance.base.errors import NotPermitted
from governance.base.schema import misfit
from governance.people.models import User
from governance.people.refusals import record
from governance.people.services import actor_of

READS = ["GET", "HEAD", "OPTIONS"]


@never_cache
@require_http_methods(READS)
def review_link(request: HttpRequest, token: str) -> HttpResponse:
    """Take the token out of the address. Robots that follow links get no further than this."""
    link = find_link(token, at=timezone.now())
    if link is None and is_throttled(request):
        return render(request, "asking/too_many.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    if link is None:
        count_failure(request)
    if request.method == "GET":
        _remember(request, link)
    response = redirect("review-landing")
    response["Referrer-Policy"] = "same-origin"
    return response


def _remember(request: HttpRequest, link: ReviewLink | None) -> None:
    if link:
        # The id, not the token: no stored row, and so no stolen backup, holds one that works.
        request.session[SESSION_KEY] = str(link.pk)
    else:
        request.session.pop(SESSION_KEY, None)


@never_cache
@require_safe
def review_landing(request: HttpRequest) -> HttpResponse:
    """After the link: sign in, go on to the request, or read why not."""
    link = link_in_session(request, at=timezone.now())
    if link is None:
        return render(request, "asking/link_gone.html", status=HTTPStatus.NOT_FOUND)
    if not isinstance(request.user, User):
        if word_is_enough(link.ask) and tries_left(link):
            return redirect(f"{link.ask.path}by-mail/")
        return render(request, "asking/sign_in.html", {"sign_in": sign_in_address()})
    if request.user.pk != link.recipient_id:
        return _refuse_other(request)
    return redirect(link.ask.path)


def _refuse_other(request: HttpRequest) -> HttpResponse:
    refusal = NotPermitted("This link was mailed to somebody else.", code="other_recipient")
    if request.method == "GET":
        record(refusal, by=actor_of(request.user), where="GET /review/")
    return render(request, "asking/other_recipient.html", {"refusal": refusal}, status=403)


def sign_in_address() -> str:
    """The sign-in page, from which the link in the session leads on."""
    return f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': reverse('review-landing')})}"


@never_cache
@require_POST
def switch_account(request: HttpRequest) -> HttpResponse:
    """Sign out, keep the link, sign in as somebody else."""
    link_id = request.session.get(SESSION_KEY)
    logout(request)
    if link_id:
        request.session[SESSION_KEY] = link_id
    return redirect(sign_in_address())


@never_cache
@require_safe
def health_live(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def health_ready(request: HttpRequest) -> HttpResponse:
    """The database answers and has every migration of this code."""
    try:
        missing = _missing_migrations()
    except DatabaseError:
        return _unready("The database cannot be reached.")
    if missing:
        return _unready(f"{missing} migrations are not applied.")
    return JsonResponse({"status": "ok"})


def _missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _unready(reason: str) -> JsonResponse:
    return JsonResponse({"status": "unready", "reason": reason}, status=503)


@never_cache
@require_safe
def health_scheduler(request: HttpRequest) -> HttpResponse:
    """Whether reminders go out: 503 once three cycles are missing."""
    try:
        now, complaint = pulse(at=timezone.now()), misfit()
    except DatabaseError:
        return _unready("The database cannot be reached.")
    told = {"status": "ok" if now.alive else "stopped", "schema": complaint, **asdict(now)}
    return JsonResponse(told, status=200 if now.alive else 503)
