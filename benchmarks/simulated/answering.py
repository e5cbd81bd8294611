"""How people answer in this model: when they look, how long a case takes, and what they say.

Stated in docs/attention.md. No fatigue: a mail too many costs nobody any attention here.
"""

import random
import re
import zlib
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from math import log
from typing import Any

from benchmarks.simulated.world import Person
from escalations.models import Escalation
from governance.asking.models import Ask
from governance.people.hours import local

MINUTE = timedelta(minutes=1)
LOOKS_AFTER, SPREAD = 25, 0.6
SESSION, PAUSE = timedelta(minutes=45), timedelta(minutes=30)
MINUTES = {"low": 2.0, "medium": 4.0, "high": 8.0}
# Of a further question of a group; of an equal question that is met alone, a share of the whole.
EACH_FURTHER, KNOWN = timedelta(seconds=20), 1 / 3
EVENING, MORNING, WOKEN = time(22), time(8), 0.5
REJECTED, OTHERWISE = 10, 15
URGENCY = {"high": 0, "medium": 1, "low": 1}
REFERENCE = re.compile(r"ESC-(\d+)")


@dataclass(slots=True)
class Case:
    """What the model knows of a case."""

    pk: int
    ask: int
    sha256: str
    risk: str
    blocking: bool
    group: str
    options: list[str]
    opened_at: datetime
    first_look: datetime | None = None
    decided_at: datetime | None = None
    is_refused: bool = False

    @classmethod
    def of(cls, case: Escalation, at: datetime) -> "Case":
        return cls(
            pk=case.pk,
            ask=Ask.objects.get(subject=case.subject).pk,
            sha256=case.request_sha256,
            risk=str(case.risk),
            blocking=case.blocking,
            group=case.group_key,
            options=list(case.options.values_list("key", flat=True)),
            opened_at=at,
        )

    @property
    def is_open(self) -> bool:
        return self.decided_at is None and not self.is_refused

    @property
    def urgency(self) -> tuple[int, bool, datetime]:
        """High risk first, then what stands still, then what waits longest."""
        return URGENCY[self.risk], not self.blocking, self.opened_at


def delay_of_look(chance: random.Random) -> timedelta:
    """From a mail or the start of a day to the look at the inbox: half within 25 minutes."""
    return _spread(chance, LOOKS_AFTER)


def is_looked_at_off_work(chance: random.Random, person: Person, at: datetime) -> bool:
    """Mails of high risk come at any hour; at night every second one wakes somebody."""
    clock = local(at, person.zone).time()
    is_night = clock >= EVENING or clock < MORNING
    return not is_night or chance.random() < WOKEN


def next_session(at: datetime) -> datetime:
    """Who could not finish comes back to it."""
    return at + PAUSE


def handling_of(case: Case, count: int, *, is_known: bool) -> timedelta:
    """From opening a case, or a group of equal ones, to the decision; as hard in every run."""
    whole = _spread(random.Random(case.pk), MINUTES[case.risk])
    return (whole * KNOWN if is_known else whole) + (count - 1) * EACH_FURTHER


def answer_to(case: Case) -> dict[str, Any]:
    """The same answer to the same question, whoever gives it."""
    said = zlib.crc32(case.group.encode()) % 100
    words: dict[str, Any] = {"seen_sha256": case.sha256, "reason": "As we do elsewhere."}
    if said < REJECTED:
        return words | {"verdict": "rejected"}
    if said < OTHERWISE:
        return words | {"verdict": "other_approach", "approach": "Ask the team of the module."}
    option = case.options[said % len(case.options)]
    return words | {"verdict": "approved_option", "option_key": option}


def references_in(text: str) -> frozenset[int]:
    """The cases that a mail names."""
    return frozenset(map(int, REFERENCE.findall(text)))


def _spread(chance: random.Random, median: float) -> timedelta:
    return chance.lognormvariate(log(median), SPREAD) * MINUTE
