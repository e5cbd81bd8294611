"""What a waiting runner reads: the same key check and the same answer as the rest of the API.

The ORM is synchronous, so it runs in a few threads of its own. A connection is held for one
read and given back; nobody who waits holds one.
"""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import connection

from escalations.answers import answer_markdown, answer_of, load_case
from escalations.following.kept import note_handed_out
from escalations.models import UNRESOLVED, Escalation, Presence
from governance.people.api.authentication import REFUSED, runner_key
from governance.people.models import Scope

T = TypeVar("T")
READERS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="reader")


class Refused(Exception):
    """The request is answered with a problem."""

    def __init__(
        self, status: int, sentence: str, code: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.code = status, sentence, code
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Reading:
    """A case as the runner sees it at one moment."""

    revision: int
    status: str
    body: bytes

    @property
    def settled(self) -> bool:
        return self.status not in UNRESOLVED


async def read(escalation_id: int, *, markdown: bool) -> Reading:
    """The case as it is now, as JSON or as the block of six fields."""
    return await _in_thread(lambda: _reading(escalation_id, markdown))


async def revision_of(escalation_id: int) -> int:
    """Only how often the case has changed: the cheap question between two readings."""
    return await _in_thread(
        lambda: Escalation.objects.values_list("revision", flat=True).get(pk=escalation_id)
    )


async def handed_out(escalation_id: int, *, at: datetime) -> None:
    """The answer went to the runner that waited for it: it is kept no longer."""
    await _in_thread(lambda: note_handed_out(escalation_id, at=at))


async def read_as(
    authorization: str, escalation_id: int, *, markdown: bool, at: datetime
) -> Reading:
    """The case as it is now, for the runner with this key; a sign of life of that runner.

    Raises :class:`Refused` for a bad key, and for a case of somebody else as for none.
    """
    return await _in_thread(lambda: _read_as(authorization, escalation_id, markdown, at))


async def _in_thread(act: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(READERS, _with_connection, act)


def _with_connection(act: Callable[[], T]) -> T:
    try:
        return act()
    finally:
        connection.close()


def _read_as(authorization: str, escalation_id: int, markdown: bool, at: datetime) -> Reading:
    kind, _, plain = authorization.partition(" ")
    key = runner_key(plain.strip(), at=at) if kind.lower() == "bearer" else None
    if key is None:
        raise Refused(401, REFUSED, "not_authenticated", {"WWW-Authenticate": "Bearer"})
    if Scope.ESCALATE not in key.scopes:
        raise Refused(403, "This key may not wait for cases.", "not_permitted")
    if not Escalation.objects.filter(pk=escalation_id, runner=key.runner).exists():
        raise Refused(404, "There is no such case.", "not_found")
    Presence.objects.update_or_create(escalation_id=escalation_id, defaults={"last_seen_at": at})
    return _reading(escalation_id, markdown)


def _reading(escalation_id: int, markdown: bool) -> Reading:
    case = load_case(escalation_id)
    text = answer_markdown(case) if markdown else json.dumps(answer_of(case))
    return Reading(case.revision, case.status, text.encode())
