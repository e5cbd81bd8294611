"""Read the history: filtered, newest first, names resolved in one query per kind."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from governance.audit.models import AuditEvent
from governance.people.models import Runner, User


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as people read it."""

    event: AuditEvent
    actor: str
    data: dict[str, Any]

    @property
    def sentence(self) -> str:
        """The kind in words: ``escalation.decided`` reads *escalation decided*."""
        return self.event.kind.replace(".", " ").replace("_", " ")

    @property
    def digest(self) -> str:
        return bytes(self.event.digest).hex()


def search(
    *,
    kind: str = "",
    actor: str = "",
    subject: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEvent]:
    """Events that match every filter given; ``kind`` and ``subject`` match by their beginning."""
    found = AuditEvent.objects.all()
    if kind:
        found = found.filter(kind__startswith=kind)
    if actor:
        found = found.filter(actor=actor)
    if subject:
        found = found.filter(Q(subject__startswith=subject) | Q(stream__name__startswith=subject))
    if since:
        found = found.filter(at__gte=since)
    if until:
        found = found.filter(at__lt=until)
    return found


def entries(events: Iterable[AuditEvent]) -> list[Entry]:
    """The events with the names of who acted, in at most two queries more."""
    rows = list(events)
    names = names_of({event.actor for event in rows})
    return [
        Entry(event, names.get(event.actor, event.actor), json.loads(bytes(event.body))["data"])
        for event in rows
    ]


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """``user:12`` to the name of a person, ``runner:3`` to that of a machine."""
    ids: dict[str, set[int]] = {"user": set(), "runner": set()}
    for actor in actors:
        kind, _, number = actor.partition(":")
        if kind in ids and number.isdecimal():
            ids[kind].add(int(number))
    names = {f"user:{user.pk}": str(user) for user in User.objects.filter(pk__in=ids["user"])}
    runners = Runner.objects.filter(pk__in=ids["runner"])
    return names | {f"runner:{runner.pk}": f"{runner} (runner)" for runner in runners}
