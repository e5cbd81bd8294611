"""Calls to the portal that are tried again until they are answered or the time is up."""

import os
import time
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, TypeVar

from stuck import strict_json, transport
from stuck.answers import Malformed
from stuck.errors import NotSetUp, PortalUnreachable, Refused

T = TypeVar("T")
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
LONGEST_ATTEMPT = 30.0
GRACE = 2.0
PASSING_STATUSES = frozenset({408, 425, 429})

Report = Callable[[str], None]


class Call(NamedTuple):
    """One request. Sent as often as it takes, so it must be safe to repeat."""

    method: str
    path: str
    body: Optional[bytes] = None
    headers: Mapping[str, str] = {}
    holds_for: float = 0.0  # how long the portal may hold the answer back on purpose


class Deadline:
    """A moment of the monotonic clock, or never."""

    def __init__(self, seconds: Optional[float]) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self, at_most: float) -> float:
        """The seconds that are left, capped; never below zero."""
        if self._end is None:
            return at_most
        return max(0.0, min(at_most, self._end - time.monotonic()))

    @property
    def passed(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end


class Pauses:
    """Growing, jittered pauses between attempts, so that many runners do not come at once."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def take(self, deadline: Deadline, *, at_least: float = 0.0) -> None:
        """Sleep, but not beyond the deadline."""
        jitter = 0.5 + int.from_bytes(os.urandom(2), "big") / 2**17
        pause = max(self._next * jitter, min(at_least, LONGEST_PAUSE))
        self._next = min(self._next * 2, LONGEST_PAUSE)
        time.sleep(deadline.left(pause))


class Portal:
    """The portal's address and this runner's key."""

    def __init__(self, url: str, key: str, report: Report) -> None:
        if not key.strip() or not key.strip().isascii() or not key.strip().isprintable():
            raise NotSetUp("There is no usable runner key.")
        self.address = transport.address_of(url)
        self._key = key.strip()
        self._report = report

    def fetch(self, call: Call, deadline: Deadline, read: Callable[[transport.Reply], T]) -> T:
        """What ``read`` makes of the answer. Tried again while the portal is not itself.

        ``read`` raises ``ValueError`` or :class:`Malformed` for an answer that makes no sense,
        which counts as none. Raises :class:`Refused`, or :class:`PortalUnreachable` when the
        time is up.
        """
        pauses = Pauses()
        while True:
            at_least = 0.0
            try:
                reply = self._attempt(call, deadline)
                if not _is_passing(reply.status):
                    return read(_accepted(reply))
                trouble, at_least = f"it answers {reply.status}", _retry_after(reply)
            except transport.Unanswered as error:
                trouble = str(error)
            except (ValueError, Malformed) as error:
                trouble = f"its answer makes no sense: {error}"
            if deadline.passed:
                raise PortalUnreachable(f"The portal does not answer: {trouble}.")
            self._report(f"The portal does not answer: {trouble}. Trying again.")
            pauses.take(deadline, at_least=at_least)

    def _attempt(self, call: Call, deadline: Deadline) -> transport.Reply:
        # A moment more than there is: an answer that the portal held back to the end may arrive.
        seconds = deadline.left(LONGEST_ATTEMPT + call.holds_for) + GRACE
        return transport.send(
            self.address,
            call.method,
            call.path,
            headers={"Authorization": f"Bearer {self._key}", **call.headers},
            body=call.body,
            seconds=seconds,
        )


def members_of(reply: transport.Reply) -> Dict[str, Any]:
    """The JSON object of an answer. Raises ``ValueError``."""
    return strict_json.object_of(reply.body)


def _is_passing(status: int) -> bool:
    return status >= 500 or status in PASSING_STATUSES


def _retry_after(reply: transport.Reply) -> float:
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 7 else 0.0


def _accepted(reply: transport.Reply) -> transport.Reply:
    if reply.status in {200, 201, 202, 204}:
        return reply
    if 300 <= reply.status < 400:
        raise Refused(
            f"The portal points elsewhere: {reply.headers.get('location', '')!r}. "
            "Redirects are not followed; set the portal's own address.",
            reply.status,
            {"code": "redirected"},
        )
    problem = _problem(reply)
    sentence = problem.get("detail") or problem.get("title") or f"status {reply.status}"
    raise Refused(f"The portal refused: {sentence}", reply.status, problem)


def _problem(reply: transport.Reply) -> Mapping[str, Any]:
    try:
        return strict_json.object_of(reply.body)
    except ValueError:
        return {}
