"""How allauth behaves here: nobody signs up alone; accounts are created by administrators."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal.flows.login import record_authentication
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from governance.people.models import User
from governance.people.services import actor_of, address_is_good


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """On the portal's own name, whatever the request called it."""
        user, token = key.split("-", 1)
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": user, "key": token})
        return settings.PORTAL_URL + path

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """Whoever opened the link in a mail has shown that mail to the address arrives."""
        confirmed = bool(super().confirm_email(request, email_address))
        if confirmed:
            user = email_address.user
            address_is_good(user_id=user.pk, by=actor_of(user), at=timezone.now())
        return confirmed

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return settings.PORTAL_URL + reverse("account_confirm_email", args=[emailconfirmation.key])


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Single sign-on leads to an account that an administrator made; it makes none."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Whoever is signed in already proves anew who they are, and keeps the session.

        Otherwise allauth signs them out first, and what they had written would be gone.
        """
        is_same = sociallogin.is_existing and request.user == sociallogin.user
        if not is_same or sociallogin.state.get("process") != AuthProcess.LOGIN:
            return
        record_authentication(request, sociallogin)
        raise ImmediateHttpResponse(
            HttpResponseRedirect(sociallogin.get_redirect_url(request) or reverse("inbox"))
        )

    def can_authenticate_by_email(self, login: Any, email: str) -> bool:
        """Only for a trusted provider that says plainly that it has verified the address.

        The first such sign-in connects the two. Afterwards the provider's own id counts: an
        address that was given to somebody else at the provider leads nowhere.
        """
        claims = login.account.extra_data
        said = claims.get("userinfo") or claims.get("id_token") or {}
        if said.get("email_verified") is not True:
            return False
        if is_connected(email, login.account.provider):
            return False
        return bool(super().can_authenticate_by_email(login, email))


def is_connected(email: str, provider: str) -> bool:
    """Whether the person with this address has an identity at this provider already."""
    users = User.objects.filter(emailaddress__email__iexact=email, emailaddress__verified=True)
    return bool(SocialAccount.objects.filter(provider=provider, user__in=users).exists())
