"""Sign-in by an OpenID provider leads to accounts that exist, and only safely."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse

from governance.people.models import Role, User
from governance.people.signed_in import FRESH, PASSKEY, SIGNED_IN, level_of, way_to_prove
from tests.factories import PASSWORD, UserFactory
from tests.people.provider import CLIENT_ID, CLIENT_SECRET, running

pytestmark = pytest.mark.django_db
LOGIN = "/account/oidc/sso/login/"
ANN = {"sub": "ann-1", "email": "ann@example.org", "email_verified": True}


@pytest.fixture(scope="module")
def server():
    with running() as provider:
        yield provider


@pytest.fixture
def provider(server, settings):
    """A trusted provider at which everybody is Ann."""
    cache.clear()
    server.claims, server.audience = dict(ANN), CLIENT_ID
    app = {
        "provider_id": "sso",
        "name": "Company sign-in",
        "client_id": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "settings": {"server_url": server.url, "email_authentication": True},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
    }
    return server


@pytest.fixture
def trust(provider, settings):
    app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
    return lambda trusted: app["settings"].update(email_authentication=trusted)


@pytest.fixture
def ann():
    user = UserFactory(email=ANN["email"], roles=[Role.APPROVER], password=PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def sign_on(client, provider, address=LOGIN):
    """The whole way: out to the provider and back."""
    out = client.post(address)
    assert out.headers["Location"].startswith(f"{provider.url}/authorize?")
    asked = dict(parse_qsl(urlsplit(out.headers["Location"]).query))
    back = urlsplit(provider.authorize(asked))
    return client.get(f"{back.path}?{back.query}", follow=True)


def signed_in_as(client):
    known = client.session.get("_auth_user_id")
    return User.objects.get(pk=known) if known else None


def test_the_sign_in_page_offers_the_provider(client, provider):
    page = client.get("/account/login/").content.decode()
    assert "Continue with Company sign-in" in page
    assert LOGIN in page


def test_only_a_post_leaves_for_the_provider(client, provider):
    assert client.get(LOGIN).status_code == 200
    asked = dict(parse_qsl(urlsplit(client.post(LOGIN).headers["Location"]).query))
    assert asked["code_challenge_method"] == "S256"
    assert asked["client_id"] == CLIENT_ID


def test_a_person_with_the_verified_address_signs_in_and_is_connected(client, provider, ann):
    sign_on(client, provider)
    assert signed_in_as(client) == ann
    assert SocialAccount.objects.get().user == ann
    assert ann.check_password(PASSWORD)


def test_an_unknown_person_is_refused_and_no_account_is_made(client, provider):
    answer = sign_on(client, provider)
    assert "No sign-up" in answer.content.decode()
    assert signed_in_as(client) is None
    assert not User.objects.exists()


@pytest.mark.parametrize("said", [False, None, "false", "true", 1])
def test_an_address_that_the_provider_has_not_plainly_verified_leads_nowhere(
    client, provider, ann, said
):
    provider.claims["email_verified"] = said
    sign_on(client, provider)
    assert signed_in_as(client) is None


def test_a_provider_that_is_not_trusted_vouches_for_no_address(client, provider, ann, trust):
    trust(False)
    sign_on(client, provider)
    assert signed_in_as(client) is None
    assert not SocialAccount.objects.exists()


def test_without_trust_a_person_connects_it_after_signing_in(client, provider, ann, trust):
    trust(False)
    client.post("/account/login/", {"login": ann.email, "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    sign_on(client, provider, f"{LOGIN}?process=connect")
    other = Client()
    sign_on(other, provider)
    assert signed_in_as(other) == ann


def test_connecting_asks_again_who_one_is(client, provider, ann):
    client.post("/account/login/", {"login": ann.email, "password": PASSWORD})
    answer = sign_on(client, provider, f"{LOGIN}?process=connect")
    assert answer.request["PATH_INFO"] == reverse("account_reauthenticate")
    assert not SocialAccount.objects.exists()


def test_an_address_given_to_somebody_else_at_the_provider_leads_nowhere(client, provider, ann):
    sign_on(client, provider)
    provider.claims["sub"] = "another-person"
    other = Client()
    sign_on(other, provider)
    assert signed_in_as(other) is None
    assert SocialAccount.objects.count() == 1


def test_the_connection_holds_when_the_address_changes(client, provider, ann):
    sign_on(client, provider)
    provider.claims["email"] = "ann.new@example.org"
    other = Client()
    sign_on(other, provider)
    assert signed_in_as(other) == ann


def test_an_inactive_person_does_not_get_in(client, provider, ann):
    sign_on(client, provider)
    User.objects.update(is_active=False)
    for browser in (client, Client()):
        sign_on(browser, provider)
        assert browser.get("/agents/").status_code == 302


def test_a_token_for_another_client_is_refused(client, provider, ann):
    provider.audience = "another-portal"
    sign_on(client, provider)
    assert signed_in_as(client) is None


def test_an_answer_nobody_asked_for_is_refused(client, provider, ann):
    asked = dict(parse_qsl(urlsplit(client.post(LOGIN).headers["Location"]).query))
    back = urlsplit(provider.authorize(asked))
    other = Client()
    other.get(f"{back.path}?{back.query}")
    assert signed_in_as(other) is None


def test_the_second_factor_is_asked_for_as_well(client, provider, ann):
    ann.authenticator_set.create(type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
    sign_on(client, provider)
    assert signed_in_as(client) is None


def only_by_provider(ann):
    ann.set_unusable_password()
    ann.save()


def test_who_has_nothing_but_the_provider_is_led_there_again_and_loses_no_word(
    client, provider, ann
):
    only_by_provider(ann)
    sign_on(client, provider)
    session = client.session
    session["account_authentication_methods"] = []
    session["kept"] = "My words"
    session.save()
    request = RequestFactory().get("/")
    request.user, request.session = ann, client.session
    assert level_of(request) == SIGNED_IN
    way = way_to_prove(request, FRESH, then="/cases/1/#decide")
    assert way.startswith(LOGIN)
    out = client.post(way)
    asked = dict(parse_qsl(urlsplit(out.headers["Location"]).query))
    assert asked["prompt"] == "login"
    back = urlsplit(provider.authorize(asked))
    answer = client.get(f"{back.path}?{back.query}")
    assert answer.headers["Location"] == "/cases/1/#decide"
    assert client.session["kept"] == "My words"
    request.session = client.session
    assert level_of(request) == FRESH


def test_the_provider_is_no_passkey_and_somebody_else_there_is_no_proof(client, provider, ann):
    only_by_provider(ann)
    sign_on(client, provider)
    request = RequestFactory().get("/")
    request.user, request.session = ann, client.session
    assert way_to_prove(request, PASSKEY, then="/") == ""
    UserFactory(email="bob@example.org", roles=[Role.APPROVER])
    SocialAccount.objects.create(
        user=User.objects.get(email="bob@example.org"), provider="sso", uid="bob-1"
    )
    provider.claims.update(sub="bob-1", email="bob@example.org")
    session = client.session
    session["account_authentication_methods"] = []
    session.save()
    sign_on(client, provider)
    assert signed_in_as(client) != ann
