"""An edited question takes the place of the old one; a decision stands."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import DatabaseError, connection

from agents.models import Halt
from escalations import ending
from escalations.acting import withdraw
from escalations.answers import answer_of, load_case
from escalations.models import Decision, Escalation, Status
from governance.asking.models import Ask, Notification, Reason, Watcher
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotThere, Refusal
from tests.escalations.acts import ACT, approve, approver, ask
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
BETTER = {"problem": "Two ways are left."}


def edited(old, **changes):
    return ask(old.runner, **{"supersedes": old.ref, **BETTER, **changes})


def code_of(act, *args, **kwargs):
    with pytest.raises(Refusal) as refusal:
        act(*args, **kwargs)
    return refusal.value.code


def test_the_edited_question_replaces_the_old_one_in_one_act():
    old = ask()
    new = edited(old)
    old.refresh_from_db()
    assert (old.status, old.settled_reason) == (Status.WITHDRAWN, f"superseded by {new.ref}")
    assert new.supersedes == old
    assert Ask.objects.get(subject=old.subject).closed_because == "withdrawn"
    assert Ask.objects.open().get().subject == new.subject
    assert list(Halt.objects.filter(lifted_at=None).values_list("source", flat=True)) == [
        new.subject
    ]
    raised = AuditEvent.objects.get(stream=new.subject, kind="escalation.raised")
    assert json.loads(bytes(raised.body))["data"]["supersedes"] == old.ref


def test_both_cases_name_each_other():
    old = ask()
    new = edited(old)
    before, after = answer_of(load_case(old.pk)), answer_of(load_case(new.pk))
    assert (before["superseded_by"], before["supersedes"]) == (new.ref, None)
    assert (after["superseded_by"], after["supersedes"]) == (None, old.ref)
    assert (before["proceed"], before["next"]) == (False, "stop")


def test_those_who_watch_the_question_or_look_at_it_are_told():
    old, watcher, claimer, gone = ask(), UserFactory(), approver(), UserFactory(is_active=False)
    question = Ask.objects.get(subject=old.subject)
    Ask.objects.filter(pk=question.pk).update(claimed_by=claimer, claimed_at=NOW)
    for user in (watcher, gone):
        Watcher.objects.create(subject=old.subject, user=user, since=NOW)
    edited(old)
    told = Notification.objects.filter(ask=question, reason=Reason.SETTLED)
    assert {notice.recipient for notice in told} == {watcher, claimer}


def test_a_decision_stands_and_is_named():
    old = ask()
    approve(old)
    with pytest.raises(Conflict, match=r"has decided ESC-[0-9]+ already: Approved: JWT") as refusal:
        edited(old)
    assert refusal.value.code == "decided"
    assert refusal.value.details["ref"] == old.ref
    assert Escalation.objects.count() == 1


@pytest.mark.parametrize("ref", ["ESC-0", "12x", "other", "ESC-1 OR 1=1"])
def test_what_names_no_case_is_refused(ref):
    old = ask()
    assert code_of(edited, old, supersedes=ref) in {"bad_reference", "not_found"}
    with pytest.raises((InvalidInput, NotThere)):
        edited(old, supersedes=ref)


def test_the_case_of_somebody_else_is_not_there():
    old = ask()
    with pytest.raises(NotThere):
        ask(RunnerFactory(owner=old.runner.owner), supersedes=old.ref)
    assert code_of(edited, old, supersedes=f"ESC-{old.pk + 100}") == "not_found"
    old.refresh_from_db()
    assert old.status == Status.OPEN


def test_a_settled_case_and_one_of_another_agent_make_no_room():
    old = ask()
    assert code_of(edited, old, agent="other") == "other_agent"
    edited(old)
    assert code_of(edited, old, task="else") == "settled"
    gone = ask(task="gone")
    withdraw(escalation_id=gone.pk, runner=gone.runner, reason="", at=NOW)
    assert code_of(edited, gone) == "settled"


def test_the_same_call_again_returns_the_same_case():
    old = ask()
    assert edited(old, key="k") == edited(old, key="k")
    assert Escalation.objects.count() == 2


def test_a_change_that_cannot_be_recorded_leaves_both_as_they_were(monkeypatch):
    def broken(**event):
        raise DatabaseError("the disk is full")

    old = ask()
    monkeypatch.setattr(ending, "append", broken)
    with pytest.raises(DatabaseError):
        edited(old)
    old.refresh_from_db()
    assert (old.status, Escalation.objects.count()) == (Status.OPEN, 1)


def at_once(*acts):
    """What each of the acts gave, done at the same moment: its result, or the code of a refusal."""
    together = Barrier(len(acts))

    def one(act):
        try:
            together.wait(20)
            return act()
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


@pytest.mark.parametrize("attempt", range(3))
def test_of_superseding_and_deciding_at_once_exactly_one_wins(attempt):
    old, by = ask(), approver()
    new, decision = at_once(lambda: edited(old), lambda: approve(old, by))
    old.refresh_from_db()
    if isinstance(decision, Decision):
        assert (new, old.status) == ("decided", Status.DECIDED)
        assert Escalation.objects.count() == 1
    else:
        assert (decision, old.status) == ("settled", Status.WITHDRAWN)
        assert new.supersedes == old


def test_the_same_call_twice_at_once_makes_one_case():
    old = ask()
    first, second = at_once(*(lambda: edited(old, key="k") for _ in range(2)))
    assert first == second
    assert Escalation.objects.filter(supersedes=old).count() == 1


def test_two_edits_at_once_leave_one_successor():
    old = ask()
    given = at_once(*(lambda n=n: edited(old, task=f"Edit {n}") for n in range(4)))
    assert sorted(one for one in given if isinstance(one, str)) == ["settled"] * 3
    assert Escalation.objects.filter(supersedes=old).count() == 1


def test_the_edited_question_keeps_its_act():
    old = ask(action=ACT)
    assert edited(old, action=ACT).has_action
