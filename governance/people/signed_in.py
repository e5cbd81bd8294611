from django.http import HttpRequest

from governance.base.errors import NotPermitted
from governance.people.models import User


def person(request: HttpRequest) -> User:
    """The signed-in person behind a page's request; refuses everybody else."""
    if not isinstance(request.user, User):
        raise NotPermitted("Sign in first.")
    return request.user
