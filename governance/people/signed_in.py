"""The person behind a page's request."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from governance.base.errors import NotPermitted
from governance.people.models import User
from governance.people.permissions import Permission, check

View = Callable[..., HttpResponse]


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
