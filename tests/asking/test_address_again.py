"""An address that was refused is used again once somebody shows that mail arrives."""

from datetime import timedelta

import pytest
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.storage.cookie import CookieStorage
from django.test import RequestFactory
from django.utils import timezone

from governance.asking import bounces
from governance.asking.models import Bounce
from governance.audit.models import AuditEvent
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    ada = UserFactory(name="Ada", roles=["approver"])
    at = timezone.now() - timedelta(hours=1)
    Bounce.objects.create(user=ada, address=ada.email, is_permanent=True, text="550", at=at)
    assert bounces.is_refused(ada.pk)
    return ada


def test_whoever_confirms_the_address_anew_gets_mail_again(ada):
    address = EmailAddress.objects.create(user=ada, email=ada.email, primary=True)
    request = RequestFactory().post("/")
    request.user, request.session = AnonymousUser(), {}
    request._messages = CookieStorage(request)
    assert get_adapter(request).confirm_email(request, address)
    assert not bounces.is_refused(ada.pk)


@pytest.mark.parametrize(
    ("role", "again", "kinds"),
    [("administrator", True, {"user.address_good"}), ("auditor", False, set())],
)
def test_the_list_of_bounces_has_it_as_an_action_for_administrators(
    client, ada, role, again, kinds
):
    client.force_login(UserFactory(roles=[role]))
    bounce = Bounce.objects.get()
    client.post("/admin/asking/bounce/", {"action": "trust", "_selected_action": [bounce.pk]})
    assert bounces.is_refused(ada.pk) is not again
    written = AuditEvent.objects.filter(stream=ada.subject).values_list("kind", flat=True)
    assert set(written) == kinds
