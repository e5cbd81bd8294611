"""Kills at random, a broker that forgets, people who decide meanwhile; and what came of it."""

import random
import subprocess
import time
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage

import redis
from django.conf import settings
from django.utils import timezone

from escalations.models import Escalation
from governance.asking.models import Ask, Notification, NotificationState
from governance.asking.outbox import LEASE
from governance.people.models import Runner, User
from tests.e2e.conftest import Mailbox, eventually, text_of
from tests.escalations.acts import approve, ask, reject
from tests.faults.conftest import Parts
from tests.faults.mails import expire_leases, number_of

WORKERS, BEATS = 3, 2
LONGEST_MAIL = timedelta(seconds=5)
S = NotificationState


@dataclass(frozen=True)
class Ended:
    """A case at the moment after its decision: which notices were being sent, and what was out."""

    sending: dict[int, int]
    mails: int


@dataclass
class Chaos:
    """Three workers and two schedulers under fire."""

    parts: Parts
    mailbox: Mailbox
    runner: Runner
    people: list[User]
    chance: random.Random
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    beats: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    cases: list[Escalation] = field(default_factory=list)
    ended: dict[int, Ended] = field(default_factory=dict)
    kills: int = 0

    def run(self, *, seconds: float, kill_every: float) -> None:
        self.workers = [self.parts.start("worker") for _ in range(WORKERS)]
        self.beats = [self.parts.start("beat") for _ in range(BEATS)]
        self.ask()
        eventually(lambda: self.mailbox.messages, what="the first mail is out", seconds=60)
        until = time.monotonic() + seconds
        next_kill = time.monotonic() + kill_every / 2
        while time.monotonic() < until:
            acts = [self.ask, self.decide, self.free, self.forget, lambda: None]
            self.chance.choices(acts, [6, 4, 3, 1, 8])[0]()
            if time.monotonic() > next_kill:
                next_kill = time.monotonic() + kill_every * self.chance.uniform(0.7, 1.3)
                self.kill()
            time.sleep(self.chance.uniform(0.02, 0.12))

    def ask(self) -> None:
        if len(self.cases) - len(self.ended) < 25:
            problem = f"Which way is number {len(self.cases):04}"
            self.cases.append(ask(self.runner, at=timezone.now(), problem=problem))

    def decide(self) -> None:
        waiting = [case for case in self.cases if case.pk not in self.ended]
        if len(waiting) < 5:
            return
        case, by = self.chance.choice(waiting), self.chance.choice(self.people)
        self.chance.choice([approve, reject])(case, by, at=timezone.now())
        rows = Notification.objects.filter(ask__subject=case.subject, state=S.SENDING)
        self.ended[case.pk] = Ended(
            dict(rows.values_list("pk", "attempts")), len(self.mailbox.messages)
        )

    def kill(self) -> None:
        """One worker, wherever it is; sometimes one scheduler as well."""
        self._replace(self.workers, "worker")
        if self.chance.random() < 0.3:
            self._replace(self.beats, "beat")

    def _replace(self, those: list["subprocess.Popen[bytes]"], kind: str) -> None:
        victim = self.chance.choice(those)
        self.parts.kill(victim)
        those.remove(victim)
        those.append(self.parts.start(kind))
        self.kills += kind == "worker"

    def free(self) -> None:
        """The leases of dead workers run out; a living one has done its mail long before."""
        taken = Notification.objects.filter(state=S.SENDING)
        taken.filter(lease_until__lt=timezone.now() + LEASE - LONGEST_MAIL).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )

    def forget(self) -> None:
        """The broker loses all that it holds."""
        with redis.from_url(settings.REDIS_URL) as broker:
            broker.flushall()

    # --- the reckoning ------------------------------------------------------------------------

    def rows_of(self, mail: EmailMessage) -> list[Notification]:
        """The notices that one mail told of: what was settled meanwhile is left out of a bundle."""
        number, said = number_of(mail), text_of(mail)
        rows = Notification.objects.filter(message_id=number)
        bundled = Notification.objects.filter(bundled_into__message_id=number)
        return [row for row in [*rows, *bundled] if row.ask and row.ask.title in said]

    def lost(self) -> list[str]:
        """Who waits for a decision that nobody told them of; and what only looks delivered."""
        out = {number_of(mail) for mail in self.mailbox.messages}
        accepted = Notification.objects.filter(state=S.ACCEPTED).select_related("bundled_into")
        found = [
            f"notice {row.pk} is not outside"
            for row in accepted
            if (row.bundled_into or row).message_id.hex not in out
        ]
        told = set(accepted.values_list("ask__subject", "recipient"))
        for case in self.cases:
            if case.pk not in self.ended:
                untold = [one for one in self.people if (case.subject, one.pk) not in told]
                found += [f"{one.email} knows nothing of {case.ref}" for one in untold]
        return found

    def sent_after_the_decision(self) -> list[str]:
        """Mails about settled cases whose sending had not begun, or that went out once more."""
        found = []
        by_subject = {Escalation(pk=pk).subject: end for pk, end in self.ended.items()}
        later: dict[int, int] = {}
        for place, mail in enumerate(self.mailbox.messages):
            for row in self.rows_of(mail):
                end = by_subject.get(row.question.subject)
                if end is None or place < end.mails:
                    continue
                later[row.pk] = later.get(row.pk, 0) + 1
                if row.pk not in end.sending or later[row.pk] > 1:
                    found.append(f"notice {row.pk}: mail {place} after the end at {end.mails}")
        for subject, end in by_subject.items():
            for row in Notification.objects.filter(ask__subject=subject, state=S.ACCEPTED):
                if row.settled_at and row.attempts > end.sending.get(row.pk, row.attempts):
                    found.append(f"notice {row.pk} was begun again after the end")
        return found

    def duplicates(self) -> int:
        ids = [number_of(mail) for mail in self.mailbox.messages]
        return len(ids) - len(set(ids))

    def strangers(self) -> set[str]:
        """Message-IDs that belong to no notice: a second try under another name."""
        known = {one.hex for one in Notification.objects.values_list("message_id", flat=True)}
        return {number_of(mail) for mail in self.mailbox.messages} - known

    def settle_down(self) -> None:
        """All are dead; nobody is reminded again, what is due was told."""
        self.parts.stop()
        expire_leases()
        Ask.objects.open().filter(step__gte=0).update(
            next_action_at=timezone.now() + timedelta(hours=9)
        )
