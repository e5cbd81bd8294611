"""Mail servers that let nobody in, hang or speak no proper TLS: no mail is lost by them."""

import asyncio
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings as as_configured

from governance.asking.dispatch import BUDGET_SECONDS, dispatch
from governance.asking.models import Notification, NotificationState
from governance.asking.outbox import LEASE
from governance.asking.sweep import sweep
from governance.celery import app
from tests.asking.conftest import Postbox, free_port
from tests.asking.helpers import ask_for
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
S = NotificationState
PASSWORD = "the right one"


@contextmanager
def mail_server(settings, box, **options):
    """A real server on loopback; the portal sends to it."""
    server = Controller(box, hostname="127.0.0.1", port=free_port(), **options)
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_TIMEOUT = 1
    try:
        yield box
    finally:
        server.stop()


@pytest.fixture
def asked():
    """Three approvers, each with a notice in the outbox."""
    people = [UserFactory(roles=["approver"]) for _ in range(3)]
    ask_for(NOW)
    sweep(at=NOW)
    return people


def states():
    return set(Notification.objects.values_list("state", "attempts"))


def delivered_by_a_good_server(settings, people):
    """Within the longest pause, and each exactly once."""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    with mail_server(settings, Postbox()) as box:
        dispatch(at=NOW + timedelta(hours=1))
    assert sorted(mail["To"] for mail in box.mails) == sorted(one.email for one in people)
    assert {state for state, _ in states()} == {S.ACCEPTED}


def own_certificate(folder):
    """What nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.org")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "own.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


def test_25_a_server_without_tls_gets_no_mail_where_tls_is_wanted(asked, settings):
    settings.EMAIL_USE_TLS = True
    with mail_server(settings, Postbox()) as box:
        dispatch(at=NOW)
    assert box.mails == []
    assert states() == {(S.PENDING, 0)}
    delivered_by_a_good_server(settings, asked)


def test_25_a_server_that_nobody_vouches_for_gets_no_mail(asked, settings, tmp_path):
    settings.EMAIL_USE_TLS = True
    with mail_server(settings, Postbox(), tls_context=own_certificate(tmp_path)) as box:
        dispatch(at=NOW)
    assert box.mails == []
    assert states() == {(S.PENDING, 0)}
    assert Notification.objects.filter(last_error__contains="certificate").count() == 1
    delivered_by_a_good_server(settings, asked)


def test_25_wrong_credentials_are_no_mails_fault(asked, settings):
    def check(server, session, envelope, mechanism, given):
        return AuthResult(success=given.password == PASSWORD.encode())

    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "portal", "the wrong one"
    options = {"authenticator": check, "auth_require_tls": False}
    with mail_server(settings, Postbox(), **options) as box:
        for minutes in range(20):
            dispatch(at=NOW + timedelta(minutes=minutes))
        assert (box.mails, states()) == ([], {(S.PENDING, 0)})
        settings.EMAIL_HOST_PASSWORD = PASSWORD
        dispatch(at=NOW + timedelta(hours=1))
        assert len(box.mails) == len(asked)


def test_25_a_server_that_hangs_at_the_data_is_left_alone_and_the_mail_stays_the_same(
    asked, settings
):
    class Hanging(Postbox):
        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            await super().handle_DATA(server, session, envelope)
            # Longer than the portal's patience, which is a second here.
            await asyncio.sleep(5)
            return "250 too late"

    with mail_server(settings, Hanging()) as box:
        assert dispatch(at=NOW) == 1
    assert len(box.mails) == 1
    first = Notification.objects.get(attempts=1)
    assert (first.state, Notification.objects.filter(state=S.PENDING).count()) == (S.PENDING, 3)
    delivered_by_a_good_server(settings, asked)
    first.refresh_from_db()
    assert str(first.message_id) in box.mails[0]["Message-ID"]


def test_25_no_server_holds_a_worker_longer_than_its_lease_lasts():
    assert as_configured.EMAIL_TIMEOUT <= 20
    assert app.conf.task_soft_time_limit > BUDGET_SECONDS + as_configured.EMAIL_TIMEOUT
    assert app.conf.task_time_limit < LEASE.total_seconds()
