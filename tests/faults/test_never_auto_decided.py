"""However long nobody answers, and whatever the machinery does: only people decide."""

import random
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from agents.models import Permit, Release
from escalations import acting, thread
from escalations.answers import answer_of, load_case
from escalations.models import Ballot, Decision, Escalation, Status
from governance.asking import dispatch as dispatching
from governance.asking import tasks
from governance.asking.models import Ask, Notification
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.errors import Refusal
from governance.base.roles import application_role
from governance.constitution import services as law
from governance.constitution.models import Ratification
from governance.people.models import User
from governance.review.models import Review, Vote
from governance.review.services import take_back
from tests.agents import acts as agent_acts
from tests.constitution import acts as law_acts
from tests.escalations.acts import ACT, approver, ask
from tests.factories import NOW, RunnerFactory

DAYS = 30
CASES, VERSIONS = 12, 4


# --- a month without an answer ----------------------------------------------------------------


def a_portal_full_of_questions(runner):
    """Questions and acts, reviews of versions and a ratification; nobody will vote."""
    cases = [
        ask(runner, task=f"Task {n}", **({"action": ACT} if n % 2 else {})) for n in range(CASES)
    ]
    for number in range(VERSIONS):
        made = agent_acts.bring_in(raw=agent_acts.definition(f"agent-{number}"))
        agent_acts.submit_version(version_id=made.pk, by=made.author, at=NOW)
    law_acts.submitted()
    return cases


def machinery(chance, monkeypatch):
    """What runs by itself: ticks, pokes, retries with a broken mail server, commands."""

    def tick():
        tasks.tick()

    def poke():
        tasks.dispatch()

    def without_mail():
        with monkeypatch.context() as patch:
            patch.setattr(dispatching, "message_of", _fail)
            tasks.tick()

    def commands():
        call_command("clearsessions")
        call_command("migrate", verbosity=0, plan=True)

    return chance.choices([tick, poke, without_mail, commands], [6, 2, 1, 1])[0]


def _fail(*args):
    raise OSError("the mail server is gone")


def close_something(chance, runner, people):
    """Ends without a decision: the runner gives up, somebody dismisses or takes back."""
    at = timezone.now()
    case = chance.choice(list(Escalation.objects.unresolved()) or [None])
    review = chance.choice(list(Review.objects.filter(status="in_review")) or [None])
    act = chance.choice(["withdraw", "dismiss", "ask back", "take back", "leave"])
    try:
        if act == "withdraw" and case:
            acting.withdraw(escalation_id=case.pk, runner=runner, reason="", at=at)
        elif act == "dismiss" and case:
            acting.dismiss(escalation_id=case.pk, by=people[0], reason="gone", at=at)
        elif act == "ask back" and case:
            thread.ask_runner(escalation_id=case.pk, by=people[0], text="Why?", at=at)
        elif act == "take back" and review:
            by = User.objects.get(pk=review.excluded[0])
            take_back(review_id=review.pk, by=by, at=at)
        elif act == "leave":
            User.objects.filter(pk=people[-1].pk).update(is_active=chance.random() < 0.5)
    except Refusal:
        return


def no_verdict_anywhere():
    return not (
        Decision.objects.exists()
        or Ballot.objects.exists()
        or Vote.objects.exists()
        or Permit.objects.exists()
        or Release.objects.exists()
        or Ratification.objects.exists()
        or Escalation.objects.filter(status=Status.DECIDED).exists()
        or Review.objects.exclude(status__in=["in_review", "withdrawn"]).exists()
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_52_a_month_of_reminders_and_endings_makes_no_verdict(seed, settings, monkeypatch):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    chance = random.Random(seed)
    runner, people = RunnerFactory(), [approver(), approver(), approver()]
    with time_machine.travel(NOW, tick=False) as clock:
        cases = a_portal_full_of_questions(runner)
        while timezone.now() < NOW + timedelta(days=DAYS):
            clock.shift(timedelta(minutes=chance.choice([5, 60, 240, 24 * 60])))
            machinery(chance, monkeypatch)()
            if chance.random() < 0.1:
                close_something(chance, runner, people)
            assert no_verdict_anywhere()
        clock.shift(timedelta(days=2))
        before = Notification.objects.count()
        tasks.tick()
        end = timezone.now()
    still_open = Ask.objects.open()
    unresolved = Escalation.objects.unresolved().count()
    in_review = Review.objects.filter(status="in_review").count()
    assert still_open.count() == unresolved + in_review > 0
    assert all(one.next_action_at > end for one in still_open)
    assert Notification.objects.count() > before > 0
    assert mail.outbox
    for case in cases:
        answer = answer_of(load_case(case.pk))
        assert answer["proceed"] is False
        assert not answer["receipt"]
    verdicts = ["escalation.decided", "review.approved", "review.rejected", "review.voted"]
    assert not AuditEvent.objects.filter(kind__in=verdicts).exists()
    assert law.current() is None
    assert list(verify()) == []


# --- what the database refuses ----------------------------------------------------------------


def commit():
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def refused(match, act):
    def act_and_commit():
        with transaction.atomic():
            act()
            commit()

    with pytest.raises(DatabaseError, match=match):
        act_and_commit()


def ballot_on(case, voter):
    return Ballot.objects.create(
        escalation=case,
        voter=voter,
        verdict="rejected",
        request_sha256=case.request_sha256,
        template_version="x",
        method="session",
        at=NOW,
    )


@pytest.mark.django_db
def test_53_a_decision_carries_a_vote_on_its_own_case_by_the_person_it_names():
    case, other, adam, sofia = ask(), ask(task="Another"), approver(), approver()
    commit()

    def decide_with(ballot, by):
        Escalation.objects.filter(pk=case.pk).update(status="decided", settled_at=NOW)
        Decision.objects.create(escalation=case, ballot=ballot, decided_by=by, at=NOW)

    refused("is not its voter's ballot", lambda: decide_with(ballot_on(other, adam), adam))
    refused("is not its voter's ballot", lambda: decide_with(ballot_on(case, adam), sofia))
    refused("is not its voter's ballot", lambda: decide_with(Ballot(pk=0), adam))
    decide_with(ballot_on(case, adam), adam)
    commit()


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["approved", "rejected", "changes_requested"])
@pytest.mark.parametrize("make", [law_acts.submitted, None])
def test_53_a_review_has_no_verdict_without_its_votes(status, make):
    if make:
        make()
    else:
        made = agent_acts.bring_in()
        agent_acts.submit_version(version_id=made.pk, by=made.author, at=NOW)
    commit()
    review = Review.objects.get()

    def end():
        Ask.objects.update(closed_at=NOW, next_action_at=None, closed_because=status)
        Review.objects.filter(pk=review.pk).update(status=status, closed_at=NOW)

    def vote(voter_id, verdict):
        Vote.objects.create(
            review=review,
            voter_id=voter_id,
            verdict=verdict,
            version_sha256=review.version_sha256,
            method="session",
            at=NOW,
        )

    def end_by_author():
        vote(review.excluded[0], VERDICT[status])
        end()

    def end_by_another_verdict():
        vote(approver().pk, {"approve": "reject"}.get(VERDICT[status], "approve"))
        end()

    refused("its votes say otherwise", end)
    refused("its votes say otherwise", end_by_author)
    refused("its votes say otherwise", end_by_another_verdict)
    vote(approver().pk, VERDICT[status])
    end()
    commit()


VERDICT = {"approved": "approve", "rejected": "reject", "changes_requested": "request_changes"}


@pytest.mark.django_db
def test_53_an_approval_needs_all_the_votes_that_the_policy_asked_for():
    law_acts.submitted()
    Review.objects.update(required_votes=2)
    commit()
    review = Review.objects.get()

    def end():
        Ask.objects.update(closed_at=NOW, next_action_at=None, closed_because="approved")
        Review.objects.update(status="approved", closed_at=NOW)

    Vote.objects.create(
        review=review, voter=approver(), verdict="approve", version_sha256="", method="x", at=NOW
    )
    refused("its votes say otherwise", end)


@pytest.mark.django_db
def test_53_nothing_is_law_without_an_approved_review():
    version = law_acts.submitted()
    commit()
    review = Review.objects.get()
    refused(
        "its review says otherwise",
        lambda: Ratification.objects.create(
            constitution=version.constitution, version=version, review=review, at=NOW
        ),
    )
    law_acts.vote(version, approver())
    commit()
    assert law.current() == version


@pytest.mark.django_db
def test_53_the_application_does_not_turn_the_database_guards_off():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone()[0] == application_role()
    for statement in (
        "ALTER TABLE escalations_decision DISABLE TRIGGER ALL",
        "ALTER TABLE review_review DISABLE TRIGGER review_verdict_needs_votes",
        "DROP TRIGGER escalations_case_invariants ON escalations_escalation",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
