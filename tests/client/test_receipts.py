"""A receipt counts only if it is the portal's word, for this runner, about this case."""

import base64
import hashlib
import hmac
import json

import pytest

from stuck import receipts
from stuck.errors import NotVerified
from stuck.receipts import Expected, KeySet

NOW = 1_772_442_060.0
CLAIMS = {
    "aud": "runner:ci",
    "sub": "escalation:ESC-1",
    "iat": 1_772_442_000,
    "request_sha256": "a" * 64,
    "verdict": "approved_option",
}
EXPECTED = Expected(
    "runner:ci",
    "escalation:ESC-1",
    {"request_sha256": "a" * 64, "verdict": "approved_option"},
)


@pytest.fixture
def portal_key(signer):
    return signer(b"portal")


@pytest.fixture
def keys(portal_key):
    return KeySet.from_jwks(json.dumps({"keys": [portal_key.jwk]}).encode())


def verify(token, keys, expected=EXPECTED, now=NOW):
    return receipts.verify(token, keys=keys, expected=expected, now=now)


def encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_genuine_receipt_gives_its_claims(portal_key, keys):
    assert verify(portal_key.token(CLAIMS), keys) == CLAIMS


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("aud", "runner:other"),
        ("aud", ["runner:ci"]),
        ("aud", None),
        ("sub", "escalation:ESC-2"),
        ("sub", "escalation:ESC-10"),
        ("request_sha256", "b" * 64),
        ("request_sha256", None),
        ("verdict", "rejected"),
        ("verdict", True),
        ("iat", 1_772_442_060 + 301),
        ("iat", 12),
        ("iat", "1772442000"),
        ("iat", 1772442000.5),
        ("iat", True),
        ("iat", None),
    ],
)
def test_a_receipt_that_says_something_else_is_refused(portal_key, keys, claim, value):
    with pytest.raises(NotVerified):
        verify(portal_key.token({**CLAIMS, claim: value}), keys)


@pytest.mark.parametrize(("said", "wanted"), [(True, 1), (1.0, 1), ("", None), ([], None)])
def test_values_of_another_kind_are_not_the_same(portal_key, keys, said, wanted):
    expected = EXPECTED._replace(claims={"sequence": wanted})
    with pytest.raises(NotVerified, match="sequence differs"):
        verify(portal_key.token({**CLAIMS, "sequence": said}), keys, expected)


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_receipt_that_leaves_a_claim_out_is_refused(portal_key, keys, claim):
    with pytest.raises(NotVerified):
        verify(portal_key.token({key: CLAIMS[key] for key in CLAIMS if key != claim}), keys)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "HS256", "ES256", "eddsa", None, 5])
def test_the_token_cannot_choose_another_algorithm(portal_key, keys, alg):
    with pytest.raises(NotVerified, match="EdDSA"):
        verify(portal_key.token(CLAIMS, alg=alg), keys)


def test_an_unsigned_token_is_refused(keys):
    body = f"{encoded({'alg': 'none', 'kid': 'k1', 'typ': 'receipt+jwt'})}.{encoded(CLAIMS)}"
    for token in (f"{body}.", body, f"{body}.AA"):
        with pytest.raises(NotVerified):
            verify(token, keys)


def test_the_public_key_is_no_secret_to_sign_with(portal_key, keys):
    """The old confusion: an HMAC under the published key."""
    body = f"{encoded({'alg': 'HS256', 'kid': 'k1', 'typ': 'receipt+jwt'})}.{encoded(CLAIMS)}"
    mac = hmac.new(portal_key.public, body.encode(), hashlib.sha256).digest()
    with pytest.raises(NotVerified):
        verify(f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}", keys)


def test_another_key_under_the_portals_key_id_is_refused(signer, keys):
    with pytest.raises(NotVerified, match="signature"):
        verify(signer(b"somebody else").token(CLAIMS), keys)


def test_a_key_id_that_is_not_published_is_refused(signer, keys):
    with pytest.raises(NotVerified, match="does not publish"):
        verify(signer(b"portal", kid="k2").token(CLAIMS), keys)


@pytest.mark.parametrize(
    "extra", [{"kid": None}, {"kid": ["k1"]}, {"crit": ["b64"]}, {"b64": False}]
)
def test_strange_headers_are_refused(portal_key, keys, extra):
    with pytest.raises(NotVerified):
        verify(portal_key.token(CLAIMS, **extra), keys)


def test_a_key_inside_the_token_is_not_used(signer, keys):
    stranger = signer(b"stranger", kid="mine")
    with pytest.raises(NotVerified):
        verify(stranger.token(CLAIMS, jwk=stranger.jwk), keys)


def test_a_receipt_of_another_kind_is_refused(portal_key, keys):
    with pytest.raises(NotVerified, match="another kind"):
        verify(portal_key.token(CLAIMS, typ="permit+jwt"), keys)


def test_parts_of_two_genuine_receipts_do_not_mix(portal_key, keys):
    head, _, signature = portal_key.token({**CLAIMS, "verdict": "rejected"}).split(".")
    with pytest.raises(NotVerified, match="signature"):
        verify(f"{head}.{encoded(CLAIMS)}.{signature}", keys)


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c.d", "..", None, 5, "é.é.é", "a.b.c\n", "x" * 5_000_000]
)
def test_what_is_no_token_is_refused(keys, token):
    with pytest.raises(NotVerified):
        verify(token, keys)


def test_a_second_spelling_of_the_signature_is_refused(portal_key, keys):
    token = portal_key.token(CLAIMS)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    again = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    for other in (again, token + "="):
        with pytest.raises(NotVerified):
            verify(other, keys)


def test_a_claim_that_stands_there_twice_is_refused(portal_key, keys):
    head = encoded({"alg": "EdDSA", "kid": "k1", "typ": "receipt+jwt"})
    text = json.dumps(CLAIMS)[:-1] + ', "verdict": "approved_option"}'
    body = f"{head}.{base64.urlsafe_b64encode(text.encode()).rstrip(b'=').decode()}"
    signature = base64.urlsafe_b64encode(portal_key.sign(body.encode())).rstrip(b"=").decode()
    with pytest.raises(NotVerified, match="twice"):
        verify(f"{body}.{signature}", keys)


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{}", b'{"keys": 5}', b'{"keys": [5]}', b'{"keys": [{"kty": "OKP"', b"\xff"],
)
def test_an_unreadable_key_set_is_refused(raw):
    with pytest.raises(ValueError, match="."):
        KeySet.from_jwks(raw)


def test_one_key_id_for_two_keys_is_refused(signer):
    doubled = {"keys": [signer(b"one").jwk, signer(b"two").jwk]}
    with pytest.raises(ValueError, match="two keys"):
        KeySet.from_jwks(json.dumps(doubled).encode())


def test_keys_for_other_uses_sign_no_receipts(signer):
    one = signer(b"portal")
    for change in ({"kty": "EC"}, {"crv": "X25519"}, {"use": "enc"}, {"alg": "none"}):
        keys = KeySet.from_jwks(json.dumps({"keys": [{**one.jwk, **change}]}).encode())
        with pytest.raises(NotVerified):
            verify(one.token(CLAIMS), keys)
