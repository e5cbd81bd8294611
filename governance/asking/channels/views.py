"""Switching notices in this browser on and off, and the script that shows them."""

from functools import cache

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache as store
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from governance.asking.channels import push, subscriptions
from governance.asking.trouble import NotSent
from governance.people.permissions import Permission, check
from governance.people.signed_in import person

# Somebody who presses the button again and again would make the portal call others as often.
TEST_PAUSE = 10
LONGEST_FIELD = 1000


@login_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The switch on a page of its own; it stands on the page about oneself as well."""
    check(request.user, Permission.VIEW)
    return render(request, "asking/push.html")


@login_required
@require_POST
def subscribe(request: HttpRequest) -> HttpResponse:
    """What the script of the page sends once the browser agreed."""
    user = person(request)
    check(user, Permission.VIEW)
    names = ("endpoint", "p256dh", "auth", "label")
    sent = {name: request.POST.get(name, "")[:LONGEST_FIELD] for name in names}
    subscriptions.subscribe(user=user, at=timezone.now(), **sent)
    messages.success(request, "This browser shows your notices from now on.")
    return HttpResponse(status=204)


@login_required
@require_POST
def remove(request: HttpRequest, subscription_id: int) -> HttpResponse:
    user = person(request)
    subscriptions.remove(subscription_id=subscription_id, by=user, at=timezone.now())
    messages.success(request, "That browser shows no notices any more.")
    return redirect("push")


@login_required
@require_POST
def test(request: HttpRequest) -> HttpResponse:
    """Show a notice that asks nothing, and say what came of it."""
    user = person(request)
    check(user, Permission.VIEW)
    if not store.add(f"push-test:{user.pk}", "sent", TEST_PAUSE):
        messages.info(request, f"One test in {TEST_PAUSE} seconds is enough.")
        return redirect("push")
    try:
        push.send_test(user, at=timezone.now())
    except NotSent as trouble:
        messages.error(request, f"The test could not be sent. {trouble.text}")
    else:
        messages.success(request, "A test is on its way to your browsers.")
    return redirect("push")


@cache_control(no_cache=True)
@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The script that shows notices. It is served from here, since it may see no more of the
    portal than what lies beneath its own address."""
    answer = HttpResponse(_script(), content_type="text/javascript")
    answer["Service-Worker-Allowed"] = "/"
    return answer


@cache
def _script() -> bytes:
    return (settings.BASE_DIR / "static/js/push-worker.js").read_bytes()
