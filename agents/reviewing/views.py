"""What a change needs, for everybody to read."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from agents.reviewing.pages import review_policies
from agents.views import for_people
from governance.people.permissions import Permission, has


@require_safe
@for_people
def policies(request: HttpRequest) -> HttpResponse:
    """Class by tier by environment, read only; administrators find the way to change it."""
    context = review_policies() | {"may_configure": has(request.user, Permission.CONFIGURE)}
    return render(request, "agents/reviewing/policies.html", context)
