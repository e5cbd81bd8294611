"""A portal on loopback that plays a script, and a signer, so that these tests need no Django.

``pytest --confcutdir=tests/client -c client/pyproject.toml tests/client`` runs them alone, with
any Python from 3.9 on.
"""

import base64
import hashlib
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CLIENT = Path(__file__).resolve().parents[2] / "client"
sys.path.insert(0, str(CLIENT))

from stuck import calls, ed25519  # noqa: E402  # the path comes first
from stuck.client import Client  # noqa: E402

KEY = "gp_00c0ffee_made-up"
DIGEST = "a" * 64
RUNNER = "ci-runner"


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Signer:
    """Signs as RFC 8032 says, with the client's own arithmetic; for tests only."""

    def __init__(self, seed, kid="k1"):
        digest = hashlib.sha512(seed).digest()
        self.kid, self.prefix = kid, digest[32:]
        self.scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
        self.public = ed25519.encode(self.times_base(self.scalar))

    @staticmethod
    def times_base(scalar):
        base = ed25519.BASE_MULTIPLES
        return ed25519._sum_of_products(scalar, base, 0, base)

    def sign(self, message):
        def number(*parts):
            return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ed25519.L

        nonce = number(self.prefix, message)
        r = ed25519.encode(self.times_base(nonce))
        s = (nonce + number(r, self.public, message) * self.scalar) % ed25519.L
        return r + s.to_bytes(32, "little")

    @property
    def jwk(self):
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.kid,
            "x": b64(self.public),
        }

    def token(self, claims, typ="receipt+jwt", **header):
        full = {"alg": "EdDSA", "typ": typ, "kid": self.kid, **header}
        parts = [b64(json.dumps(part).encode()) for part in (full, claims)]
        signing = ".".join(parts)
        return f"{signing}.{b64(self.sign(signing.encode()))}"


class Portal:
    """Answers each path with the next entry of its script; the last entry repeats."""

    def __init__(self):
        self.signer = Signer(b"the portal's key")
        self.requests = []
        self.scripts = {}
        self.replies("GET", "/.well-known/jwks.json", {"keys": [self.signer.jwk]})
        self.replies("GET", "/api/v1/me/", {"runner": RUNNER})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def replies(self, method, path, *entries):
        self.scripts[method, path] = list(entries)

    def waits(self, *entries):
        self.replies("GET", "/api/v1/escalations/ESC-1/wait/", *entries)

    def reads(self, *entries):
        self.replies("GET", "/api/v1/escalations/ESC-1/", *entries)

    def asked(self, path):
        return [request for request in self.requests if request[1].split("?")[0] == path]

    def case(self, status, revision=1, **members):
        return {
            "ref": "ESC-1",
            "status": status,
            "revision": revision,
            "proceed": False,
            "receipt": None,
            "verdict": None,
            "request_sha256": DIGEST,
            **members,
        }

    def decided(self, verdict="approved_option", receipt=None, claims=None, **members):
        """A decided case with a genuine receipt, but for what the test bends."""
        said = {
            "verdict": verdict,
            "option": "jwt" if verdict == "approved_option" else None,
            "decision": "Approved: JWT tokens",
            "approach": "Use the library that is there.",
            "constraints": ["No new dependency", "Tokens live for 15 minutes"],
            "context": "",
            "constitutional_notes": "Security by Design",
            "next_steps": ["Write the tests"],
            "reason": "",
            "decided_at": "2026-03-02T09:00:00.000000Z",
            "use_before": None,
            "request_sha256": DIGEST,
        }
        signed = {**self.claims(), **said, **(claims or {})}
        token = self.signer.token(signed) if receipt is None else receipt
        proceed = verdict != "rejected"
        whole = self.case("decided", revision=2, proceed=proceed, receipt=token)
        return {**whole, **said, **members}

    @staticmethod
    def claims(**changed):
        return {"aud": f"runner:{RUNNER}", "sub": "escalation:ESC-1", "iat": 1772442000, **changed}

    def _handler(portal):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                portal.requests.append((self.command, self.path, headers, self.rfile.read(size)))
                script = portal.scripts.get((self.command, self.path.split("?")[0]), [(404, {})])
                entry = script.pop(0) if len(script) > 1 else script[0]
                entry(self) if callable(entry) else reply(entry)(self)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        return Handler


def reply(entry):
    """A dict is 200; else (status, dict or bytes, headers)."""
    status, body, headers = (*entry, {})[:3] if isinstance(entry, tuple) else (200, entry, {})

    def act(handler):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(raw)

    return act


def hang_up(handler):
    """Take the request and say nothing."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def break_off(body):
    """Promise a whole body and send half of it."""

    def act(handler):
        raw = json.dumps(body).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw[: len(raw) // 2])
        handler.wfile.flush()
        hang_up(handler)

    return act


def drip(body):
    """Send a byte now and then; each of them resets a socket's own timeout."""

    def act(handler):
        raw = json.dumps(body).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.close_connection = True
        for start in range(0, len(raw), 40):
            time.sleep(0.1)
            try:
                handler.wfile.write(raw[start : start + 40])
                handler.wfile.flush()
            except OSError:
                return

    return act


class Faults:
    reply, hang_up, break_off, drip = map(staticmethod, (reply, hang_up, break_off, drip))


@pytest.fixture
def faults():
    return Faults


@pytest.fixture
def signer():
    return Signer


@pytest.fixture
def portal():
    server = Portal()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(calls, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(calls, "GRACE", 0.3)


@pytest.fixture
def client(portal):
    return Client(portal.url, KEY, timeout=0.4)


@pytest.fixture
def settings_of_runner(portal, monkeypatch):
    monkeypatch.setenv("GOVERNANCE_URL", portal.url)
    monkeypatch.setenv("GOVERNANCE_KEY", KEY)


@pytest.fixture
def closed_port():
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}"
