"""What the database itself refuses, and that no path but a person's vote leads to a verdict."""

import random
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from agents.models import Permit
from escalations.acting import consume, dismiss, report_outcome, withdraw
from escalations.liveness import GONE_AFTER
from escalations.models import Ballot, Decision, Escalation, Message, Option, Status
from escalations.thread import answer_question, ask_runner
from governance.asking.models import Ask
from governance.asking.services import close_ask
from governance.asking.sweep import sweep
from governance.audit.actors import system
from governance.base.errors import Refusal
from governance.base.roles import as_owner
from tests.escalations.acts import ACT, approve, approver, ask, reject
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db


def committed_case(**changes):
    """A case whose own deferred checks are done, as if its transaction had ended."""
    case = ask(**changes)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return case


def commit():
    """Deferred constraints speak at commit; this is the commit of a test."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def sql(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        commit()


def copy_of(case, **changes):
    """Another case row, made without any service."""
    case = Escalation.objects.get(pk=case.pk)
    case.pk, case.idempotency_key = None, "raw"
    for name, value in changes.items():
        setattr(case, name, value)
    return case


def test_a_case_without_an_open_ask_does_not_commit():
    copy_of(committed_case()).save(force_insert=True)
    with pytest.raises(DatabaseError, match="no ask is open"):
        commit()
    transaction.set_rollback(True)


def test_a_decided_case_without_a_decision_does_not_commit():
    case = committed_case()
    with pytest.raises(DatabaseError, match="its decision says otherwise"):
        sql(
            "UPDATE escalations_escalation SET status = 'decided', settled_at = now()"
            " WHERE id = %s",
            case.pk,
        )


def test_a_decision_of_a_case_that_stays_open_does_not_commit():
    case, user = committed_case(), approver()
    ballot = Ballot.objects.create(
        escalation=case,
        voter=user,
        verdict="rejected",
        request_sha256=case.request_sha256,
        template_version="x",
        method="session",
        at=NOW,
    )
    with pytest.raises(DatabaseError, match="not decided"):
        sql(
            "INSERT INTO escalations_decision"
            " (escalation_id, ballot_id, decided_by_id, at, receipt)"
            " VALUES (%s, %s, %s, now(), '')",
            case.pk,
            ballot.pk,
            user.pk,
        )


def test_the_ask_of_an_unresolved_case_does_not_close_alone():
    case = committed_case()
    close_ask(subject=case.subject, because="tidied", by=system("tidy"), at=NOW)
    with pytest.raises(DatabaseError, match="closed while the case is unresolved"):
        commit()
    transaction.set_rollback(True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE escalations_escalation SET status = 'withdrawn' WHERE id = %s",
        "UPDATE escalations_escalation SET settled_at = now() WHERE id = %s",
        "UPDATE asking_ask SET next_action_at = NULL WHERE subject = 'escalation:ESC-' || %s",
    ],
)
def test_a_status_without_its_time_is_refused(statement):
    case = ask()
    with pytest.raises(DatabaseError):
        sql(statement, case.pk)


def test_a_settled_case_does_not_come_back_to_life():
    case = ask()
    reject(case)
    with pytest.raises(DatabaseError):
        sql(
            "UPDATE escalations_escalation SET status = 'open', settled_at = NULL WHERE id = %s",
            case.pk,
        )


def said_and_done():
    case = ask(action=ACT)
    ask_runner(escalation_id=case.pk, by=approver(), text="Why?", at=NOW)
    approve(case)
    report_outcome(
        escalation_id=case.pk,
        runner=case.runner,
        result="failed",
        summary="",
        constraints=[],
        at=NOW,
    )


@pytest.mark.parametrize("table", ["option", "message", "ballot", "decision", "outcome"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_was_said_is_never_changed(table, statement):
    said_and_done()
    with pytest.raises(DatabaseError):
        sql(statement.format(f"escalations_{table}"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_not_even_the_owner_changes_a_decision(statement):
    said_and_done()
    cascade = " CASCADE" if statement.startswith("TRUNCATE") else ""
    with (
        as_owner(),
        connection.cursor() as cursor,
        pytest.raises(DatabaseError, match="append-only"),
    ):
        cursor.execute(statement.format("escalations_decision") + cascade)
    assert Decision.objects.count() == 1


def test_one_ballot_per_person_and_an_option_only_for_an_approval():
    case, user = ask(), approver()
    fields = {
        "escalation": case,
        "voter": user,
        "request_sha256": "",
        "template_version": "",
        "method": "",
        "at": NOW,
    }
    option = case.options.first()
    for verdict, choice in (("approved_option", None), ("rejected", option)):
        with pytest.raises(DatabaseError), transaction.atomic():
            Ballot.objects.create(verdict=verdict, option=choice, **fields)
    Ballot.objects.create(verdict="rejected", **fields)
    with pytest.raises(DatabaseError), transaction.atomic():
        Ballot.objects.create(verdict="rejected", **fields)


def test_a_message_has_one_speaker():
    case = ask()
    for speakers in ({}, {"author": approver(), "runner": case.runner}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Message.objects.create(escalation=case, text="x", at=NOW, **speakers)


def test_an_option_key_is_unique_in_its_case():
    case = ask()
    with pytest.raises(DatabaseError), transaction.atomic():
        Option.objects.create(escalation=case, position=9, key="jwt", label="x")


@pytest.mark.parametrize("seed", range(12))
def test_over_random_histories_only_a_persons_vote_makes_a_verdict(seed):
    """Runners, timers, sweeps, owners and strangers act at random; approvers sometimes vote."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable history, no secret
    runner, other = RunnerFactory(), RunnerFactory()
    people = [approver(), approver(is_active=False), runner.owner, UserFactory(is_superuser=True)]
    case, at = ask(runner, action=ACT), NOW
    voted_by_a_person = False
    for _ in range(25):
        at += timedelta(minutes=chance.choice([1, 30, 24 * 60]))
        who = chance.choice([*people, runner, other])
        act = chance.choice(sorted(ACTS))
        try:
            result = ACTS[act](case, who, at)
        except (Refusal, AttributeError):
            continue
        if act in {"approve", "reject"}:
            assert who is people[0]
            voted_by_a_person = voted_by_a_person or result is not None
        case.refresh_from_db()
        assert (case.status == Status.DECIDED) is voted_by_a_person
    decisions = Decision.objects.all()
    assert decisions.count() == int(voted_by_a_person)
    assert all(decision.decided_by == people[0] for decision in decisions)
    assert Ask.objects.open().exists() is case.is_unresolved
    approvals = decisions.filter(ballot__verdict="approved_option")
    assert Permit.objects.count() == approvals.count()


ACTS = {
    "approve": lambda case, who, at: approve(case, who, at=at),
    "reject": lambda case, who, at: reject(case, who, at=at),
    "sweep": lambda case, who, at: sweep(at=at, limit=5),
    "ask back": lambda case, who, at: ask_runner(escalation_id=case.pk, by=who, text="?", at=at),
    "answer": lambda case, who, at: answer_question(
        escalation_id=case.pk, runner=who, text="!", at=at
    ),
    "withdraw": lambda case, who, at: withdraw(
        escalation_id=case.pk, runner=who, reason="", at=at - GONE_AFTER
    ),
    "dismiss": lambda case, who, at: dismiss(escalation_id=case.pk, by=who, reason="r", at=at),
    "consume": lambda case, who, at: consume(
        escalation_id=case.pk, runner=who, request_sha256=case.request_sha256, at=at
    ),
    "report": lambda case, who, at: report_outcome(
        escalation_id=case.pk, runner=who, result="unknown", summary="", constraints=[], at=at
    ),
}
