"""Everything that can happen to cases, in any order, and what must hold after each step.

Services are called as the edges call them. Each example lives in a savepoint that is rolled back
at its end; constraints that the database checks at commit are checked after each step.
"""

import smtplib
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import datetime, time, timedelta
from typing import Any, ClassVar

from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from escalations.acting import consume, dismiss, report_outcome, withdraw
from escalations.answers import answer_of, load_case
from escalations.following.reconciling import reconcile
from escalations.models import Decision, Escalation
from escalations.thread import answer_question, ask_runner
from governance.asking.digest import enqueue_digests
from governance.asking.dispatch import dispatch
from governance.asking.models import Ask, Notification, Policy, Reason, Rung
from governance.asking.nudging import nudge
from governance.asking.sweep import sweep
from governance.asking.together.claims import claim_ask, release_claim
from governance.asking.together.comments import comment_on
from governance.asking.together.handing_over import hand_over
from governance.asking.together.snoozing import end_snooze, snooze_ask
from governance.asking.watchdogs.auditor import LIMIT
from governance.asking.watchdogs.checks import known
from governance.audit.services import verify
from governance.base.errors import Refusal
from governance.people.away import end_absence, enter_absence
from governance.people.models import Delegation, QuietHours, Role, Runner, User
from tests.escalations.acts import ACT, agent, approve, approver, ask, reject, version
from tests.escalations.must_hold import APPEND_ONLY, BROKEN
from tests.factories import NOW, RunnerFactory, UserFactory
from tests.faults.everything import changed, everything

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERYBODY = ("ada", "ben", "cleo", "gone", "owner", "admin", "stranger")
AMONG_COLLEAGUES = ("claim", "release", "nudge", "comment", "snooze", "wake", "hand over")
# What a sweep that did not run yet, or a clock that jumped, may leave for a while.
IN_TIME = {
    "question not moved",
    "question asleep",
    "notice with a stuck lease",
    "notice held for ever",
    "notice without an end",
}
# The number of the statement that writes before which everything stops; mostly none.
CRASHES = st.one_of(st.none(), st.none(), st.none(), st.integers(0, 9))
PEOPLE = st.sampled_from(EVERYBODY)
MOODS = ("fine", "fine", "fine", "down", "later", "never", "lost")


class Crash(BaseException):
    """The process dies. No ``except Exception`` is asked about it."""


@contextmanager
def crash_before(number: int | None) -> Any:
    """Die before the write with this number; yields whether it came to that."""
    left, died = number, []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        if sql.lstrip().startswith(("INSERT", "UPDATE")):
            if left == 0:
                raise Crash
            left = left - 1 if left is not None else None
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        try:
            yield died
        except Crash:
            died.append(True)


class Post(BaseEmailBackend):
    """A mail server in one of several moods; notes what should not have been sent."""

    mood: ClassVar[str] = "fine"
    sent: ClassVar[list[str]] = []
    wrong: ClassVar[list[str]] = []

    def open(self) -> bool:
        if self.mood == "down":
            raise ConnectionRefusedError
        return True

    def send_messages(self, messages: Any) -> int:
        for message in messages:
            self._send(message)
        return len(messages)

    def _send(self, message: Any) -> None:
        to = message.to[0]
        if self.mood in {"later", "never"}:
            code = 450 if self.mood == "later" else 550
            raise smtplib.SMTPRecipientsRefused({to: (code, b"not now")})
        number = message.extra_headers["Message-ID"].strip("<>").split("@")[0]
        self.sent.append(number)
        self._check(number, to)
        if self.mood == "lost":
            raise smtplib.SMTPServerDisconnected

    def _check(self, number: str, to: str) -> None:
        row = Notification.objects.select_related("ask", "recipient").get(message_id=number)
        told = [row, *Notification.objects.select_related("ask").filter(bundled_into=row)]
        if row.state != "sending" or row.recipient.email != to or not row.recipient.is_active:
            self.wrong.append(f"{row.state} notice {row.pk} to {to}")
        for one in told:
            if one.ask is None or one.reason in {Reason.NEWS, Reason.SETTLED}:
                continue
            if one.ask.closed_at or row.recipient_id in one.ask.excluded:
                self.wrong.append(f"notice {one.pk} about what {to} may not or need not answer")


class Cast:
    """Who there is in every example."""

    def __init__(self) -> None:
        self.runner: Runner = RunnerFactory()
        self.other: Runner = RunnerFactory()
        # The one version there is may go on while it waits; another is unknown and must stop.
        version(agent(), frontmatter={})
        self.people: dict[str, User] = {
            "ada": approver(),
            "ben": approver(),
            "cleo": approver(),
            "gone": approver(is_active=False),
            "owner": self.runner.owner,
            "admin": UserFactory(roles=[Role.ADMINISTRATOR]),
            "stranger": UserFactory(is_superuser=True),
        }
        self.runner.owner.roles = [Role.OWNER, Role.APPROVER]
        self.runner.owner.save()


class Engine(RuleBasedStateMachine):
    """Runners, people, timers and faults. ``cast`` is set by the test."""

    cast: ClassVar[Cast]
    cases = Bundle("cases")

    def __init__(self) -> None:
        super().__init__()
        self.at = self.latest = NOW
        self.whole = transaction.atomic()
        self.whole._from_testcase = True
        self.whole.__enter__()
        self.kept: dict[str, str] = {}
        self.active = {name for name in EVERYBODY if name != "gone"}
        self.voted: set[tuple[int, str]] = set()
        Post.mood, Post.sent, Post.wrong = "fine", [], []

    def teardown(self) -> None:
        faults = [] if connection.needs_rollback else list(verify())
        transaction.set_rollback(True)
        self.whole.__exit__(None, None, None)
        assert faults == []

    # --- how acts are done --------------------------------------------------------------------

    def act(self, crash: int | None, do: Callable[[], Any]) -> Any:
        """One act of a service, which may be refused or die; then it has left nothing."""
        before = everything() if crash is not None else {}
        result = None
        with crash_before(crash) as died, suppress(Refusal):
            result = do()
        if died:
            assert changed(before) == []
        return result

    def case(self, pk: int) -> Escalation:
        return Escalation.objects.get(pk=pk)

    def person(self, name: str) -> User:
        return User.objects.get(pk=self.cast.people[name].pk)

    # --- the runner ---------------------------------------------------------------------------

    @initialize(target=cases)
    def a_question_and_an_act(self) -> Any:
        asked = ask(self.cast.runner, at=self.at, task="Asks")
        wanted = ask(self.cast.runner, at=self.at, task="Acts", action=ACT)
        return multiple(asked.pk, wanted.pk)

    @rule(
        target=cases,
        task=st.integers(0, 3),
        acts=st.booleans(),
        blocking=st.booleans(),
        known=st.booleans(),
        risk=st.sampled_from(["", "low", "medium"]),
        crash=CRASHES,
    )
    def raises(
        self, task: int, acts: bool, blocking: bool, known: bool, risk: str, crash: int | None
    ) -> Any:
        changes: dict[str, Any] = {"task": f"Task {task}", "blocking": blocking}
        changes |= {"version": 1} if known else {}
        changes |= {"action": ACT} if acts else {}
        changes |= {"risk": risk} if risk else {}
        case = self.act(crash, lambda: ask(self.cast.runner, at=self.at, **changes))
        if case is None:
            return multiple()
        # An unknown version must stop, and an act is never of low risk.
        assert case.blocking or not blocking and known
        assert case.risk in ({"medium", "high"} if acts else {"low", "medium", "high"})
        return case.pk

    @rule(target=cases, pk=cases, task=st.integers(4, 6), crash=CRASHES)
    def edits_its_question(self, pk: int, task: int, crash: int | None) -> Any:
        old = self.case(pk)
        changes = {"task": f"Task {task} instead of {pk}", "supersedes": old.ref}
        new = self.act(crash, lambda: ask(self.cast.runner, at=self.at, **changes))
        if new is None or new.supersedes_id != pk:
            return multiple()
        assert self.case(pk).status == "withdrawn"
        return new.pk

    @rule(pk=cases, text=st.sampled_from(["All", "None"]), crash=CRASHES)
    def answers(self, pk: int, text: str, crash: int | None) -> None:
        self.act(
            crash,
            lambda: answer_question(
                escalation_id=pk, runner=self.cast.runner, text=text, at=self.at
            ),
        )

    @rule(pk=cases, foreign=st.booleans(), crash=CRASHES)
    def withdraws(self, pk: int, foreign: bool, crash: int | None) -> None:
        runner = self.cast.other if foreign else self.cast.runner
        case = self.act(
            crash, lambda: withdraw(escalation_id=pk, runner=runner, reason="", at=self.at)
        )
        assert not (foreign and case)

    @rule(pk=cases, same=st.booleans(), foreign=st.booleans(), crash=CRASHES)
    def spends(self, pk: int, same: bool, foreign: bool, crash: int | None) -> None:
        sha256 = self.case(pk).request_sha256 if same else "f" * 64
        runner = self.cast.other if foreign else self.cast.runner
        spent = self.act(
            crash,
            lambda: consume(escalation_id=pk, runner=runner, request_sha256=sha256, at=self.at),
        )
        assert not (spent and (foreign or not same))
        assert not spent or spent[0].use_before > self.at

    @rule(pk=cases, result=st.sampled_from(["succeeded", "failed", "unknown"]), crash=CRASHES)
    def reports(self, pk: int, result: str, crash: int | None) -> None:
        self.act(
            crash,
            lambda: report_outcome(
                escalation_id=pk,
                runner=self.cast.runner,
                result=result,
                summary="",
                constraints=[],
                at=self.at,
            ),
        )

    # --- people -------------------------------------------------------------------------------

    @rule(
        pk=cases,
        who=PEOPLE,
        yes=st.booleans(),
        seen=st.sampled_from(["this", "this", "this", "another"]),
        crash=CRASHES,
    )
    def votes(self, pk: int, who: str, yes: bool, seen: str, crash: int | None) -> None:
        case, by = self.case(pk), self.person(who)
        had = case.ballots.filter(voter=by).exists()
        said: dict[str, Any] = {"at": self.at, "reason": "Because."}
        if seen == "another":
            said["seen_sha256"] = "e" * 64
        self.act(crash, lambda: (approve if yes else reject)(case, by, **said))
        if not had and case.ballots.filter(voter=by).exists():
            assert who in {"ada", "ben", "cleo"} & self.active
            assert seen == "this"

    @rule(pk=cases, who=st.sampled_from(["ada", "ben", "cleo", "owner"]), crash=CRASHES)
    def says_yes_and_it_is_used_twice(self, pk: int, who: str, crash: int | None) -> None:
        case, by = self.case(pk), self.person(who)
        had = case.ballots.filter(voter=by).exists()
        self.act(crash, lambda: approve(case, by, at=self.at))
        if not had and case.ballots.filter(voter=by).exists():
            assert who in {"ada", "ben", "cleo"} & self.active
        uses = [
            self.act(
                None,
                lambda: consume(
                    escalation_id=pk,
                    runner=self.cast.runner,
                    request_sha256=case.request_sha256,
                    at=self.at,
                ),
            )
            for _ in range(2)
        ]
        assert uses[1] is None

    @rule(pk=cases, who=PEOPLE, crash=CRASHES)
    def asks_back(self, pk: int, who: str, crash: int | None) -> None:
        by = self.person(who)
        self.act(crash, lambda: ask_runner(escalation_id=pk, by=by, text="Which?", at=self.at))

    @rule(pk=cases, who=PEOPLE, crash=CRASHES)
    def dismisses(self, pk: int, who: str, crash: int | None) -> None:
        by = self.person(who)
        self.act(crash, lambda: dismiss(escalation_id=pk, by=by, reason="gone", at=self.at))

    @rule(who=st.sampled_from(["ada", "ben", "cleo"]))
    def comes_or_leaves(self, who: str) -> None:
        self.active ^= {who}
        User.objects.filter(pk=self.cast.people[who].pk).update(is_active=who in self.active)

    @rule(
        votes=st.integers(1, 2),
        rungs=st.lists(st.sampled_from([Role.APPROVER, Role.ADMINISTRATOR]), max_size=3),
        delay=st.sampled_from([timedelta(0), HOUR, DAY]),
    )
    def edits_the_policies(self, votes: int, rungs: list[str], delay: timedelta) -> None:
        """Running questions keep their copy; the votes that new ones need may grow."""
        for policy in Policy.objects.filter(kind="case"):
            Policy.objects.filter(pk=policy.pk).update(required_votes=votes)
            policy.rungs.all().delete()
            Rung.objects.bulk_create(
                Rung(
                    policy=policy,
                    position=3 * place,
                    audience="role",
                    role=role,
                    delay=delay * place,
                    repeat_every=HOUR,
                    repeat_cap=DAY,
                )
                for place, role in enumerate(rungs)
            )

    # --- people among themselves --------------------------------------------------------------

    def asked(self, pk: int) -> int:
        """The number of the question about a case, open or closed."""
        newest = Ask.objects.filter(subject=self.case(pk).subject).latest("pk")
        return int(newest.pk)

    @rule(
        pk=cases,
        who=PEOPLE,
        act=st.sampled_from(
            ["claim", "release", "nudge", "comment", "snooze", "wake", "hand over"]
        ),
        hours=st.integers(1, 26),
        other=PEOPLE,
        crash=CRASHES,
    )
    def colleagues_act(
        self, pk: int, who: str, act: str, hours: int, other: str, crash: int | None
    ) -> None:
        by, at, number = self.person(who), self.at, self.asked(pk)
        to = self.person(other)
        acts: dict[str, Callable[[], Any]] = {
            "claim": lambda: claim_ask(ask_id=number, by=by, at=at),
            "release": lambda: release_claim(ask_id=number, by=by, at=at),
            "nudge": lambda: nudge(ask_id=number, by=by, at=at),
            "comment": lambda: comment_on(ask_id=number, by=by, text=f"@{to.email} look", at=at),
            "snooze": lambda: snooze_ask(
                ask_id=number, by=by, until=at + hours * HOUR, reason="Busy.", at=at
            ),
            "wake": lambda: end_snooze(ask_id=number, by=by, at=at),
            "hand over": lambda: hand_over(ask_id=number, to_id=to.pk, by=by, at=at, reason="You"),
        }
        before = Ask.objects.get(pk=number)
        self.act(crash, acts[act])
        after = Ask.objects.get(pk=number)
        # Nobody holds up the ladder for all: what is due stays due, or is due earlier.
        if before.next_action_at and after.next_action_at:
            assert after.next_action_at <= max(before.next_action_at, self.at)
        assert (before.closed_at, before.step) == (after.closed_at, after.step)

    @rule(who=PEOPLE, to=st.one_of(st.none(), PEOPLE), hours=st.integers(1, 60), crash=CRASHES)
    def goes_away(self, who: str, to: str | None, hours: int, crash: int | None) -> None:
        by = self.person(who)
        delegate = self.cast.people[to].pk if to else None
        self.act(
            crash,
            lambda: enter_absence(
                person_id=by.pk,
                starts_at=self.at,
                ends_at=self.at + hours * HOUR,
                by=by,
                at=self.at,
                delegate_id=delegate,
            ),
        )

    @rule(who=PEOPLE, crash=CRASHES)
    def comes_back(self, who: str, crash: int | None) -> None:
        by = self.person(who)
        for absence in Delegation.objects.filter(person=by, ended_at=None):
            number = absence.pk
            self.act(crash, lambda number=number: end_absence(absence_id=number, by=by, at=self.at))

    @rule(
        who=PEOPLE,
        starts=st.integers(0, 23),
        length=st.integers(1, 14),
        zone=st.sampled_from(
            ["UTC", "Europe/Berlin", "Australia/Sydney", "Asia/Kathmandu", "America/New_York"]
        ),
    )
    def sleeps(self, who: str, starts: int, length: int, zone: str) -> None:
        user = self.cast.people[who]
        User.objects.filter(pk=user.pk).update(time_zone=zone)
        QuietHours.objects.filter(user=user).delete()
        QuietHours.objects.create(
            user=user,
            weekdays=[0, 1, 2, 3, 4, 5, 6],
            starts=time(starts),
            ends=time((starts + length) % 24),
        )

    # --- clocks and machinery -----------------------------------------------------------------

    @rule(by=st.sampled_from([-HOUR, MINUTE, 5 * MINUTE, HOUR, 4 * HOUR, DAY, 9 * DAY]))
    def time_passes_or_jumps_back(self, by: timedelta) -> None:
        self.at += by
        self.latest = max(self.at, self.latest)

    @rule(limit=st.sampled_from([1, 500]), crash=CRASHES)
    def sweeps(self, limit: int, crash: int | None) -> None:
        with crash_before(crash):
            sweep(at=self.at, limit=limit)

    @rule(mood=st.sampled_from(MOODS), crash=CRASHES)
    def sends(self, mood: str, crash: int | None) -> None:
        Post.mood = mood
        with crash_before(crash):
            dispatch(at=self.at)

    @rule(crash=CRASHES)
    def reconciles_and_digests(self, crash: int | None) -> None:
        with crash_before(crash):
            reconcile(at=self.at)
            enqueue_digests(at=self.at)

    @rule()
    def the_auditor_looks(self) -> None:
        """It never finds what only a broken rule of the portal could have left."""
        found = {
            name: [one.sentence for one in check(self.at, LIMIT)]
            for name, check in known().items()
            if name not in IN_TIME
        }
        assert not {name: sentences for name, sentences in found.items() if sentences}

    # --- what must hold -----------------------------------------------------------------------

    @invariant()
    def the_database_would_commit_this(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")

    @invariant()
    def nothing_is_broken(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(BROKEN, {"latest": self.latest})
            assert cursor.fetchall() == []
        assert Post.wrong == []

    @invariant()
    def what_is_written_stays_as_it_is(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(APPEND_ONLY)
            now = dict(cursor.fetchall())
        assert {key: now.get(key) for key in self.kept} == self.kept
        self.kept = now

    @invariant()
    def only_a_yes_of_people_says_proceed(self) -> None:
        for case in Escalation.objects.order_by("-revision")[:1]:
            answer = answer_of(load_case(case.pk))
            yes = Decision.objects.filter(escalation=case).exclude(ballot__verdict="rejected")
            assert answer["proceed"] is yes.exists()
            assert bool(answer["receipt"]) is (case.status == "decided")

    @invariant()
    def an_open_question_is_never_forgotten(self) -> None:
        """However often it failed: the next try is at most a day and a bit away."""
        far: datetime = self.latest + 2 * DAY
        assert not Ask.objects.open().filter(next_action_at__gt=far).exists()
