"""Passkeys and single sign-on in a real browser, with an authenticator that Chromium plays."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount

from governance.people.models import Role
from tests.e2e.conftest import sign_in, watched_page
from tests.factories import PASSWORD, UserFactory
from tests.people.provider import CLIENT_ID, CLIENT_SECRET, running

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def host():
    """Browsers allow passkeys for a name, not for an address."""
    return "localhost"


@pytest.fixture
def parts():
    return ("web",)


@pytest.fixture
def provider():
    with running() as one:
        one.claims = {"sub": "ann-1", "email": "ann@example.org", "email_verified": True}
        yield one


@pytest.fixture
def more_env(provider):
    return {
        "OIDC_ISSUER": provider.url,
        "OIDC_NAME": "Company sign-in",
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "OIDC_TRUST_EMAIL": "true",
    }


@pytest.fixture
def ann(transactional_db):
    user = UserFactory(
        email="ann@example.org", name="Ann", roles=[Role.APPROVER], password=PASSWORD
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def give_authenticator(page):
    """A fingerprint reader, or what Chromium takes for one."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def add_passkey(page):
    page.goto("/account/2fa/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill("Ann’s laptop")
    assert page.get_by_label("Sign in with it alone").is_checked()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/recovery-codes/**")


def sign_out(page):
    page.get_by_label("Your menu").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/account/login/**")


def test_a_passkey_made_on_the_page_signs_in_without_a_password(ann, visitor):
    with visitor() as page:
        give_authenticator(page)
        page.goto("/")
        sign_in(page, ann.email, PASSWORD)
        add_passkey(page)
        kept = Authenticator.objects.get(user=ann, type=Authenticator.Type.WEBAUTHN)
        assert kept.wrap().is_passwordless
        sign_out(page)
        page.goto("/account/login/?next=/agents/")
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url("**/agents/")


def test_once_there_is_a_passkey_the_password_alone_is_not_enough(ann, visitor):
    with visitor() as page:
        give_authenticator(page)
        page.goto("/")
        sign_in(page, ann.email, PASSWORD)
        add_passkey(page)
    with visitor() as page:
        page.goto("/")
        sign_in(page, ann.email, PASSWORD)
        assert "/2fa/authenticate/" in page.url
        page.goto("/agents/")
        assert "/2fa/authenticate/" in page.url


def test_a_person_signs_in_through_the_company_under_the_strict_policy(
    ann, provider, browser, stack
):
    with watched_page(browser, "http://") as page:
        page.goto(f"{stack.url}/account/login/?next=/agents/")
        page.get_by_role("link", name="Continue with Company sign-in").click()
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/agents/")
    assert SocialAccount.objects.get().user == ann
