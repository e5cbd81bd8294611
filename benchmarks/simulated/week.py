"""One week: runners raise, the engine's loops turn, people look and decide. Nothing waits.

The clock is a queue of moments, handed to the real services as ``at``. Every raise turns the sweep
and the dispatch at once, as the poke does; a tick does so every five minutes.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from unittest import mock

from django.core import mail
from django.core.mail import EmailMessage
from django.test import override_settings

from benchmarks.simulated.answering import (
    SESSION,
    Case,
    answer_to,
    delay_of_look,
    handling_of,
    is_looked_at_off_work,
    next_session,
    references_in,
)
from benchmarks.simulated.questions import Question
from benchmarks.simulated.world import APPROVERS, METHOD, Person, runner
from escalations.models import Escalation
from escalations.raising import raise_case
from escalations.schema import read_payload
from escalations.together.deciding import Result, Vote, decide_each
from governance.asking import outbox
from governance.asking.digest import enqueue_digests
from governance.asking.dispatch import dispatch
from governance.asking.models import Ask, Authentication, Policy
from governance.asking.services import record_sighting
from governance.asking.sweep import sweep
from governance.base.canonical import canonical
from governance.people.models import User

TICK = timedelta(minutes=5)
BACKEND = "django.core.mail.backends.locmem.EmailBackend"
WITHOUT_END = 1_000_000


@dataclass(frozen=True, slots=True)
class Variant:
    """What of the engine is switched on. ``mails_per_hour`` of None is the portal's own."""

    name: str
    digest: bool
    groups: bool
    bundles: bool
    mails_per_hour: int | None = None


BEFORE = Variant("before", digest=False, groups=False, bundles=False, mails_per_hour=WITHOUT_END)
AFTER = Variant("after", digest=True, groups=True, bundles=True)


@dataclass(slots=True)
class Approver:
    person: Person
    user: User
    look_at: datetime | None = None
    unread: bool = False
    until: datetime | None = None
    only_urgent: bool = False
    looks: int = 0
    # Groups that this person has answered: the next of the kind is easier.
    known: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Mail:
    at: datetime
    to: str
    subject: str
    references: frozenset[int]


class Week:
    """The play; afterwards it holds every case, every mail and every refusal."""

    def __init__(
        self,
        variant: Variant,
        questions: Iterable[Question],
        *,
        start: datetime,
        days: int,
        seed: int,
        tick: timedelta = TICK,
    ) -> None:
        self.variant, self.start, self.tick = variant, start, tick
        self.end = start + timedelta(days=days)
        self.chance = random.Random(seed)
        self.runner = runner()
        self.cases: dict[int, Case] = {}
        self.in_hand: set[int] = set()
        self.mails: list[Mail] = []
        self.refusals: list[str] = []
        self._queue: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = itertools.count()
        users = {user.email: user for user in User.objects.all()}
        self.approvers = {one.email: Approver(one, users[one.email]) for one in APPROVERS}
        self._fill(questions, days)

    def play(self) -> "Week":
        """From the first moment to the last."""
        Policy.objects.filter(in_digest=True).update(in_digest=self.variant.digest)
        with (
            override_settings(**self._settings()),
            mock.patch.multiple(outbox, **self._bundling()),
        ):
            self._empty_the_outbox()
            while self._queue:
                at, _, act = heapq.heappop(self._queue)
                act(at)
        return self

    def _settings(self) -> dict[str, object]:
        limit = self.variant.mails_per_hour
        return {"EMAIL_BACKEND": BACKEND} | ({"MAILS_PER_HOUR": limit} if limit else {})

    def _bundling(self) -> dict[str, int]:
        if not self.variant.bundles:
            return {"BUNDLE_FROM": WITHOUT_END, "BUNDLE_HELD_FROM": WITHOUT_END}
        return {"BUNDLE_FROM": outbox.BUNDLE_FROM, "BUNDLE_HELD_FROM": outbox.BUNDLE_HELD_FROM}

    def _empty_the_outbox(self) -> None:
        """What was left from before the week is none of its mails."""
        dispatch(at=self.start - TICK)
        mail.outbox = []

    # --- the queue ---------------------------------------------------------------------------

    def _later(self, at: datetime, act: Callable[[datetime], None]) -> None:
        if at < self.end:
            heapq.heappush(self._queue, (at, next(self._order), act))

    def _fill(self, questions: Iterable[Question], days: int) -> None:
        for question in questions:
            self._later(question.at, partial(self._raise, question))
        for number in range(int((self.end - self.start) / self.tick)):
            self._later(self.start + number * self.tick, self._tick)
        for approver in self.approvers.values():
            for morning in approver.person.mornings(self.start, days):
                self._later(morning, partial(self._morning, approver))

    # --- the engine --------------------------------------------------------------------------

    def _raise(self, question: Question, at: datetime) -> None:
        case, _ = raise_case(
            runner=self.runner,
            payload=read_payload(question.body),
            idempotency_key="",
            body=canonical(question.body),
            source_format="json",
            at=at,
        )
        self.cases[case.pk] = Case.of(case, at)
        self._turn(at)

    def _tick(self, at: datetime) -> None:
        self._turn(at, digests=self.variant.digest)

    def _turn(self, at: datetime, *, digests: bool = False) -> None:
        sweep(at=at)
        if digests:
            enqueue_digests(at=at)
        while dispatch(at=at):
            pass
        for message in mail.outbox:
            self._arrives(message, at)
        mail.outbox = []

    # --- people ------------------------------------------------------------------------------

    def _arrives(self, message: EmailMessage, at: datetime) -> None:
        (to,) = message.to
        text = f"{message.subject} {message.body}"
        told = Mail(at, to, str(message.subject), references_in(text))
        self.mails.append(told)
        if approver := self.approvers.get(to):
            is_urgent = any(
                self.cases[pk].risk == "high" for pk in told.references & set(self.cases)
            )
            self._hears(approver, at, is_urgent=is_urgent)

    def _hears(self, approver: Approver, at: datetime, *, is_urgent: bool) -> None:
        if approver.person.is_at_work(at, week=self.start):
            self._plan_look(approver, at + delay_of_look(self.chance))
            return
        approver.unread = True
        is_away = approver.person.is_away(at, week=self.start)
        if is_urgent and not is_away and is_looked_at_off_work(self.chance, approver.person, at):
            self._plan_look(approver, at + delay_of_look(self.chance))

    def _plan_look(self, approver: Approver, at: datetime) -> None:
        if approver.until is None and (approver.look_at is None or at < approver.look_at):
            approver.look_at = at
            self._later(at, partial(self._look, approver))

    def _morning(self, approver: Approver, at: datetime) -> None:
        if approver.unread:
            approver.unread = False
            self._plan_look(approver, at + delay_of_look(self.chance))

    def _look(self, approver: Approver, at: datetime) -> None:
        if approver.look_at != at or approver.until is not None:
            return
        approver.look_at = None
        approver.only_urgent = not approver.person.is_at_work(at, week=self.start)
        approver.until, approver.looks = at + SESSION, approver.looks + 1
        self._take_next(approver, at)

    def _take_next(self, approver: Approver, at: datetime) -> None:
        found = self._open_to(approver)
        goes_on = approver.only_urgent or approver.person.is_at_work(at, week=self.start)
        if not found or not goes_on or approver.until is None or at >= approver.until:
            self._stop(approver, at, something_left=bool(found))
            return
        first = min(found, key=lambda one: one.urgency)
        together = [first]
        if self.variant.groups:
            together += [one for one in found if one.group == first.group and one is not first]
        self.in_hand |= {one.pk for one in together}
        for one in together:
            one.first_look = one.first_look or at
        record_sighting(ask_id=first.ask, user=approver.user, at=at)
        is_known = first.group in approver.known
        takes = handling_of(first, len(together), is_known=is_known)
        self._later(at + takes, partial(self._decide, approver, together))

    def _open_to(self, approver: Approver) -> list[Case]:
        return [
            one
            for one in self.cases.values()
            if one.is_open
            and one.pk not in self.in_hand
            and (not approver.only_urgent or one.risk == "high")
        ]

    def _stop(self, approver: Approver, at: datetime, *, something_left: bool) -> None:
        approver.until = None
        if something_left and not approver.only_urgent:
            approver.unread = True
            self._plan_look(approver, next_session(at))

    def _decide(self, approver: Approver, together: list[Case], at: datetime) -> None:
        for one in together[1:]:
            record_sighting(ask_id=one.ask, user=approver.user, at=at)
        results = decide_each(
            [Vote(one.pk, answer_to(one)) for one in together],
            by=approver.user,
            method=METHOD,
            level=Authentication.FRESH,
            at=at,
            shown_as="simulation",
        )
        self.in_hand -= {one.pk for one in together}
        approver.known.add(together[0].group)
        for result in results:
            self._note(result, at)
        self._take_next(approver, at)

    def _note(self, result: Result, at: datetime) -> None:
        case = self.cases[result.escalation_id]
        if result.is_decided:
            case.decided_at = at
        else:
            case.is_refused = True
            self.refusals.append(f"{result.ref}: {result.sentence}")


def asks_of(cases: Iterable[Case]) -> dict[int, Ask]:
    """The question to people of each case, as the portal left it."""
    subjects = {Escalation(pk=one.pk).subject: one.pk for one in cases}
    return {subjects[ask.subject]: ask for ask in Ask.objects.filter(subject__in=subjects)}
