"""Signing in for real: passwords, limits, codes, sessions, single sign-on."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.people.models import Role, User
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
LOGIN = "/account/login/"
NEW_PASSWORD = "a new and long enough sentence"


@pytest.fixture(autouse=True)
def _no_attempts_remembered():
    cache.clear()


@pytest.fixture(autouse=True)
def _quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def account(email="ann@example.org", *, verified=True, **fields):
    user = UserFactory(email=email, **{"password": PASSWORD, "roles": [Role.APPROVER], **fields})
    EmailAddress.objects.create(user=user, email=user.email, verified=verified, primary=True)
    return user


@pytest.fixture
def ann():
    return account()


def sign_in(client, email="ann@example.org", password=PASSWORD, **more):
    return client.post(LOGIN, {"login": email, "password": password, **more})


def is_signed_in(client):
    return client.get(reverse("mfa_index")).status_code == 200


# --- passwords ------------------------------------------------------------------------------


def test_the_password_signs_in_and_leads_to_where_one_wanted_to_go(client, ann):
    asked = client.get("/agents/")
    assert asked.headers["Location"] == f"{LOGIN}?next=/agents/"
    answer = sign_in(client, next="/agents/")
    assert answer.headers["Location"] == "/agents/"
    assert is_signed_in(client)


def test_capital_letters_in_the_address_do_not_matter(client, ann):
    sign_in(client, "Ann@Example.org")
    assert is_signed_in(client)


def test_signing_in_leads_to_no_other_host(client, ann):
    assert sign_in(client, next="https://evil.example.org/").headers["Location"] == "/"


def test_a_wrong_password_and_an_unknown_address_read_the_same(client, ann):
    wrong = sign_in(client, password="not the right password")
    unknown = sign_in(client, "nobody@example.org", "not the right password")
    sentences = [list(one.context["form"].non_field_errors()) for one in (wrong, unknown)]
    assert sentences[0] == sentences[1] != []
    assert not is_signed_in(client)


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(client, ann):
    for _ in range(5):
        sign_in(client, password="not the right password")
    refused = sign_in(client)
    assert "Too many failed" in refused.content.decode()
    assert not is_signed_in(client)
    assert not is_signed_in_elsewhere(ann)


def is_signed_in_elsewhere(user):
    other = Client(REMOTE_ADDR="192.0.2.7")
    sign_in(other, user.email)
    return is_signed_in(other)


def test_many_attempts_from_one_address_are_refused_whoever_is_meant(client):
    answers = [sign_in(client, f"person{n}@example.org", "wrong password") for n in range(31)]
    assert answers[-1].status_code == 429
    assert "Retry" in answers[-1].content.decode() or "again" in answers[-1].content.decode()


def test_somebody_whose_address_is_not_verified_gets_a_mail_and_no_session(client, mailoutbox):
    ann = account(verified=False)
    assert sign_in(client).headers["Location"] == reverse("account_email_verification_sent")
    assert not is_signed_in(client)
    mail = mailoutbox[0]
    assert mail.subject == "Confirm your mail address"
    address = re.search(r"http://\S+", mail.body)[0]
    client.post(urlsplit(address).path)
    assert EmailAddress.objects.get(user=ann).verified
    sign_in(client)
    assert is_signed_in(client)


def test_an_inactive_person_does_not_get_in(client):
    account(is_active=False)
    assert sign_in(client).headers["Location"] == reverse("account_inactive")
    assert not is_signed_in(client)


def test_who_is_made_inactive_is_out_at_once(client, ann):
    sign_in(client)
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert client.get("/agents/").status_code == 302


def test_signing_out_takes_a_post(client, ann):
    sign_in(client)
    assert client.get("/account/logout/").status_code == 200
    assert is_signed_in(client)
    client.post("/account/logout/")
    assert not is_signed_in(client)


def test_nobody_signs_up(client):
    known = User.objects.count()
    assert "No sign-up" in client.get("/account/signup/").content.decode()
    fields = {"email": "new@example.org", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post("/account/signup/", fields)
    assert User.objects.count() == known


def test_the_admin_signs_in_where_everybody_does(client, ann):
    answer = client.get("/admin/login/?next=/admin/")
    assert answer.headers["Location"].startswith(LOGIN)
    client.post("/admin/login/", {"username": ann.email, "password": PASSWORD})
    assert not is_signed_in(client)


# --- a new password by mail -----------------------------------------------------------------


def ask_for_a_password(client, email):
    client.post("/account/password/reset/", {"email": email})


def choose(client, mail, password=NEW_PASSWORD):
    """Open the address of the mail and choose a password, as its reader would."""
    form = client.get(urlsplit(re.search(r"http://\S+", mail.body)[0]).path, follow=True)
    return client.post(
        form.redirect_chain[-1][0], {"password1": password, "password2": password}, follow=True
    )


def test_a_person_made_in_the_admin_chooses_a_password_by_mail_and_signs_in(client, mailoutbox):
    admin = Client()
    admin.force_login(UserFactory(roles=[Role.ADMINISTRATOR]))
    fields = {"email": "New@Example.org", "name": "New", "roles": ["auditor"], "is_active": "on"}
    assert admin.post("/admin/people/user/add/", fields).status_code == 302
    ask_for_a_password(client, "new@example.org")
    (mail,) = mailoutbox
    assert (mail.subject, mail.to) == ("Choose a new password", ["new@example.org"])
    choose(client, mail)
    sign_in(client, "new@example.org", NEW_PASSWORD)
    assert client.get("/agents/").status_code == 200


def test_the_mailed_address_serves_once(client, ann, mailoutbox):
    ask_for_a_password(client, ann.email)
    choose(client, mailoutbox[0])
    again = client.get(urlsplit(re.search(r"http://\S+", mailoutbox[0].body)[0]).path, follow=True)
    assert again.context["token_fail"]


def test_a_weak_password_is_refused(client, ann, mailoutbox):
    ask_for_a_password(client, ann.email)
    assert choose(client, mailoutbox[0], "password1234").context["form"].errors
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_asking_for_an_unknown_address_looks_the_same_and_mails_nobody(client, ann, mailoutbox):
    answers = [
        client.post("/account/password/reset/", {"email": email}).headers["Location"]
        for email in (ann.email, "nobody@example.org")
    ]
    assert answers[0] == answers[1]
    assert [mail.to for mail in mailoutbox] == [[ann.email]]


def test_the_mail_names_the_portal_whatever_the_request_called_it(
    client, ann, mailoutbox, settings
):
    settings.ALLOWED_HOSTS = ["*"]
    client.post("/account/password/reset/", {"email": ann.email}, headers={"Host": "evil.example"})
    assert f"{settings.PORTAL_URL}/account/password/reset/key/" in mailoutbox[0].body
    assert "evil" not in mailoutbox[0].body


def test_a_changed_password_is_told_to_its_owner(client, ann, mailoutbox):
    sign_in(client)
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post("/account/password/change/", fields)
    (mail,) = mailoutbox
    assert "If this was not you" in mail.body


# --- codes ----------------------------------------------------------------------------------


def code_for(secret):
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def set_up_codes(client):
    """Add an authenticator app through the pages; its secret."""
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    client.post(reverse("mfa_activate_totp"), {"code": code_for(secret)})
    cache.clear()  # a code serves once in its half minute
    return secret


def test_a_code_of_the_app_is_asked_for_after_the_password(client, ann):
    sign_in(client)
    secret = set_up_codes(client)
    other = Client()
    assert sign_in(other).headers["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(other)
    other.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert not is_signed_in(other)
    other.post(reverse("mfa_authenticate"), {"code": code_for(secret)})
    assert is_signed_in(other)


def test_a_code_serves_once(client, ann):
    sign_in(client)
    secret = set_up_codes(client)
    code = code_for(secret)
    first, second = Client(), Client()
    for browser in (first, second):
        sign_in(browser)
        browser.post(reverse("mfa_authenticate"), {"code": code})
    assert (is_signed_in(first), is_signed_in(second)) == (True, False)


def test_a_recovery_code_signs_in_once(client, ann):
    sign_in(client)
    set_up_codes(client)
    client.post(reverse("mfa_generate_recovery_codes"))
    stored = Authenticator.objects.get(user=ann, type=Authenticator.Type.RECOVERY_CODES)
    code = stored.wrap().get_unused_codes()[0]
    assert code in client.get(reverse("mfa_view_recovery_codes")).content.decode()
    first, second = Client(), Client()
    for browser in (first, second):
        sign_in(browser)
        browser.post(reverse("mfa_authenticate"), {"code": code})
    assert (is_signed_in(first), is_signed_in(second)) == (True, False)


def test_guessing_codes_is_limited(client, ann):
    sign_in(client)
    secret = set_up_codes(client)
    other = Client()
    sign_in(other)
    for _ in range(5):
        other.post(reverse("mfa_authenticate"), {"code": "000000"})
    other.post(reverse("mfa_authenticate"), {"code": code_for(secret)})
    assert not is_signed_in(other)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("mfa_activate_totp", {}),
        ("mfa_add_webauthn", {}),
        ("mfa_generate_recovery_codes", {}),
        ("account_email", {"action_add": "", "email": "other@example.org"}),
    ],
)
def test_changing_how_one_signs_in_asks_again_who_one_is(client, ann, name, fields):
    sign_in(client)
    asked = client.post(reverse(name), fields)
    assert asked.headers["Location"].startswith(reverse("account_reauthenticate"))
    client.post(reverse("account_reauthenticate"), {"password": "wrong"})
    assert client.post(reverse(name), fields).headers["Location"] == asked.headers["Location"]
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    done = client.post(reverse(name), fields)
    assert done.headers.get("Location") != asked.headers["Location"]


def test_the_confirmation_lasts_five_minutes(client, ann):
    sign_in(client)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert client.get(reverse("mfa_activate_totp")).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(seconds=301)):
        assert client.get(reverse("mfa_activate_totp")).status_code == 302


# --- sessions -------------------------------------------------------------------------------


def test_the_sessions_page_lists_every_browser_and_ends_the_others(client, ann):
    other = Client(headers={"User-Agent": "A browser elsewhere"})
    sign_in(client)
    sign_in(other)
    assert "A browser elsewhere" in client.get("/account/sessions/").content.decode()
    client.post("/account/sessions/")
    assert is_signed_in(client)
    assert not is_signed_in(other)


def test_a_session_ends_after_twelve_hours(client, ann):
    sign_in(client)
    ends = Session.objects.get(pk=client.session.session_key).expire_date
    assert ends - timezone.now() <= timedelta(hours=12)


def test_a_changed_password_ends_the_other_sessions(client, ann):
    other = Client()
    sign_in(client)
    sign_in(other)
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post("/account/password/change/", fields)
    assert not is_signed_in(other)


def test_the_session_cookie_is_not_for_scripts(client, ann):
    cookie = sign_in(client).cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
