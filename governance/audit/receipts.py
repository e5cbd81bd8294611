"""Signed receipts: JWS with EdDSA (RFC 7515, RFC 8037), and the keys to check them."""

import base64
import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _jwk(public: bytes) -> dict[str, str]:
    x = _b64(public)
    # RFC 7638: the thumbprint names the key.
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": x,
        "kid": _b64(thumbprint),
        "use": "sig",
        "alg": "EdDSA",
    }


@cache
def _private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(settings.SIGNING_KEY)


@cache
def _current_jwk() -> dict[str, str]:
    return _jwk(_private_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def jwks() -> dict[str, list[dict[str, str]]]:
    """The public keys, the current one first, as a JSON Web Key Set."""
    retired = [
        _jwk(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
        for key in settings.RETIRED_SIGNING_KEYS
    ]
    return {"keys": [_current_jwk(), *retired]}


def sign(
    *, audience: str, subject: str, at: datetime, claims: Mapping[str, Any], typ: str = "receipt"
) -> str:
    """A compact JWS for one reader, about one subject.

    ``audience`` is ``runner:<slug>``, ``subject`` such as ``escalation:ESC-12``.
    """
    payload = {
        **claims,
        "iss": settings.PORTAL_URL,
        "aud": audience,
        "sub": subject,
        "iat": int(at.timestamp()),
        "jti": str(uuid.uuid4()),
    }
    headers = {"kid": _current_jwk()["kid"], "typ": f"{typ}+jwt"}
    return jwt.encode(payload, _private_key(), algorithm="EdDSA", headers=headers)
