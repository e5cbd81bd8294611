"""Five equal answers of people propose a rule to the owner: once, and it changes nothing."""

import pytest
from django.db import DatabaseError, transaction

from escalations import proposing
from escalations.models import Decision, Proposal
from escalations.proposing import ENOUGH, note_answer, settle_proposal
from governance.asking.models import Notification
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import Role
from tests.escalations.acts import agent, approver, ask
from tests.escalations.precedents.acts import settled
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def olivia():
    owner = UserFactory(name="Olivia", roles=[Role.OWNER])
    agent(owner=owner)
    return owner


def answers(number, *, start=0, **said):
    """As many equal questions, each answered; deciding notes every answer."""
    for n in range(start, start + number):
        settled(ask(key=f"k{n}", run=f"run {n}"), **said)


def test_the_fifth_equal_answer_proposes_a_rule_to_the_owner_once(olivia):
    answers(ENOUGH - 1, constraints=["Fast"])
    assert not Proposal.objects.exists()
    answers(3, start=ENOUGH, constraints=["Fast"])
    proposal = Proposal.objects.get()
    assert (proposal.agent.owner, proposal.taken) == (olivia, None)
    assert proposal.cases.count() == ENOUGH
    told = Notification.objects.filter(recipient=olivia)
    assert [":proposal:" in notice.dedupe_key for notice in told] == [True]
    assert AuditEvent.objects.filter(kind="proposal.made").count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"option_key": "session"},
        {"constraints": ["Slow"]},
        {"verdict": "rejected", "option_key": "", "reason": "No."},
        {"verdict": "other_approach", "option_key": "", "approach": "Ask the vendor."},
    ],
)
def test_answers_that_differ_propose_nothing(olivia, other):
    answers(ENOUGH - 1)
    answers(1, start=ENOUGH, **other)
    assert not Proposal.objects.exists()


def test_two_other_approaches_are_not_one_answer(olivia):
    for n in range(ENOUGH):
        said = {"verdict": "other_approach", "option_key": "", "approach": f"Way {n}."}
        answers(1, start=n, **said)
    assert not Proposal.objects.exists()


def test_equal_answers_to_unequal_questions_propose_nothing(olivia):
    for n in range(ENOUGH):
        settled(ask(key=f"k{n}", problem=f"Question {n}"))
    assert not Proposal.objects.exists()


def test_noting_an_answer_costs_as_many_queries_however_many_there_were(
    olivia, django_assert_max_num_queries
):
    answers(12, constraints=["Fast"])
    last = Decision.objects.select_related("ballot", "escalation__agent").first()
    with django_assert_max_num_queries(8):
        note_answer(last, NOW)


@pytest.fixture
def proposal(olivia):
    answers(ENOUGH)
    return Proposal.objects.get()


@pytest.mark.parametrize(
    ("taken", "kind"), [(True, "proposal.taken"), (False, "proposal.declined")]
)
def test_the_owner_takes_or_declines_it_once(olivia, proposal, taken, kind):
    said = {"proposal_id": proposal.pk, "by": olivia, "at": NOW, "note": "Because."}
    settled = settle_proposal(taken=taken, **said)
    assert (settled.taken, settled.settled_by, settled.note) == (taken, olivia, "Because.")
    assert AuditEvent.objects.filter(kind=kind, stream="agent:worker").exists()
    with pytest.raises(Conflict):
        settle_proposal(taken=not taken, **said)


def test_declining_needs_a_note_and_the_owner(olivia, proposal):
    said = {"proposal_id": proposal.pk, "taken": False, "at": NOW}
    with pytest.raises(InvalidInput):
        settle_proposal(note=" ", by=olivia, **said)
    for other in (approver(), UserFactory(roles=[Role.OWNER]), UserFactory(is_superuser=True)):
        with pytest.raises(NotPermitted):
            settle_proposal(note="No.", by=other, **said)
    with pytest.raises(NotThere):
        settle_proposal(proposal_id=0, taken=False, note="No.", by=olivia, at=NOW)


def test_no_decision_fails_for_a_proposal(olivia, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(proposing, "digest_of", broken)
    answers(ENOUGH)
    assert Decision.objects.count() == ENOUGH
    assert not Proposal.objects.exists()


def test_what_was_declined_is_not_proposed_again(olivia, proposal):
    settle_proposal(proposal_id=proposal.pk, taken=False, note="No.", by=olivia, at=NOW)
    answers(2, start=20)
    assert Proposal.objects.count() == 1


def test_the_database_settles_a_proposal_once_and_changes_nothing_else_of_it(olivia, proposal):
    rows = Proposal.objects.filter(pk=proposal.pk)
    with pytest.raises(DatabaseError, match="ends once"), transaction.atomic():
        rows.update(answer_sha256="0" * 64)
    settle_proposal(proposal_id=proposal.pk, taken=True, note="", by=olivia, at=NOW)
    for change in ({"taken": False}, {"note": "Other."}):
        with pytest.raises(DatabaseError, match="ends once"), transaction.atomic():
            rows.update(**change)
    with pytest.raises(DatabaseError, match="ends once"), transaction.atomic():
        rows._raw_delete("default")
