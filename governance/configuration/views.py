from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from governance.base.pagination import key_in
from governance.configuration.pages import changes_page
from governance.configuration.previewing import preview_of
from governance.configuration.services import confirm_change, refuse_change
from governance.people.permissions import Permission, check
from governance.people.signed_in import person


@login_required
@require_safe
def changes(request: HttpRequest) -> HttpResponse:
    """Requests to loosen the configuration, for auditors and administrators."""
    check(request.user, Permission.READ_HISTORY)
    before = key_in(request.GET.get("before", ""))
    context = changes_page(person(request), before=before, at=timezone.now())
    return render(request, "configuration/changes.html", context)


@login_required
@require_POST
def confirm(request: HttpRequest, change_id: int) -> HttpResponse:
    """The second administrator's yes."""
    change = confirm_change(change_id=change_id, by=person(request), at=timezone.now())
    messages.success(request, f"{change} is changed, as you confirmed.")
    return redirect("configuration-changes")


@login_required
@require_POST
def simulate(request: HttpRequest, change_id: int) -> HttpResponse:
    """What a policy would do as it is asked for; the change is made, looked at and undone."""
    check(request.user, Permission.READ_HISTORY)
    preview = preview_of(change_id, at=timezone.now(), chosen=request.POST.get("simulate_case", ""))
    return render(request, "configuration/preview.html", {"preview": preview})


@login_required
@require_POST
def refuse(request: HttpRequest, change_id: int) -> HttpResponse:
    """A no, or the asker's own retreat."""
    change = refuse_change(
        change_id=change_id,
        reason=request.POST.get("reason", ""),
        by=person(request),
        at=timezone.now(),
    )
    messages.success(request, f"{change} stays as it is.")
    return redirect("configuration-changes")
