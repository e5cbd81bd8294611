"""Precedents: held up by people who may decide, for what is there; withdrawn as well."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from escalations.models import About, Precedent
from escalations.precedents.marking import mark_precedent, subjects_of, withdraw_precedent
from escalations.precedents.pages import marks_by_key
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import Role
from tests.constitution import acts as law_acts
from tests.escalations.acts import approver, ask
from tests.escalations.precedents.acts import decided
from tests.factories import NOW, RunnerFactory, UserFactory

LATER = NOW + timedelta(hours=1)
pytestmark = pytest.mark.django_db


def mark(case, by=None, subject="trigger:login", note="So it is."):
    return mark_precedent(
        escalation_id=case.pk, subject=subject, note=note, by=by or approver(), at=NOW
    )


@pytest.fixture
def case(db):
    return decided(facts={"triggers": ["login"]})


def test_a_decision_is_held_up_for_a_trigger_and_told_in_its_history(case):
    ada = approver(name="Ada")
    marked = mark(case, ada)
    assert (marked.about, marked.key, marked.marked_by) == (About.TRIGGER, "login", ada)
    assert marks_by_key(About.TRIGGER, ["login"])["login"][0]["mark"] == marked
    assert marks_by_key(About.PRINCIPLE) == {}
    assert AuditEvent.objects.get(kind="precedent.marked").stream_id == case.subject


def test_a_decision_is_held_up_for_a_principle_of_the_law_in_force(case):
    law_acts.ratified()
    key = next(value for value, _ in subjects_of(case) if value.startswith("principle:"))
    assert mark(case, subject=key).about == About.PRINCIPLE


@pytest.mark.parametrize("subject", ["", "trigger:", "trigger:other", "principle:none", "x:login"])
def test_there_is_no_precedent_of_what_is_not_there(case, subject):
    with pytest.raises(InvalidInput):
        mark(case, subject=subject)


def test_it_is_marked_once_and_may_be_marked_again_once_withdrawn(case):
    marked = mark(case)
    with pytest.raises(Conflict):
        mark(case)
    ben = approver()
    gone = withdraw_precedent(precedent_id=marked.pk, by=ben, at=NOW)
    assert (gone.withdrawn_by, marks_by_key(About.TRIGGER)) == (ben, {})
    assert mark(case).pk != marked.pk
    assert withdraw_precedent(precedent_id=marked.pk, by=ben, at=NOW) == marked
    assert AuditEvent.objects.filter(kind="precedent.withdrawn").count() == 1


def test_what_nobody_decided_is_no_precedent():
    with pytest.raises(Conflict, match="Nobody has decided"):
        mark(ask())


@pytest.mark.parametrize(
    "nobody",
    [
        lambda: UserFactory(roles=[Role.OWNER]),
        lambda: UserFactory(is_superuser=True),
        lambda: approver(is_active=False),
        RunnerFactory,
    ],
)
def test_only_people_who_may_decide_mark_and_withdraw(case, nobody):
    with pytest.raises(NotPermitted):
        mark(case, nobody())
    marked = mark(case)
    with pytest.raises(NotPermitted):
        withdraw_precedent(precedent_id=marked.pk, by=nobody(), at=NOW)
    assert Precedent.objects.filter(withdrawn_at=None).count() == 1


def test_a_precedent_that_is_not_there():
    with pytest.raises(NotThere):
        withdraw_precedent(precedent_id=1, by=approver(), at=NOW)


@pytest.mark.parametrize(
    "changes", [{"note": "Other."}, {"key": "other"}, {"marked_at": LATER}, {"decision_id": 0}]
)
def test_the_database_changes_no_precedent(case, changes):
    marked = mark(case)
    with pytest.raises(DatabaseError, match="ends once"), transaction.atomic():
        Precedent.objects.filter(pk=marked.pk).update(**changes)
    with pytest.raises(DatabaseError, match="ends once"), transaction.atomic():
        marked.delete()


def test_the_database_ends_a_precedent_once(case):
    marked = withdraw_precedent(precedent_id=mark(case).pk, by=approver(), at=NOW)
    for end in ({"withdrawn_at": LATER}, {"withdrawn_at": None, "withdrawn_by": None}):
        with pytest.raises(DatabaseError, match="ends once"), transaction.atomic():
            Precedent.objects.filter(pk=marked.pk).update(**end)
