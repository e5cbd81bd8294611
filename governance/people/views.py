from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.people import services
from governance.people.forms import KeyForm, RunnerForm
from governance.people.models import Role, Runner, RunnerKey, User
from governance.people.permissions import Permission, check
from governance.people.signed_in import person


@login_required
@require_http_methods(["GET", "POST"])
def runners(request: HttpRequest) -> HttpResponse:
    """The runners that this person manages, and a form for one more."""
    user = person(request)
    check(user, Permission.MANAGE_RUNNERS)
    form = RunnerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        runner = services.create_runner(**form.cleaned_data, owner=user, by=user, at=timezone.now())
        return redirect("runner", runner.slug)
    mine = _managed_by(user).prefetch_related("keys").select_related("owner")
    context = {"runners": mine, "form": form}
    return render(request, "people/runners.html", context, status=400 if form.errors else 200)


@login_required
@require_GET
def runner(request: HttpRequest, slug: str) -> HttpResponse:
    """One runner and its keys; their plain text is nowhere to be had again."""
    user = person(request)
    check(user, Permission.MANAGE_RUNNERS)
    found = get_object_or_404(_managed_by(user), slug=slug)
    context = {"runner": found, "keys": found.keys.all(), "form": KeyForm()}
    return render(request, "people/runner.html", context)


@login_required
@require_POST
@never_cache
def issue_key(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a key and show it, this once, in the answer itself."""
    user = person(request)
    found = get_object_or_404(_managed_by(user), slug=slug)
    form = KeyForm(request.POST)
    plain = ""
    if form.is_valid():
        _, plain = services.issue_key(
            runner_id=found.pk,
            by=user,
            at=timezone.now(),
            scopes=form.cleaned_data["scopes"],
            lifetime=form.lifetime(),
        )
    context = {"runner": found, "keys": found.keys.all(), "form": form, "plain": plain}
    return render(request, "people/runner.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def revoke_key(request: HttpRequest, key_id: int) -> HttpResponse:
    user = person(request)
    found = get_object_or_404(RunnerKey, pk=key_id, runner__in=_managed_by(user))
    services.revoke_key(key_id=found.pk, by=user, at=timezone.now())
    messages.success(request, f"The key {found} opens nothing any more.")
    return redirect("runner", found.runner.slug)


def _managed_by(user: User) -> QuerySet[Runner]:
    """An administrator manages every runner, an owner his own."""
    if Role.ADMINISTRATOR in user.roles:
        return Runner.objects.all()
    return Runner.objects.filter(owner=user)
