"""Receipts: the portal's signed word, checked before anybody acts on it (RFC 7515, RFC 8037).

There is no mode without verification. The algorithm is EdDSA because this module says so; the
token's own ``alg`` can only be refused, never followed.
"""

import base64
import binascii
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from stuck import ed25519, strict_json
from stuck.errors import NotVerified

LONGEST = 4 * 1024 * 1024
CLOCKS_MAY_DIFFER = 300.0
OLDEST_ISSUE = 1_577_836_800  # 2020: before that no portal signed anything
_PART = re.compile(r"[A-Za-z0-9_-]+")


class Expected(NamedTuple):
    """What a receipt must be about; ``claims`` must be in it exactly as given."""

    audience: str
    subject: str
    claims: Mapping[str, Any]
    typ: str = "receipt+jwt"


class KeySet:
    """The portal's public keys, by key id."""

    def __init__(self, keys: Dict[str, bytes]) -> None:
        self._keys = keys

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    def __getitem__(self, kid: str) -> bytes:
        return self._keys[kid]

    @classmethod
    def from_jwks(cls, raw: bytes) -> "KeySet":
        """Read a JSON Web Key Set; keys of other kinds are passed over.

        Raises ``ValueError`` where the set is unreadable or names one id twice.
        """
        try:
            members = strict_json.object_of(raw)["keys"]
            found = [(jwk["kid"], _decoded(jwk["x"])) for jwk in members if _is_ed25519(jwk)]
        except (KeyError, TypeError, AttributeError):
            raise ValueError("no JSON Web Key Set") from None
        if len(dict(found)) != len(found):
            raise ValueError("two keys with one id")
        return cls(dict(found))


def key_id(token: str) -> str:
    """The id of the key that is said to have signed. Raises :class:`NotVerified`."""
    return str(_header(_parts(token)[0])["kid"])


def verify(token: str, *, keys: KeySet, expected: Expected, now: float) -> Dict[str, Any]:
    """The claims of a receipt that is genuine, for this reader and about this subject.

    Raises :class:`NotVerified` for everything else.
    """
    head, body, signature = _parts(token)
    header = _header(head)
    if header.get("typ") != expected.typ:
        raise NotVerified(f"The receipt is of another kind: {header.get('typ')!r}.")
    if header["kid"] not in keys:
        raise NotVerified("The receipt is signed with a key that the portal does not publish.")
    if not ed25519.verify(
        keys[header["kid"]], f"{head}.{body}".encode("ascii"), _unverified(signature)
    ):
        raise NotVerified("The signature of the receipt is wrong.")
    claims = _object_in(body)
    _check_claims(claims, expected, now)
    return claims


def _parts(token: object) -> List[str]:
    parts = token.split(".") if isinstance(token, str) and len(token) <= LONGEST else []
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        raise NotVerified("There is no readable receipt.")
    return parts


def _header(part: str) -> Dict[str, Any]:
    header = _object_in(part)
    if header.get("alg") != "EdDSA":
        raise NotVerified("The receipt is not signed with EdDSA.")
    if "crit" in header or "b64" in header:
        raise NotVerified("The receipt asks for extensions that this client does not know.")
    if not isinstance(header.get("kid"), str):
        raise NotVerified("The receipt does not name its key.")
    return header


def _check_claims(claims: Dict[str, Any], expected: Expected, now: float) -> None:
    if claims.get("aud") != expected.audience:
        raise NotVerified(f"The receipt is for {claims.get('aud')!r}, not {expected.audience!r}.")
    if claims.get("sub") != expected.subject:
        raise NotVerified(f"The receipt is about {claims.get('sub')!r}, not {expected.subject!r}.")
    for name, value in expected.claims.items():
        if name not in claims or not same(claims[name], value):
            raise NotVerified(f"The receipt says something else: {name} differs.")
    issued = claims.get("iat")
    if not isinstance(issued, int) or isinstance(issued, bool) or issued < OLDEST_ISSUE:
        raise NotVerified("The receipt does not say when it was signed.")
    if issued > now + CLOCKS_MAY_DIFFER:
        raise NotVerified("The receipt is from the future. Check the clock of this machine.")


def same(one: Any, other: Any) -> bool:
    """Equal in value and in kind: True is not 1, and an absent text is not an empty one."""
    return type(one) is type(other) and bool(one == other)


def _object_in(part: str) -> Dict[str, Any]:
    try:
        return strict_json.object_of(_decoded(part))
    except ValueError as error:
        raise NotVerified(f"The receipt cannot be read: {error}.") from None


def _unverified(part: str) -> bytes:
    try:
        return _decoded(part)
    except ValueError:
        raise NotVerified("The signature of the receipt cannot be read.") from None


def _decoded(text: str) -> bytes:
    """Base64url without padding, in its one canonical spelling. Raises ``ValueError``."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise ValueError("not canonical base64url")
    return raw


def _is_ed25519(jwk: Mapping[str, Optional[str]]) -> bool:
    return (
        jwk.get("kty") == "OKP"
        and jwk.get("crv") == "Ed25519"
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", "EdDSA") == "EdDSA"
    )
