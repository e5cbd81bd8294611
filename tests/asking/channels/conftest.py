"""Servers on loopback that stand for a push service and a chat, and a browser's keys."""

import ipaddress
import json
import os
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from governance.asking.channels import outbound
from governance.asking.channels.subscriptions import subscribe
from governance.asking.channels.webpush import encoded
from tests.factories import NOW


@dataclass
class Listener:
    """A server that keeps what it is sent and answers as a test wants."""

    scheme: str
    port: int = 0
    status: int = 201
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/"


def handler_for(told):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802 - the library's name
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.requests.append((self.path, dict(self.headers), sent))
            self.send_response(told.answers.get(self.path, told.status))
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_):
            """Nothing on the terminal of the tests."""

    return Handler


def serve(told, context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(told))
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    told.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(autouse=True)
def _nobody_rests():
    outbound._resting.clear()
    yield
    outbound._resting.clear()


@pytest.fixture
def plain_server():
    told = Listener("http")
    server = serve(told)
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that vouches for itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "push service of the tests")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return path


@pytest.fixture
def tls_server(certificate):
    told = Listener("https")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = serve(told, context)
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def push_service(tls_server, certificate, settings, monkeypatch):
    """A push service that the portal trusts, on this machine; push is switched on."""
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
    settings.PUSH_PRIVATE_HOSTS = ["127.0.0.1"]
    settings.VAPID_KEY = b"\x01" * 32
    return tls_server


@dataclass
class Browser:
    """What a browser keeps of its subscription, and how it reads what it is sent."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    secret: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def point(self):
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def fields(self):
        return {
            "endpoint": self.endpoint,
            "p256dh": encoded(self.point),
            "auth": encoded(self.secret),
        }

    def read(self, body):
        """As RFC 8291 tells the browser, written apart from the portal's half."""
        salt, size, sender = body[:16], body[20], body[21:86]
        assert size == 65
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        info = b"WebPush: info\0" + self.point + sender
        shared = HKDF(SHA256(), 32, self.secret, info).derive(self.key.exchange(ec.ECDH(), theirs))
        key, nonce = (
            HKDF(SHA256(), length, salt, b"Content-Encoding: " + name + b"\0").derive(shared)
            for name, length in ((b"aes128gcm", 16), (b"nonce", 12))
        )
        plain = AESGCM(key).decrypt(nonce, body[86:], None)
        return json.loads(plain.rstrip(b"\0").removesuffix(b"\2"))


@pytest.fixture
def browser_of(push_service):
    """Switch push on in a browser of somebody."""

    def made(user, path="one"):
        browser = Browser(f"{push_service.url}{path}")
        subscribe(user=user, label="Firefox", at=NOW, **browser.fields)
        return browser

    return made
