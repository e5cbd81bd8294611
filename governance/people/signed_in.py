"""The person behind a page's request."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from governance.base.errors import NotPermitted
from governance.people.models import User
from governance.people.permissions import Permission, check

View = Callable[..., HttpResponse]
# Values of ``asking.models.Authentication``, which lies above.
SIGNED_IN, FRESH, PASSKEY = "signed_in", "fresh", "passkey"
# Not what a mail alone can prove, such as a code or a reset password.
_PROOFS = {"password", "mfa", "socialaccount"}


def person(request: HttpRequest) -> User:
    """The signed-in person behind a page's request; refuses everybody else."""
    if not isinstance(request.user, User):
        raise NotPermitted("Sign in first.")
    return request.user


def for_people(view: View) -> View:
    """Signed-in people who may see things; everybody else is sent away."""

    @login_required
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        check(person(request), Permission.VIEW)
        return view(request, *args, **kwargs)

    return checked


def level_of(request: HttpRequest) -> str:
    """What this person has proved: a passkey or anything else a moment ago, or a session.

    By allauth's records of the session; those of somebody else who used it before do not count.
    """
    since = timezone.now().timestamp() - settings.FRESH_SECONDS
    records = get_authentication_records(request, person(request))
    fresh = [
        record
        for record in records
        if record.get("method") in _PROOFS and record.get("at", 0) > since
    ]
    if any(record.get("type") == "webauthn" for record in fresh):
        return PASSKEY
    return FRESH if fresh else SIGNED_IN
