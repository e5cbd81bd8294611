"""Saved heads of the history, signed: proof against a log that was put back or rewritten.

The hash chains show a change inside a log. That the whole log is an older one, or was written
anew from its beginning, only shows beside something that is kept elsewhere.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import jwt
from django.conf import settings
from django.db import connection
from jwt.algorithms import OKPAlgorithm

from governance.audit.models import Stream
from governance.audit.receipts import jwks, sign
from governance.audit.services import Fault
from governance.base.canonical import digest_of, stamp
from governance.base.errors import InvalidInput

AUDIENCE = "auditors"
TYPE = "checkpoint+jwt"
AT_ONCE = 1000
# For each kept head: how long its stream is now, and the hash of the event at that number.
_BESIDE = """
SELECT kept.stream, kept.number, kept.digest, head.length, encode(event.digest, 'hex')
FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS kept (stream, number, digest)
LEFT JOIN audit_stream head ON head.name = kept.stream
LEFT JOIN audit_auditevent event ON event.stream_id = kept.stream AND event.number = kept.number
ORDER BY kept.stream
"""


def take_checkpoint(*, at: datetime) -> dict[str, Any]:
    """The head of every stream, read in one statement, and the portal's signature over them."""
    heads: list[list[Any]] = [
        [name, length, bytes(head).hex()]
        for name, length, head in Stream.objects.filter(length__gt=0)
        .order_by("name")
        .values_list("name", "length", "head")
    ]
    checkpoint = {
        "at": stamp(at),
        "streams": len(heads),
        "events": sum(length for _, length, _ in heads),
        "digest": digest_of(heads),
    }
    signature = sign(
        audience=AUDIENCE, subject="audit", at=at, claims=checkpoint, typ=TYPE.removesuffix("+jwt")
    )
    return {**checkpoint, "heads": heads, "signature": signature}


def faults_since(checkpoint: Mapping[str, Any]) -> Iterator[Fault]:
    """What the checkpoint held and the log does not hold any more, stream by stream.

    Raises :class:`InvalidInput` for a checkpoint that this portal did not sign.
    """
    heads = _signed_heads(checkpoint)
    for start in range(0, len(heads), AT_ONCE):
        yield from _compare(heads[start : start + AT_ONCE])


def _signed_heads(checkpoint: Mapping[str, Any]) -> list[list[Any]]:
    """The heads, once the signature and their fingerprint are found right."""
    heads = checkpoint.get("heads")
    claims = _claims(str(checkpoint.get("signature", "")))
    if not isinstance(heads, list) or digest_of(heads) != claims.get("digest"):
        raise InvalidInput("The heads in this checkpoint are not the ones that were signed.")
    return heads


def _claims(token: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
        keys = {key["kid"]: key for key in jwks()["keys"]}
        key = OKPAlgorithm.from_jwk(keys[header["kid"]])
        claims: dict[str, Any] = jwt.decode(
            token,
            key,  # type: ignore[arg-type]  # public by construction: JWKS holds no private key
            algorithms=["EdDSA"],
            audience=AUDIENCE,
            issuer=settings.PORTAL_URL,
            options={"verify_iat": False},
        )
    except (jwt.InvalidTokenError, KeyError) as error:
        raise InvalidInput("This checkpoint is not signed by this portal.") from error
    if header.get("typ") != TYPE:
        raise InvalidInput("This is signed, but it is no checkpoint.")
    return claims


def _compare(heads: Iterable[list[Any]]) -> Iterator[Fault]:
    streams, numbers, digests = (list(column) for column in zip(*heads, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_BESIDE, [streams, numbers, digests])
        rows = cursor.fetchall()
    for stream, number, kept, length, digest in rows:
        if sentence := _fault(number, kept, length, digest):
            yield Fault(stream, number, sentence)


def _fault(number: int, kept: str, length: int | None, digest: str | None) -> str:
    if length is None:
        return f"held {number} events at the checkpoint and is gone"
    if length < number:
        return f"held {number} events at the checkpoint and holds {length} now: rolled back"
    if digest is None:
        return "the event at the checkpoint is gone"
    return "" if digest == kept else "is not the event of the checkpoint: rewritten"
