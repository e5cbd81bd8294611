"""Encryption for a browser, against the example of RFC 8291, section 5."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from governance.asking.channels.webpush import (
    authorization,
    browser_key,
    browser_secret,
    decoded,
    encoded,
    encrypt,
    point_of,
    private_key,
)

MESSAGE = b"When I grow up, I want to be a watermelon"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BROWSER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmY"
    "WAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexS"
    "gSxsj_Qulcy4a-fN"
)


def test_the_example_of_the_standard_comes_out_byte_by_byte():
    key = private_key(decoded(SENDER))
    body = encrypt(MESSAGE, p256dh=BROWSER, auth=AUTH, salt=decoded(SALT), key=key)
    assert encoded(body) == BODY


def test_the_same_message_twice_shares_no_salt_and_no_key():
    first, second = (encrypt(MESSAGE, p256dh=BROWSER, auth=AUTH) for _ in range(2))
    assert first[:16] != second[:16]
    assert first[21:86] != second[21:86]


def test_the_portal_names_itself_to_one_push_service_for_half_a_day(now):
    key = private_key(decoded(SENDER))
    header = authorization(
        "https://push.example.net/send/abc", key=key, contact="mailto:a@example.org", at=now
    )
    kind, _, rest = header.partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(fields["k"]))
    told = jwt.decode(
        fields["t"],
        public,
        algorithms=["ES256"],
        audience="https://push.example.net",
        options={"verify_exp": False},
    )
    assert kind == "vapid"
    assert point_of(public) == point_of(key.public_key())
    assert (told["sub"], told["exp"]) == ("mailto:a@example.org", now.timestamp() + 12 * 3600)


@pytest.mark.parametrize("text", ["", "AAAA", "BCVx!", encoded(b"\4" + b"\1" * 64)])
def test_what_is_no_key_of_a_browser_is_refused(text):
    with pytest.raises(ValueError, match="."):
        browser_key(text)


@pytest.mark.parametrize("text", ["", "AAAA", "BTBZMqHH6r4Tts7J_aSIggAA"])
def test_what_is_no_secret_of_a_browser_is_refused(text):
    with pytest.raises(ValueError, match="."):
        browser_secret(text)
