"""Verification of Ed25519 signatures after RFC 8032, in plain Python. It cannot sign.

Strict: keys and points in canonical encoding only, ``S`` below the group order, no points of
small order, and the equation without the cofactor. Nothing here is secret, so nothing here
needs constant time.
"""

import hashlib
from typing import Dict, List, NamedTuple, Optional, Tuple

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
WIDTH = 5

KEY_SIZE = 32
SIGNATURE_SIZE = 64


class Point(NamedTuple):
    """Extended coordinates of RFC 8032, section 5.1.4: x = X/Z, y = Y/Z, xy = T/Z."""

    x: int
    y: int
    z: int
    t: int


NEUTRAL = Point(0, 1, 1, 0)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this key signed this message. Anything malformed is False, nothing raises."""
    if len(public_key) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    key = decode(public_key)
    if key is None or has_small_order(key):
        return False
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    digest = hashlib.sha512(r + public_key + message).digest()
    k = int.from_bytes(digest, "little") % L
    # [S]B = R + [k]A, turned round: R needs no decoding, and only its canonical bytes compare.
    expected = _sum_of_products(s, BASE_MULTIPLES, k, _odd_multiples(_negated(key)))
    return not has_small_order(expected) and encode(expected) == r


def decode(encoded: bytes) -> Optional[Point]:
    """The point with this canonical encoding (section 5.1.3), or None."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    x = _recovered_x(y, sign)
    return None if x is None else Point(x, y, 1, x * y % P)


def encode(point: Point) -> bytes:
    """The 32 bytes of a point (section 5.1.2)."""
    inverse = pow(point.z, P - 2, P)
    x, y = point.x * inverse % P, point.y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def has_small_order(point: Point) -> bool:
    """Whether eight times the point is neutral: such a key would accept forged signatures."""
    eightfold = _double(_double(_double(point)))
    return eightfold.x % P == 0 and (eightfold.y - eightfold.z) % P == 0


def _recovered_x(y: int, sign: int) -> Optional[int]:
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x + u) % P == 0:
        x = x * SQRT_M1 % P
    if (v * x * x - u) % P != 0 or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _add(p: Point, q: Point) -> Point:
    a, b = (p.y - p.x) * (q.y - q.x) % P, (p.y + p.x) * (q.y + q.x) % P
    c, d = 2 * p.t * q.t * D % P, 2 * p.z * q.z % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return Point(e * f % P, g * h % P, f * g % P, e * h % P)


def _double(p: Point) -> Point:
    a, b, c = p.x * p.x % P, p.y * p.y % P, 2 * p.z * p.z % P
    h = a + b
    e = h - (p.x + p.y) * (p.x + p.y) % P
    g = a - b
    f = c + g
    return Point(e * f % P, g * h % P, f * g % P, e * h % P)


def _negated(p: Point) -> Point:
    return Point(P - p.x, p.y, p.z, P - p.t)


def _odd_multiples(p: Point) -> Dict[int, Point]:
    """p, 3p, 5p ... and their negatives: what a digit of :func:`_digits` can be."""
    twice, multiples = _double(p), [p]
    for _ in range(2 ** (WIDTH - 2) - 1):
        multiples.append(_add(multiples[-1], twice))
    positive = {2 * index + 1: multiple for index, multiple in enumerate(multiples)}
    return {**positive, **{-factor: _negated(multiple) for factor, multiple in positive.items()}}


def _digits(scalar: int) -> List[int]:
    """The non-adjacent form, lowest digit first: odd digits far apart, so few additions."""
    digits = []
    while scalar:
        digit = 0
        if scalar & 1:
            digit = scalar & (2**WIDTH - 1)
            digit -= 2**WIDTH if digit >= 2 ** (WIDTH - 1) else 0
            scalar -= digit
        digits.append(digit)
        scalar >>= 1
    return digits


def _sum_of_products(s: int, of_p: Dict[int, Point], k: int, of_q: Dict[int, Point]) -> Point:
    """[s]P + [k]Q, both at once over the same doublings."""
    rows: Tuple[Tuple[List[int], Dict[int, Point]], ...] = ((_digits(s), of_p), (_digits(k), of_q))
    result = NEUTRAL
    for place in reversed(range(max(len(digits) for digits, _ in rows))):
        result = _double(result)
        for digits, multiples in rows:
            if place < len(digits) and digits[place]:
                result = _add(result, multiples[digits[place]])
    return result


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = _recovered_x(BASE_Y, 0) or 0
BASE_MULTIPLES = _odd_multiples(Point(BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P))
