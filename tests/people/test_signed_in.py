"""What a person has proved in this session, and how long it counts."""

import time

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from governance.base.errors import NotPermitted
from governance.people.signed_in import level_of
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
OLD = 301


def request_of(user, *records, whose=None):
    request = HttpRequest()
    request.user = user
    request.session = SessionStore()
    request.session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"at": time.time() - record.pop("ago", 0), **record} for record in records
    ]
    request.session["account_authentication_methods_user"] = str((whose or user).pk)
    return request


@pytest.mark.parametrize(
    ("records", "level"),
    [
        ([], "signed_in"),
        ([{"method": "password"}], "fresh"),
        ([{"method": "password", "ago": OLD}], "signed_in"),
        ([{"method": "password", "ago": OLD}, {"method": "password"}], "fresh"),
        ([{"method": "socialaccount"}], "fresh"),
        ([{"method": "mfa", "type": "totp"}], "fresh"),
        ([{"method": "mfa", "type": "recovery_codes"}], "fresh"),
        ([{"method": "mfa", "type": "webauthn"}], "passkey"),
        ([{"method": "mfa", "type": "webauthn", "ago": OLD}], "signed_in"),
        ([{"method": "mfa", "type": "webauthn", "ago": OLD}, {"method": "password"}], "fresh"),
        ([{"method": "password_reset"}], "signed_in"),
        ([{"method": "code"}], "signed_in"),
    ],
)
def test_the_level_is_the_strongest_fresh_proof(records, level):
    assert level_of(request_of(UserFactory(), *records)) == level


def test_how_long_a_proof_is_fresh_is_a_setting(settings):
    request = request_of(UserFactory(), {"method": "password", "ago": 200})
    assert level_of(request) == "fresh"
    settings.FRESH_SECONDS = 100
    assert level_of(request) == "signed_in"


def test_the_proof_of_somebody_else_in_the_same_browser_does_not_count():
    request = request_of(UserFactory(), {"method": "password"}, whose=UserFactory())
    assert level_of(request) == "signed_in"


def test_a_stranger_has_no_level():
    request = request_of(UserFactory())
    request.user = None
    with pytest.raises(NotPermitted):
        level_of(request)
