"""One HTTP call to the portal: no redirects, no plain HTTP but to this machine, bounded time."""

import http.client
import re
import socket
import ssl
import threading
from typing import Dict, Mapping, NamedTuple, Optional
from urllib.parse import urlsplit

from stuck import __version__
from stuck.errors import NotSetUp

LARGEST_BODY = 16 * 1024 * 1024
LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|::1")


class Unanswered(Exception):
    """The call brought no whole answer: refused, cut off, too slow, or not HTTP."""


class Address(NamedTuple):
    """Where the portal is."""

    secure: bool
    host: str
    port: Optional[int]
    prefix: str


class Reply(NamedTuple):
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def address_of(url: str) -> Address:
    """Read the portal's address. Raises :class:`NotSetUp` for one that cannot be trusted."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise NotSetUp(f"This is no address of a portal: {url!r}.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NotSetUp(f"This is no address of a portal: {url!r}.")
    if parts.username is not None or parts.query or parts.fragment:
        raise NotSetUp("The portal's address must hold no name, no query and no fragment.")
    secure = parts.scheme == "https"
    if not secure and not LOOPBACK.fullmatch(parts.hostname):
        raise NotSetUp("Plain http is only for a portal on this machine. Use https.")
    return Address(secure, parts.hostname, port, parts.path.rstrip("/"))


def send(
    address: Address,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: Optional[bytes],
    seconds: float,
) -> Reply:
    """Make one call that takes at most ``seconds``. Raises :class:`Unanswered`."""
    connection = _connection(address, seconds)
    # A socket's own timeout starts anew with every byte; this one does not.
    watchdog = threading.Timer(seconds, _cut, args=[connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request(method, address.prefix + path, body=body, headers=_all(headers))
        return _whole(connection.getresponse())
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(_in_words(error)) from None
    finally:
        watchdog.cancel()
        connection.close()


def _connection(address: Address, seconds: float) -> http.client.HTTPConnection:
    if not address.secure:
        return http.client.HTTPConnection(address.host, address.port, timeout=seconds)
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return http.client.HTTPSConnection(address.host, address.port, timeout=seconds, context=context)


def _cut(connection: http.client.HTTPConnection) -> None:
    sock = connection.sock
    if sock is None:
        return
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _all(headers: Mapping[str, str]) -> Dict[str, str]:
    return {"User-Agent": f"stuck/{__version__}", "Connection": "close", **headers}


def _whole(response: http.client.HTTPResponse) -> Reply:
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = response.read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        raise Unanswered("the answer is larger than any that the portal sends")
    told = headers.get("content-length")
    # read(n) returns what is there when the connection drops; only the count tells.
    if told is not None and told.strip() != str(len(body)):
        raise Unanswered("the connection broke off in the middle of the answer")
    return Reply(response.status, headers, body)


def _in_words(error: Exception) -> str:
    if isinstance(error, (TimeoutError, socket.timeout)):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"the connection broke off ({type(error).__name__})"
