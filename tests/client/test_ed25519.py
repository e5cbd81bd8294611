"""Ed25519 after RFC 8032: its vectors, and everything that must not pass."""

import hashlib
import json
import random
from pathlib import Path

import pytest

from stuck import ed25519

VECTORS = json.loads((Path(__file__).parent / "rfc8032.json").read_text())["tests"]
BY_NAME = {test["name"]: test for test in VECTORS}


def parts(name):
    test = BY_NAME[name]
    return tuple(bytes.fromhex(test[part]) for part in ("public_key", "message", "signature"))


@pytest.mark.parametrize("name", BY_NAME)
def test_the_vectors_of_the_rfc_pass(name):
    assert ed25519.verify(*parts(name))


@pytest.mark.parametrize("name", BY_NAME)
def test_one_flipped_bit_anywhere_fails(name):
    chance = random.Random(name)
    for part in range(3):
        for _ in range(6):
            bent = [bytearray(piece) for piece in parts(name)]
            if bent[part]:
                bent[part][chance.randrange(len(bent[part]))] ^= 1 << chance.randrange(8)
                assert not ed25519.verify(*map(bytes, bent))


def test_the_signature_of_one_key_or_message_fails_for_another():
    key, message, signature = parts("2")
    assert not ed25519.verify(parts("3")[0], message, signature)
    assert not ed25519.verify(key, message + b"\0", signature)


@pytest.mark.parametrize("times", [1, 2, 8])
def test_s_beyond_the_group_order_fails(times):
    """The same signature with S + L would be a second valid one."""
    key, message, signature = parts("2")
    s = int.from_bytes(signature[32:], "little") + times * ed25519.L
    assert not ed25519.verify(key, message, signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize(("key", "signature"), [(31, 64), (33, 64), (32, 63), (32, 65), (0, 0)])
def test_other_lengths_fail(key, signature):
    whole = parts("2")
    assert not ed25519.verify((whole[0] + b"\0")[:key], whole[1], (whole[2] + b"\0")[:signature])


SMALL_ORDER = [
    (1).to_bytes(32, "little"),
    (0).to_bytes(32, "little"),
    (1 << 255).to_bytes(32, "little"),
    (ed25519.P - 1).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
]


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_a_key_of_small_order_signs_nothing(key):
    """With such a key, R = S = 'nothing' would be a signature of many messages."""
    neutral = (1).to_bytes(32, "little") + bytes(32)
    assert ed25519.decode(key) is not None
    assert not any(ed25519.verify(key, bytes([n]), neutral) for n in range(16))
    assert not any(ed25519.verify(key, bytes([n]), key + bytes(32)) for n in range(16))


def test_the_neutral_key_signs_nothing(signer):
    """With it, [S]B = R holds for whatever message: anybody can make such a pair."""
    forged = ed25519.encode(signer.times_base(5)) + (5).to_bytes(32, "little")
    assert not ed25519.verify((1).to_bytes(32, "little"), b"any message", forged)


def test_a_signature_whose_r_says_nothing_fails(signer):
    """R neutral and S = k·a satisfies the equation, and no honest signer makes it."""
    key, r = signer(b"key"), (1).to_bytes(32, "little")
    digest = hashlib.sha512(r + key.public + b"message").digest()
    s = int.from_bytes(digest, "little") * key.scalar % ed25519.L
    assert not ed25519.verify(key.public, b"message", r + s.to_bytes(32, "little"))


@pytest.mark.parametrize("y", [ed25519.P, ed25519.P + 1, ed25519.P + 18, 2**255 - 1])
def test_a_point_has_one_encoding_only(y):
    assert ed25519.decode(y.to_bytes(32, "little")) is None


def test_zero_with_a_sign_is_no_point():
    assert ed25519.decode((1 | 1 << 255).to_bytes(32, "little")) is None


def test_bytes_off_the_curve_are_no_key():
    off = [n for n in range(2, 40) if ed25519.decode(n.to_bytes(32, "little")) is None]
    assert off
    assert not any(ed25519.verify(n.to_bytes(32, "little"), b"", bytes(64)) for n in off)


def test_it_agrees_with_another_implementation():
    library = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    chance = random.Random(8032)
    for size in range(40):
        private = library.Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        message, key = chance.randbytes(size), private.public_key().public_bytes_raw()
        assert ed25519.verify(key, message, private.sign(message))
