from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from governance.base.samples import samples


@login_required
@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component of the design system in every state; for staff and in development."""
    if not (request.user.is_staff or settings.PORTAL_ENV == "development"):
        raise Http404
    return render(request, "styleguide.html", samples(timezone.now()))
