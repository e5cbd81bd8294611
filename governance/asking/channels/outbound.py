"""One POST to another machine. Where it goes may have been typed by somebody hostile.

The name is resolved once, every address it has is checked, and the connection goes to one of
those: a name that answers differently a moment later leads nowhere else. Redirects are not
followed, the answer is cut, and the whole takes a few seconds at most.
"""

import contextlib
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from governance.asking.trouble import NotSent, Trouble

SECONDS = 5.0
LONGEST_ANSWER = 4096
MOST_ADDRESSES = 3
# Who did not answer a moment ago is not waited for again at once: others are to be told.
REST_SECONDS = 30.0
MOST_RESTING = 1_000
_PLAIN = re.compile(r"[\x21-\x7e]+")
# Addresses of this network carry an IPv4 address in their last four bytes.
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(NotSent):
    """This never passes: the address is not allowed, or the other side will not have it."""

    def __init__(self, text: str) -> None:
        super().__init__(Trouble.NEVER, text)


class Unreachable(NotSent):
    """Not now: it may pass later."""

    def __init__(self, text: str) -> None:
        super().__init__(Trouble.LATER, text)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    host: str
    port: int
    path: str
    is_tls: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said; the text is cut."""

    status: int
    text: str

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def may_pass_later(self) -> bool:
        return self.status == 429 or self.status >= 500


def target_of(url: str, *, private: bool = False) -> Target:
    """Take an address apart, or raise :class:`Refused`. Looks nothing up.

    ``private`` is for addresses that the operator set: those may be plain http, on any port and
    on the own network.
    """
    try:
        parts = urlsplit(url if _PLAIN.fullmatch(url) else "")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused("The address cannot be read.") from error
    if not host or "@" in parts.netloc or "\\" in url:
        raise Refused("The address cannot be read.")
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise Refused("The address must begin with https://.")
    usual = 443 if parts.scheme == "https" else 80
    if not private and port not in (None, usual):
        raise Refused("The address must not name a port.")
    if not private and _is_private_literal(host):
        raise Refused("The address is on a private network.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port or usual, path, parts.scheme == "https")


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def is_public(address: str) -> bool:
    """Whether an address is out in the world; one that wraps another is judged by that one."""
    found = ipaddress.ip_address(address.split("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found in NAT64:
            return is_public(str(ipaddress.IPv4Address(found.packed[-4:])))
        if inner := found.ipv4_mapped or found.sixtofour:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast and not found.is_reserved


_resting: dict[tuple[str, int], float] = {}


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool = False) -> Answer:
    """Send it and return what was answered.

    Raises :class:`Refused` where the address is not allowed, :class:`Unreachable` where nobody
    answers in time.
    """
    target = target_of(url, private=private)
    if _resting.get((target.host, target.port), 0) > time.monotonic():
        raise Unreachable(f"{target.host}: did not answer a moment ago")
    try:
        connection = _Pinned(target, _addresses(target, private=private))
        cut = threading.Timer(SECONDS, connection.cut)
        cut.daemon = True
        cut.start()
        try:
            connection.request("POST", target.path, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(LONGEST_ANSWER).decode(errors="replace"))
        finally:
            cut.cancel()
            connection.close()
    except UnicodeError as error:
        raise Refused("The address cannot be read.") from error
    except (OSError, HTTPException) as error:
        _let_rest(target)
        raise Unreachable(f"{target.host}: {type(error).__name__}") from error


def _let_rest(target: Target) -> None:
    if len(_resting) >= MOST_RESTING:
        _resting.clear()
    _resting[target.host, target.port] = time.monotonic() + REST_SECONDS


def _addresses(target: Target, *, private: bool) -> Sequence[str]:
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not private and not all(is_public(one) for one in addresses):
        raise Refused("The address is on a private network.")
    return addresses[:MOST_ADDRESSES]


class _Pinned(HTTPConnection):
    """A connection to addresses that were checked; the name is for TLS and the Host header."""

    def __init__(self, target: Target, addresses: Sequence[str]) -> None:
        super().__init__(target.host, target.port, timeout=SECONDS)
        self.default_port = 443 if target.is_tls else 80
        self._addresses = addresses
        self._context = ssl.create_default_context() if target.is_tls else None
        self._is_cut = False

    def connect(self) -> None:
        for address in self._addresses:
            with contextlib.suppress(OSError):
                self.sock = socket.create_connection((address, self.port), SECONDS)
                break
        else:
            raise ConnectionError("no address answers")
        if self._context:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)
        if self._is_cut:
            raise TimeoutError

    def cut(self) -> None:
        """End whatever is going on: another side that sends a byte now and then is slow too."""
        self._is_cut = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
