"""The person behind a page's request."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.socialaccount.adapter import get_adapter as get_social_adapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.http import urlencode

from governance.base.errors import NotPermitted
from governance.people.models import User
from governance.people.permissions import Permission, check

View = Callable[..., HttpResponse]
# Values of ``asking.models.Authentication``, which lies above.
SIGNED_IN, FRESH, PASSKEY = "signed_in", "fresh", "passkey"
# Not what a mail alone can prove, such as a code or a reset password.
_PROOFS = {"password", "mfa", "socialaccount"}
_DRAFTS = "drafts"
_MOST_DRAFTS = 5


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


def way_to_prove(request: HttpRequest, needed: str, *, then: str) -> str:
    """Where a person proves who they are and comes back; empty where they have no means to."""
    methods = get_adapter().get_reauthentication_methods(person(request))
    urls = [one["url"] for one in methods if needed != PASSKEY or one["id"].endswith("webauthn")]
    if urls:
        return f"{urls[-1]}?{urlencode({'next': then})}"
    return "" if needed == PASSKEY else _way_by_provider(request, then)


def _way_by_provider(request: HttpRequest, then: str) -> str:
    """Back to the company's sign-in, which is asked to ask again; for who has nothing else."""
    known = get_social_adapter()
    ids = {provider.app.provider_id for provider in known.list_providers(request) if provider.app}
    accounts = SocialAccount.objects.filter(user=person(request), provider__in=ids)
    account = accounts.order_by("-last_login").first()
    if account is None:
        return ""
    provider = known.get_provider(request, account.provider)
    url: str = provider.get_login_url(
        request, process=AuthProcess.LOGIN, next=then, auth_params="prompt=login"
    )
    return url


def keep_draft(request: HttpRequest, name: str) -> None:
    """Keep what was posted while its author proves who they are; the last few only."""
    words = request.POST.copy()
    words.pop("csrfmiddlewaretoken", None)
    drafts = {**request.session.get(_DRAFTS, {})}
    drafts.pop(name, None)
    drafts[name] = [person(request).pk, words.urlencode()]
    request.session[_DRAFTS] = dict(list(drafts.items())[-_MOST_DRAFTS:])


def draft_of(request: HttpRequest, name: str) -> QueryDict | None:
    """What this person wrote before; nothing of what somebody else wrote in this browser."""
    author, words = request.session.get(_DRAFTS, {}).get(name, (None, ""))
    return QueryDict(words) if author == person(request).pk else None


def drop_draft(request: HttpRequest, name: str) -> None:
    drafts = request.session.get(_DRAFTS, {})
    if name in drafts:
        request.session[_DRAFTS] = {key: one for key, one in drafts.items() if key != name}
