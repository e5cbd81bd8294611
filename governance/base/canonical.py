"""Canonical bytes: what is hashed and signed is what is stored (RFC 8785)."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import rfc8785

from governance.base.errors import InvalidInput


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value; :class:`InvalidInput` where it has none."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InvalidInput(f"This cannot be written as canonical JSON: {error}.") from error


def sha256_hex(raw: bytes) -> str:
    """The lower-case hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(raw).hexdigest()


def digest_of(value: Any) -> str:
    """The SHA-256 of a value's canonical bytes."""
    return sha256_hex(canonical(value))


def stamp(at: datetime) -> str:
    """A moment as the history writes it: UTC, microseconds, ``Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def without_floats(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse floats in an audit body: their text differs between languages."""
    _refuse_floats(body)
    return body


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("an audit body holds no floats")
    if isinstance(value, Mapping):
        for part in value.values():
            _refuse_floats(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_floats(part)
