"""A real SMTP server on loopback that answers as a test wants."""

import email
import email.policy
import socket

import pytest
from aiosmtpd.controller import Controller


class Postbox:
    """aiosmtpd's handler: keeps what it accepts, refuses what ``answers`` says."""

    def __init__(self):
        self.mails = []
        self.tries = []
        self.answers = {}
        self.on_data = None

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        self.tries.append(address)
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append(message)
        if self.on_data:
            return self.on_data(server, message)
        return "250 accepted"

    def to(self, user):
        return [mail for mail in self.mails if mail["To"] == user.email]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def postbox(settings):
    handler = Postbox()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = controller.port
    settings.EMAIL_TIMEOUT = 2
    yield handler
    controller.stop()
