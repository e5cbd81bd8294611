"""The thread, the ends that are no verdict, the permit and the outcome."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import DatabaseError

from agents.models import Permit
from escalations import acting, ending, thread
from escalations.acting import consume, dismiss, report_outcome, withdraw
from escalations.answers import answer_markdown, answer_of, load_case
from escalations.liveness import GONE_AFTER, is_gone
from escalations.models import TRANSITIONS, Escalation, Message, Outcome, Presence, Status
from escalations.thread import answer_question, ask_runner
from governance.asking.models import Ask
from governance.audit.models import AuditEvent
from governance.base.errors import (
    Conflict,
    InvalidInput,
    InvalidTransition,
    NotPermitted,
    NotThere,
    TooLarge,
)
from governance.people.models import Role, User
from tests.escalations.acts import ACT, approve, approver, ask, reject
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=1)
GONE = NOW + GONE_AFTER

ALLOWED = {
    ("open", "info_requested"),
    ("open", "decided"),
    ("open", "withdrawn"),
    ("open", "dismissed"),
    ("info_requested", "open"),
    ("info_requested", "decided"),
    ("info_requested", "withdrawn"),
    ("info_requested", "dismissed"),
}


@pytest.mark.parametrize("now", Status.values)
@pytest.mark.parametrize("to", Status.values)
def test_every_pair_of_states(now, to):
    case = Escalation(pk=1, status=now)
    if (now, to) in ALLOWED:
        case.move_to(to)
        assert case.status == to
    else:
        with pytest.raises(InvalidTransition):
            case.move_to(to)
        assert case.status == now


def test_the_table_knows_every_state():
    assert set(TRANSITIONS) == set(Status.values)


def kinds():
    return list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))[2:]


def withdrawn(case, at=LATER):
    return withdraw(escalation_id=case.pk, runner=case.runner, reason="Found out", at=at)


def dismissed(case, by=None, at=GONE, reason="Nobody needs it"):
    return dismiss(escalation_id=case.pk, by=by or approver(), reason=reason, at=at)


def asked_back(case, by=None):
    return ask_runner(escalation_id=case.pk, by=by or approver(), text="Which users?", at=LATER)


def answered(case, text="All", runner=None):
    return answer_question(escalation_id=case.pk, runner=runner or case.runner, text=text, at=LATER)


def spent(case, at=LATER, **changes):
    said = {"runner": case.runner, "request_sha256": case.request_sha256} | changes
    return consume(escalation_id=case.pk, at=at, **said)


def reported(case, at=LATER, **changes):
    said = {"result": "succeeded", "summary": "Done", "constraints": []} | changes
    return report_outcome(escalation_id=case.pk, runner=case.runner, at=at, **said)


def test_asking_the_runner_keeps_the_question_to_people_open():
    case, user = ask(), approver()
    message = asked_back(case, user)
    case.refresh_from_db()
    assert (case.status, case.revision) == (Status.INFO_REQUESTED, 2)
    assert (message.author, message.is_question) == (user, True)
    assert Ask.objects.open().get(subject=case.subject).next_action_at
    assert answer_of(load_case(case.pk))["questions"][0]["text"] == "Which users?"
    assert "People ask: Which users?" in answer_markdown(load_case(case.pk))
    assert kinds() == ["escalation.asked_back"]


def test_the_answer_brings_the_case_back_to_people():
    case = ask()
    asked_back(case)
    asked_back(case)
    message = answered(case)
    case.refresh_from_db()
    assert (case.status, case.revision) == (Status.OPEN, 4)
    assert (message.runner, message.is_question) == (case.runner, False)
    assert Presence.objects.get(pk=case.pk).last_seen_at == LATER


def test_a_question_that_was_answered_is_not_asked_again():
    case, user = ask(), approver()
    asked_back(case, user)
    answered(case)
    ask_runner(escalation_id=case.pk, by=user, text="And how many?", at=LATER)
    asked = answer_of(load_case(case.pk))["questions"]
    assert [question["text"] for question in asked] == ["And how many?"]


def test_the_same_answer_again_returns_the_same():
    case = ask()
    asked_back(case)
    assert answered(case) == answered(case)
    assert Message.objects.filter(runner=case.runner).count() == 1


def test_an_answer_to_nothing_is_refused():
    case = ask()
    with pytest.raises(Conflict) as refused:
        answered(case)
    assert refused.value.code == "nothing_asked"


def test_a_case_is_decided_while_the_runner_is_asked():
    case = ask()
    asked_back(case)
    assert approve(case)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [("  ", InvalidInput), ("x" * 10_001, TooLarge), ("a\x00", InvalidInput)],
)
def test_words_without_sense_or_measure_are_refused(text, refusal):
    case = ask()
    with pytest.raises(refusal):
        ask_runner(escalation_id=case.pk, by=approver(), text=text, at=NOW)
    assert not Message.objects.exists()
    case.refresh_from_db()
    assert case.status == Status.OPEN


@pytest.mark.parametrize("roles", [[], [Role.OWNER], [Role.AUDITOR], [Role.ADMINISTRATOR]])
def test_asking_back_and_dismissing_need_the_role(roles):
    case, user = ask(), UserFactory(roles=roles, is_superuser=True)
    with pytest.raises(NotPermitted):
        asked_back(case, user)
    with pytest.raises(NotPermitted):
        dismissed(case, user)


def test_a_runner_neither_asks_nor_dismisses():
    case = ask()
    with pytest.raises(NotPermitted):
        asked_back(case, case.runner)
    with pytest.raises(NotPermitted):
        dismissed(case, case.runner)


def test_withdrawing_ends_the_question_without_a_verdict():
    case = ask()
    withdrawn(case)
    withdrawn(case, at=GONE)
    case.refresh_from_db()
    assert (case.status, case.settled_at, case.revision) == (Status.WITHDRAWN, LATER, 2)
    assert case.settled_reason == "Found out"
    assert Ask.objects.get(subject=case.subject).closed_because == "withdrawn"
    assert kinds() == ["ask.closed", "escalation.withdrawn"]


def test_a_case_is_dismissed_only_when_the_runner_is_gone():
    case = ask()
    with pytest.raises(Conflict) as refused:
        dismissed(case, at=GONE - timedelta(seconds=1))
    assert refused.value.code == "runner_present"
    dismissed(case)
    case.refresh_from_db()
    assert (case.status, case.settled_reason) == (Status.DISMISSED, "Nobody needs it")
    assert kinds() == ["ask.closed", "escalation.dismissed"]


def test_dismissing_needs_a_reason():
    case = ask()
    with pytest.raises(InvalidInput):
        dismissed(case, reason=" ")
    case.refresh_from_db()
    assert case.status == Status.OPEN


def test_a_flushed_cache_makes_no_runner_look_gone():
    case = ask()
    cache.clear()
    assert not is_gone(case, at=LATER)
    assert is_gone(case, at=GONE)


@pytest.mark.parametrize("end", [withdrawn, dismissed, reject])
def test_every_end_but_an_approval_says_do_not_proceed(end):
    case = ask(action=ACT)
    end(case)
    answer = answer_of(load_case(case.pk))
    assert (answer["proceed"], answer["next"]) == (False, "stop")
    assert "Do not proceed." in answer_markdown(load_case(case.pk))
    assert not Permit.objects.exists()
    with pytest.raises(Conflict):
        spent(case)
    with pytest.raises(Conflict):
        reported(case)


@pytest.mark.parametrize("end", [approve, withdrawn, dismissed])
@pytest.mark.parametrize("act", [asked_back, answered, withdrawn, dismissed, approve])
def test_nothing_changes_a_settled_case(end, act):
    case = ask()
    end(case)
    case.refresh_from_db()
    before, events = (case.status, case.revision), kinds()
    if (end, act) == (withdrawn, withdrawn):
        act(case)
    else:
        with pytest.raises(Conflict):
            act(case)
    case.refresh_from_db()
    assert (case.status, case.revision) == before
    assert kinds() == events


@pytest.mark.parametrize("other", ["another runner", "a person with the runner's number"])
def test_the_acts_of_anybody_but_its_runner_find_no_case(other):
    case = ask(action=ACT)
    if other == "another runner":
        other = RunnerFactory()
    else:
        same_number = User.objects.filter(pk=case.runner_id).first()
        other = same_number or UserFactory(pk=case.runner_id)
    asked_back(case)
    with pytest.raises(NotThere):
        answered(case, runner=other)
    with pytest.raises(NotThere):
        withdraw(escalation_id=case.pk, runner=other, reason="x", at=LATER)
    approve(case)
    with pytest.raises(NotThere):
        spent(case, runner=other)
    with pytest.raises(NotThere):
        report_outcome(
            escalation_id=case.pk,
            runner=other,
            result="failed",
            summary="",
            constraints=[],
            at=LATER,
        )
    assert Presence.objects.get(pk=case.pk).last_seen_at == NOW


def test_the_permit_is_spent_once():
    case = ask(action=ACT)
    approve(case)
    use, is_new = spent(case)
    assert (use.permit.spent_at, use.number, is_new) == (LATER, 1, True)
    assert use.receipt.count(".") == 2
    with pytest.raises(Conflict):
        spent(case)
    answer = answer_of(load_case(case.pk))
    assert answer["next"] == "proceed"
    assert answer["permit"]["spent_at"]


def test_a_use_that_is_asked_for_again_is_the_same_and_no_news():
    case = ask(action=ACT)
    approve(case)
    first, _ = spent(case, idempotency_key="k")
    case.refresh_from_db()
    again, is_new = spent(case, idempotency_key="k")
    assert (again, again.receipt, is_new) == (first, first.receipt, False)
    assert Escalation.objects.get(pk=case.pk).revision == case.revision
    with pytest.raises(Conflict):
        spent(case, idempotency_key="k2")


def test_nothing_is_done_after_the_outcome_is_reported():
    case = ask(action=ACT)
    approve(case)
    Permit.objects.filter(source=case.subject).update(scope="uses", most_uses=3)
    spent(case)
    reported(case)
    with pytest.raises(Conflict) as refused:
        spent(case)
    assert refused.value.code == "reported"


def test_a_revoked_permit_says_do_not_proceed():
    case = ask(action=ACT)
    approve(case)
    acting.revoke(escalation_id=case.pk, by=approver(), reason="The plan changed.", at=LATER)
    answer = answer_of(load_case(case.pk))
    assert (answer["proceed"], answer["next"]) == (False, "stop")
    assert answer["message"] == "Revoked: The plan changed."
    assert answer["permit"]["revoked_at"]
    assert "Revoked: The plan changed. Do not proceed." in answer_markdown(load_case(case.pk))
    revision = Escalation.objects.get(pk=case.pk).revision
    acting.revoke(escalation_id=case.pk, by=approver(), reason="Again.", at=LATER)
    assert Escalation.objects.get(pk=case.pk).revision == revision
    with pytest.raises(NotThere):
        acting.revoke(escalation_id=ask(task="x").pk, by=approver(), reason="No.", at=LATER)


def test_an_expired_permit_and_another_request_are_refused():
    case = ask(action=ACT)
    decision = approve(case)
    with pytest.raises(Conflict):
        spent(case, request_sha256="0" * 64)
    with pytest.raises(Conflict):
        spent(case, at=decision.use_before)


def test_an_undecided_case_and_a_plain_question_permit_nothing():
    case = ask(action=ACT)
    with pytest.raises(Conflict) as refused:
        spent(case)
    assert refused.value.code == "not_decided"
    plain = ask(task="other")
    approve(plain)
    with pytest.raises(Conflict) as refused:
        spent(plain)
    assert refused.value.code == "no_permit"


def line(constraint, kept=True, evidence=""):
    return {"constraint": constraint, "kept": kept, "evidence": evidence}


def test_an_outcome_is_recorded_whole_and_once():
    case = ask(action=ACT)
    approve(case, constraints=["Fast", "Small"])
    lines = [line("Small", None), line("Fast", False, "p99 was 300 ms")]
    outcome, created = reported(case, result="failed", constraints=lines)
    assert created
    assert outcome.constraints == lines
    again, created = reported(case, result="failed", constraints=lines)
    assert (again, created) == (outcome, False)
    with pytest.raises(Conflict):
        reported(case, result="succeeded", constraints=lines)
    assert Outcome.objects.count() == 1
    assert answer_of(load_case(case.pk))["outcome"] == "failed"


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [line("Fast")],
        [line("Fast"), line("Fast")],
        [line("Fast"), line("Tiny")],
        [line("Fast"), line("Small"), line("More")],
        [line("Fast"), line("Small", "yes")],
        [line("Fast"), line("Small", 1)],
    ],
)
def test_an_outcome_speaks_of_each_constraint_of_the_decision(lines):
    case = ask()
    approve(case, constraints=["Fast", "Small"])
    with pytest.raises(InvalidInput):
        reported(case, constraints=lines)
    assert not Outcome.objects.exists()


def test_a_result_that_is_none_is_refused():
    case = ask()
    approve(case)
    with pytest.raises(InvalidInput):
        reported(case, result="fine")


@pytest.mark.parametrize(
    ("module", "act"),
    [(thread, asked_back), (ending, withdrawn), (ending, dismissed)],
)
def test_a_change_whose_history_cannot_be_written_leaves_nothing(monkeypatch, module, act):
    def broken(**event):
        raise DatabaseError("the disk is full")

    case = ask()
    monkeypatch.setattr(module, "append", broken)
    with pytest.raises(DatabaseError):
        act(case)
    case.refresh_from_db()
    assert (case.status, case.revision) == (Status.OPEN, 1)
    assert not Message.objects.exists()
    assert Ask.objects.open().filter(subject=case.subject).exists()


def test_an_outcome_whose_history_cannot_be_written_leaves_nothing(monkeypatch):
    def broken(**event):
        raise DatabaseError("the disk is full")

    case = ask()
    approve(case)
    monkeypatch.setattr(acting, "append", broken)
    with pytest.raises(DatabaseError):
        reported(case)
    assert not Outcome.objects.exists()
