"""The offline bundle: what this runner may run while the portal cannot be reached.

It is verified whole, on every reading, and refused from its end on; there is no way to use one
unverified. What was withdrawn after it was signed only the portal knows.
"""

import base64
import binascii
import hashlib
import json
import os
from datetime import datetime
from typing import Any, Dict, Mapping, NamedTuple, Optional

from stuck import folder, receipts, strict_json
from stuck.errors import NotSetUp, NotVerified, Refused
from stuck.judging import has_passed
from stuck.receipts import Expected, KeySet

FORMAT = 1
LARGEST = 64 * 1024 * 1024


class Offline(NamedTuple):
    """One definition out of a bundle: the bytes that people approved, and until when it holds."""

    agent: str
    raw: bytes
    sha256: str
    sequence: int
    approval: str


class Bundle(NamedTuple):
    """A genuine bundle for this runner; ``serial`` grows with every act in the portal."""

    environment: str
    serial: int
    expires_at: str
    raw: Mapping[str, Any]

    def definition(self, agent: str, *, now: datetime) -> Offline:
        """The agent's approved definition. Raises :class:`Refused` where it may not run."""
        for entry in self.raw["agents"]:
            if entry["slug"] == agent:
                return _definition(entry, now)
        for entry in self.raw["revocations"]:
            if entry["slug"] == agent:
                raise _refused(f"{agent} may not run: {entry['reason']}", str(entry["code"]))
        raise _refused(f"The bundle says nothing of {agent}.", "unknown_agent")


def read(
    raw: bytes,
    *,
    keys: KeySet,
    runner: str,
    environment: str,
    now: datetime,
    at_least: int = 0,
) -> Bundle:
    """The bundle in these bytes, if it is genuine, for this runner, in force, and no older one.

    ``at_least`` is the highest serial seen before. Raises :class:`NotVerified` for everything
    else.
    """
    try:
        whole = strict_json.object_of(raw)
        bundle, token = whole["bundle"], whole["signature"]
        told = {
            "bundle_sha256": _digest(bundle),
            "serial": bundle["serial"],
            "expires_at": bundle["expires_at"],
        }
    except (ValueError, KeyError, TypeError) as error:
        raise NotVerified(f"This is no bundle that can be read: {error}.") from None
    expected = Expected(f"runner:{runner}", f"bundle:{environment}", told, "bundle+jwt")
    receipts.verify(token, keys=keys, expected=expected, now=now.timestamp())
    if bundle.get("format") != FORMAT or bundle.get("environment") != environment:
        raise NotVerified("The bundle is of another format or for another environment.")
    if has_passed(bundle["expires_at"], now=now):
        raise NotVerified(f"The bundle ended at {bundle['expires_at']}. Fetch a new one.")
    if bundle["serial"] < at_least:
        raise NotVerified("The bundle is older than one that was used here before.")
    return Bundle(environment, bundle["serial"], bundle["expires_at"], bundle)


def signature_of(raw: bytes) -> str:
    """The signature beside a bundle, unverified: to see which key is said to have made it."""
    try:
        return str(strict_json.object_of(raw)["signature"])
    except (ValueError, KeyError) as error:
        raise NotVerified(f"This is no bundle that can be read: {error}.") from None


def read_file(path: str, *, keys: KeySet, runner: str, environment: str, now: datetime) -> Bundle:
    """The bundle in a file, no older than any that was read or written under this name before."""
    with open(path, "rb") as file:
        raw = file.read(LARGEST)
    seen = highest_seen(path)
    found = read(raw, keys=keys, runner=runner, environment=environment, now=now, at_least=seen)
    remember(path, found.serial)
    return found


def highest_seen(path: str) -> int:
    """The highest serial that a bundle of this name had; 0 before the first."""
    try:
        with open(f"{path}.seen", encoding="ascii") as file:
            return int(file.read(40))
    except FileNotFoundError:
        return 0
    except ValueError:
        raise NotSetUp(f"{path}.seen holds no number. Fetch the bundle anew.") from None


def remember(path: str, serial: int) -> None:
    """Keep the serial, so that an older bundle is refused from now on."""
    if serial > highest_seen(path):
        folder.write(f"{path}.seen", f"{serial}\n".encode())


def save(path: str, raw: bytes, serial: int) -> None:
    """Write a bundle that was verified, then its serial."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise NotSetUp(f"{path} is no file.")
    folder.write(path, raw)
    remember(path, serial)


def _definition(entry: Mapping[str, Any], now: datetime) -> Offline:
    until: Optional[str] = entry["until"]
    if until and has_passed(until, now=now):
        raise _refused(f"{entry['slug']} was good until {until}.", "ended")
    try:
        raw = base64.b64decode(entry["raw_base64"], validate=True)
    except binascii.Error:
        raise NotVerified("The bundle's text cannot be read.") from None
    if hashlib.sha256(raw).hexdigest() != entry["sha256"]:
        raise NotVerified("The bundle's text is not the one that was approved.")
    return Offline(entry["slug"], raw, entry["sha256"], entry["sequence"], entry["approval"])


def _refused(sentence: str, code: str) -> Refused:
    return Refused(sentence, 409, {"code": code, "detail": sentence})


def _digest(bundle: Any) -> str:
    """SHA-256 over the RFC 8785 form; a bundle holds no number that is not whole."""
    text = json.dumps(_ordered(bundle), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        ordered: Dict[str, Any] = {name: _ordered(value[name]) for name in names}
        return ordered
    if isinstance(value, list):
        return [_ordered(one) for one in value]
    if isinstance(value, float):
        raise ValueError("a broken number")
    return value
