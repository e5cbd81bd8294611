"""Read the history: filtered, newest first, names resolved in one query per kind."""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from governance.audit.models import AuditEvent
from governance.people.models import Runner, User

MOST_ACTORS = 50
GRAVE = frozenset({"agent.glass_broken"})


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
    def is_grave(self) -> bool:
        """Whether somebody went around an approval."""
        return self.event.kind in GRAVE

    @property
    def digest(self) -> str:
        return bytes(self.event.digest).hex()


def search(
    *,
    kind: str = "",
    actor: str = "",
    actors: Collection[str] | None = None,
    subject: str = "",
    stream: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEvent]:
    """Events that match every filter given; ``kind`` and ``subject`` match by their beginning."""
    found = AuditEvent.objects.all()
    if kind:
        found = found.filter(kind__startswith=kind)
    if actor:
        found = found.filter(actor=actor)
    if actors is not None:
        found = found.filter(actor__in=actors)
    if subject:
        found = found.filter(Q(subject__startswith=subject) | Q(stream__name__startswith=subject))
    if stream:
        found = found.filter(stream__name=stream)
    if since:
        found = found.filter(at__gte=since)
    if until:
        found = found.filter(at__lt=until)
    return found


def kind_meant(typed: str) -> str:
    """*Escalation decided*, as the page shows it, is the kind ``escalation.decided``."""
    first, _, rest = typed.strip().lower().partition(" ")
    return f"{first}.{'_'.join(rest.split())}" if rest else first


def actors_meant(typed: str) -> list[str]:
    """``user:12`` itself, or everybody whose name or address holds what was typed."""
    typed = typed.strip()
    if ":" in typed:
        return [typed]
    people = User.objects.filter(Q(name__icontains=typed) | Q(email__icontains=typed))
    runners = Runner.objects.filter(Q(name__icontains=typed) | Q(slug__icontains=typed))
    return [one.subject for found in (people, runners) for one in found[:MOST_ACTORS]]


def subject_meant(typed: str) -> dict[str, str]:
    """``ESC-12`` is that case, a word without a colon an agent, all else a beginning."""
    typed = typed.strip()
    if case := re.fullmatch(r"(?:escalation:)?(esc-[0-9]+)", typed, re.IGNORECASE):
        return {"stream": f"escalation:{case[1].upper()}"}
    return (
        {"stream": f"agent:{typed}"} if re.fullmatch(r"[a-z0-9-]+", typed) else {"subject": typed}
    )


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
