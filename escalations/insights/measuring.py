"""Figures about answered cases, each from one statement over a bounded period.

Standing decisions answer without anybody looking, so they are counted apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection

INSTANT_SECONDS = 5
MOST_PEOPLE = 500
# Signs of rubber-stamping need some votes before they say anything.
FEW_VOTES = 5
T = TypeVar("T")

_POLICIES = """
WITH settled AS (
    SELECT ask.policy_name AS policy, one.status, one.opened_at, decision.at AS decided_at,
           ballot.standing_id IS NOT NULL AS by_standing,
           ask.step > 0 OR ask.repeats > 0 AS stalled,
           (SELECT min(first_at) FROM asking_sighting WHERE ask_id = ask.id) AS viewed_at
    FROM escalations_escalation one
    JOIN asking_ask ask ON ask.subject = 'escalation:ESC-' || one.id
    LEFT JOIN escalations_decision decision ON decision.escalation_id = one.id
    LEFT JOIN escalations_ballot ballot ON ballot.id = decision.ballot_id
    WHERE one.settled_at >= %(since)s AND one.settled_at < %(until)s
)
SELECT policy, count(*),
       count(*) FILTER (WHERE status = 'decided' AND NOT by_standing),
       count(*) FILTER (WHERE by_standing),
       count(*) FILTER (WHERE status = 'withdrawn'),
       count(*) FILTER (WHERE status = 'dismissed'),
       count(*) FILTER (WHERE stalled AND NOT coalesce(by_standing, false)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM viewed_at - opened_at)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM decided_at - opened_at))
           FILTER (WHERE NOT by_standing),
       percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM decided_at - opened_at))
           FILTER (WHERE NOT by_standing)
FROM settled GROUP BY policy ORDER BY policy
"""
_PEOPLE = """
WITH votes AS (
    SELECT ballot.voter_id AS person, ballot.at - sighting.first_at AS looked,
           ballot.verdict = 'approved_option' AS approved, one.has_action,
           sighting.action_opened_at <= ballot.at AS opened
    FROM escalations_ballot ballot
    JOIN escalations_escalation one ON one.id = ballot.escalation_id
    JOIN asking_ask ask ON ask.subject = 'escalation:ESC-' || one.id
    LEFT JOIN asking_sighting sighting
        ON sighting.ask_id = ask.id AND sighting.user_id = ballot.voter_id
    WHERE ballot.at >= %(since)s AND ballot.at < %(until)s AND ballot.standing_id IS NULL
      AND (%(person)s::bigint IS NULL OR ballot.voter_id = %(person)s)
)
SELECT votes.person, coalesce(nullif(who.name, ''), who.email), count(*),
       count(*) FILTER (WHERE approved),
       count(*) FILTER (WHERE approved AND has_action),
       count(*) FILTER (WHERE approved AND has_action AND opened IS NOT TRUE),
       count(*) FILTER (
           WHERE approved AND coalesce(looked, interval '0') < make_interval(secs => %(instant)s)
       ),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM coalesce(looked, '0')))
FROM votes JOIN people_user who ON who.id = votes.person
GROUP BY votes.person, who.name, who.email ORDER BY 2, 1 LIMIT %(most)s
"""
_DAYS = """
SELECT date_trunc('day', at AT TIME ZONE %(zone)s)::date, count(*)
FROM escalations_decision WHERE at >= %(since)s AND at < %(until)s GROUP BY 1 ORDER BY 1
"""
_TRIGGERS = """
SELECT key, count(*), count(*) FILTER (WHERE status IN ('open', 'info_requested')),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM settled_at - opened_at))
           FILTER (WHERE status = 'decided')
FROM escalations_escalation, unnest(triggers) AS key
WHERE opened_at >= %(since)s AND opened_at < %(until)s
GROUP BY key ORDER BY count(*) DESC, key LIMIT 20
"""
_INTERRUPTIONS = """
WITH days AS (
    SELECT recipient_id AS person, (settled_at AT TIME ZONE %(zone)s)::date AS day,
           count(DISTINCT coalesce(bundled_into_id, id)) AS times
    FROM asking_notification
    WHERE state = 'accepted' AND channel IN ('mail', 'push')
      AND settled_at >= %(since)s AND settled_at < %(until)s
      AND (%(person)s::bigint IS NULL OR recipient_id = %(person)s)
    GROUP BY 1, 2
)
SELECT coalesce(nullif(who.name, ''), who.email), sum(times)::int, max(times)
FROM days JOIN people_user who ON who.id = days.person
GROUP BY who.id, who.name, who.email ORDER BY 1, who.id LIMIT %(most)s
"""
_OPEN = """
SELECT count(*), min(opened_at) FROM escalations_escalation
WHERE status IN ('open', 'info_requested')
"""


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """What became of the cases of one policy. Times in seconds, None where there is none."""

    policy: str
    cases: int
    decided: int
    by_standing: int
    withdrawn: int
    dismissed: int
    stalled: int
    first_view: float | None
    decide_half: float | None
    decide_most: float | None

    @property
    def stall_percent(self) -> int:
        """How many of a hundred cases had to be reminded of."""
        by_people = self.cases - self.by_standing
        return round(100 * self.stalled / by_people) if by_people else 0


@dataclass(frozen=True, slots=True)
class PersonFigures:
    """How one person voted. ``looked`` is the median of seconds between view and vote."""

    pk: int
    name: str
    votes: int
    approvals: int
    acts: int
    unopened: int
    instant: int
    looked: float

    @property
    def flags(self) -> list[str]:
        """Signs that approvals are given without looking; none of them proves anything."""
        said = []
        if self.acts >= FEW_VOTES and self.unopened * 2 > self.acts:
            said.append(
                f"{self.unopened} of {self.acts} acts were approved without opening their details."
            )
        if self.approvals >= FEW_VOTES and self.instant * 2 > self.approvals:
            said.append(
                f"{self.instant} of {self.approvals} approvals came within {INSTANT_SECONDS} "
                "seconds of the first look."
            )
        return said


@dataclass(frozen=True, slots=True)
class TriggerFigures:
    """How often a trigger made agents ask, and the median time to the decision in seconds."""

    key: str
    cases: int
    waiting: int
    decide_half: float | None


@dataclass(frozen=True, slots=True)
class Interruptions:
    """How often something reached one person: in the whole period, and on the worst day."""

    name: str
    times: int
    most: int


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Decisions of one day."""

    day: Any
    decisions: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is open now, and since when the oldest is."""

    cases: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Period:
    """From ``since``, up to and without ``until``."""

    since: datetime
    until: datetime

    def values(self, **more: Any) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)} | more


def policies_in(period: Period) -> list[PolicyFigures]:
    """Figures of each policy whose cases were settled in the period."""
    return _rows(PolicyFigures, _POLICIES, period.values())


def people_in(period: Period, *, only: int | None = None) -> list[PersonFigures]:
    """Figures of those who voted, by name: this is no ranking. ``only`` names one person."""
    values = period.values(person=only, instant=INSTANT_SECONDS, most=MOST_PEOPLE)
    return _rows(PersonFigures, _PEOPLE, values)


def triggers_in(period: Period) -> list[TriggerFigures]:
    """The triggers that made agents ask most often."""
    return _rows(TriggerFigures, _TRIGGERS, period.values())


def days_in(period: Period, *, zone: str) -> list[DayFigures]:
    """Decisions a day, in the reader's time zone."""
    return _rows(DayFigures, _DAYS, period.values(zone=zone))


def interruptions_in(period: Period, *, zone: str, only: int | None = None) -> list[Interruptions]:
    """Mails and notices in browsers that reached people, by name; a mail that bundles is one.

    Who was not interrupted at all is not in it. Days are those of the reader's time zone.
    """
    values = period.values(zone=zone, person=only, most=MOST_PEOPLE)
    return _rows(Interruptions, _INTERRUPTIONS, values)


def waiting_now() -> Waiting:
    """What waits at this moment."""
    return _rows(Waiting, _OPEN, {})[0]


def _rows(kind: Callable[..., T], statement: str, values: dict[str, Any]) -> list[T]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [kind(*row) for row in cursor.fetchall()]
