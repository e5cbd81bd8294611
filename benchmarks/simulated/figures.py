"""What a week came to: interruptions, times, stalls, and what must be nothing."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.simulated.answering import Case
from benchmarks.simulated.week import Week, asks_of
from escalations.models import Decision, Escalation, Proposal
from governance.asking.interruptions import per_day

# Who was told of nothing for so long was forgotten: the digest comes once a day.
TOLD_WITHIN = timedelta(hours=28)


@dataclass(frozen=True, slots=True)
class Figures:
    """Times in minutes."""

    raised: int
    decided: int
    left_open: int
    mails: int
    interruptions: dict[str, list[int]]
    looks: int
    first_look: list[float]
    blocking: list[float]
    stopping_nothing: list[float]
    grave: list[float]
    reminded: int
    climbed: int
    proposals: int
    by_machines: int
    dropped: list[str]
    refusals: list[str]
    kinds: dict[str, int]

    @property
    def all_days(self) -> list[int]:
        return [count for days in self.interruptions.values() for count in days]

    @property
    def mails_per_case(self) -> float:
        return self.mails / self.raised if self.raised else 0.0


def figures_of(week: Week) -> Figures:
    """Counted from the portal's own rows wherever it has them, else from the mails."""
    cases = list(week.cases.values())
    asks = asks_of(cases)
    approvers = {one.user.email for one in week.approvers.values()}
    decided = [one for one in cases if one.decided_at]
    return Figures(
        raised=len(cases),
        decided=len(decided),
        left_open=len(cases) - len(decided),
        mails=sum(one.to in approvers for one in week.mails),
        interruptions=_interruptions(week),
        looks=sum(one.looks for one in week.approvers.values()),
        first_look=[_minutes(one.first_look - one.opened_at) for one in cases if one.first_look],
        blocking=_times(one for one in decided if one.blocking),
        stopping_nothing=_times(one for one in decided if not one.blocking),
        grave=_times(one for one in decided if one.risk == "high"),
        reminded=sum(ask.repeats > 0 for ask in asks.values()),
        climbed=sum(ask.step > 0 for ask in asks.values()),
        proposals=Proposal.objects.count(),
        by_machines=_by_machines(week, decided),
        dropped=_dropped(week, cases),
        refusals=week.refusals,
        kinds=dict(Counter(one.risk for one in cases))
        | {"blocking": sum(one.blocking for one in cases)}
        | {"groups": len({one.group for one in cases})},
    )


def share(values: Sequence[float], part: float) -> float:
    """The value that so large a part of them does not exceed; 0 of none."""
    ordered = sorted(values)
    return float(ordered[max(0, math.ceil(part * len(ordered)) - 1)]) if ordered else 0.0


def _interruptions(week: Week) -> dict[str, list[int]]:
    """Of each approver and day of their own clock, those without any as well."""
    names = {one.user.pk: one.person.name for one in week.approvers.values()}
    counted = per_day(list(names), week.start, week.end)
    days = [(week.start + timedelta(days=n)).date() for n in range((week.end - week.start).days)]
    return {names[pk]: [counts[day] for day in days] for pk, counts in counted.items()}


def _times(cases: Iterable[Case]) -> list[float]:
    return [_minutes(one.decided_at - one.opened_at) for one in cases if one.decided_at]


def _minutes(span: timedelta) -> float:
    return span.total_seconds() / 60


def _by_machines(week: Week, decided: Sequence[Case]) -> int:
    """Whatever settled a case other than the vote of an approver of this week."""
    people = {one.user.pk for one in week.approvers.values()}
    made = Decision.objects.filter(escalation__in=week.cases)
    own = made.filter(
        ballot__voter__in=people, ballot__standing=None, escalation__in=[one.pk for one in decided]
    )
    settled = Escalation.objects.filter(pk__in=week.cases).exclude(settled_at=None)
    return settled.count() - own.count()


def _dropped(week: Week, cases: Sequence[Case]) -> list[str]:
    """Open without a question that goes on, or old and named in no mail to an approver."""
    approvers = {one.user.email for one in week.approvers.values()}
    told = frozenset().union(*(one.references for one in week.mails if one.to in approvers))
    asks = asks_of(cases)
    return [
        f"ESC-{one.pk}"
        for one in cases
        if not one.decided_at
        and (
            one.pk not in asks
            or asks[one.pk].next_action_at is None
            or (one.pk not in told and week.end - one.opened_at > TOLD_WITHIN)
        )
    ]
