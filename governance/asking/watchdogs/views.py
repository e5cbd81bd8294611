from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from governance.asking.watchdogs.operations import overview
from governance.people.permissions import Permission, check


@login_required
@require_safe
def operations(request: HttpRequest) -> HttpResponse:
    """How the portal itself runs: its loops, what waits, what failed, what was mended."""
    check(request.user, Permission.OPERATE)
    return render(request, "asking/operations.html", overview(at=timezone.now()))
