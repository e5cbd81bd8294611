"""Web Push: a message that only one browser can read (RFC 8291), and who sends it (RFC 8292).

See docs/adr/0012: the portal needs these sixty lines of it and no second HTTP client.
"""

import base64
import os
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE = ec.SECP256R1()
# One record holds the whole message: push services take no more than 4096 bytes.
RECORD_SIZE = 4096
SALT_BYTES, AUTH_BYTES, POINT_BYTES = 16, 16, 65
# What follows the last byte of the message, before any padding.
END = b"\x02"
TOKEN_LIFETIME = timedelta(hours=12)


def decoded(text: str) -> bytes:
    """Base64url with or without padding. Raises ``ValueError``."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def private_key(raw: bytes) -> ec.EllipticCurvePrivateKey:
    """The key of 32 bytes. Raises ``ValueError`` for the few numbers that are none."""
    return ec.derive_private_key(int.from_bytes(raw), CURVE)


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def browser_key(p256dh: str) -> ec.EllipticCurvePublicKey:
    """A browser's public key. Raises ``ValueError`` for what is no point of the curve."""
    raw = decoded(p256dh)
    if len(raw) != POINT_BYTES:
        raise ValueError("a browser's key is 65 bytes")
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, raw)


def browser_secret(auth: str) -> bytes:
    """The secret that a browser shares with the portal. Raises ``ValueError``."""
    raw = decoded(auth)
    if len(raw) != AUTH_BYTES:
        raise ValueError("a browser's secret is 16 bytes")
    return raw


def encrypt(
    message: bytes,
    *,
    p256dh: str,
    auth: str,
    salt: bytes = b"",
    key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body to send; salt and key are fresh ones unless a test names them."""
    salt = salt or os.urandom(SALT_BYTES)
    key = key or ec.generate_private_key(CURVE)
    theirs, ours = browser_key(p256dh), point_of(key.public_key())
    info = b"WebPush: info\0" + point_of(theirs) + ours
    shared = _derive(key.exchange(ec.ECDH(), theirs), salt=browser_secret(auth), info=info, size=32)
    content_key = _derive(shared, salt=salt, info=b"Content-Encoding: aes128gcm\0", size=16)
    nonce = _derive(shared, salt=salt, info=b"Content-Encoding: nonce\0", size=12)
    head = salt + RECORD_SIZE.to_bytes(4) + bytes([len(ours)]) + ours
    return head + AESGCM(content_key).encrypt(nonce, message + END, None)


def _derive(secret: bytes, *, salt: bytes, info: bytes, size: int) -> bytes:
    return HKDF(SHA256(), size, salt, info).derive(secret)


def authorization(
    endpoint: str, *, key: ec.EllipticCurvePrivateKey, contact: str, at: datetime
) -> str:
    """The header that names the portal to a push service and to no other."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((at + TOKEN_LIFETIME).timestamp()),
        "sub": contact,
    }
    token = jwt.encode(claims, key, algorithm="ES256")
    return f"vapid t={token}, k={encoded(point_of(key.public_key()))}"
