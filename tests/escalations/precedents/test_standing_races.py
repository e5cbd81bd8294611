"""Standing decisions under load and over random histories: never one answer too many."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from agents.models import Agent
from escalations.models import Ballot, Decision, Escalation, StandingDecision, Status
from escalations.precedents.making import revoke_standing
from governance.asking.models import Ask, Policy
from governance.audit.services import verify
from governance.base.errors import Refusal
from governance.people.models import Role
from tests.escalations.acts import agent, approve, approver, ask, version
from tests.escalations.precedents.acts import ALLOWING, stand
from tests.escalations.test_races import at_once
from tests.factories import NOW, RunnerFactory


def allowed_by_policy() -> None:
    Policy.objects.filter(kind="case").update(**ALLOWING)


@pytest.mark.django_db(transaction=True)
def test_twenty_raises_at_once_spend_three_uses_exactly():
    allowed_by_policy()
    ada, runner = approver(), RunnerFactory()
    sequence = version(agent()).sequence
    source = ask(runner, key="source", version=sequence)
    approve(source, ada)
    made = stand(Escalation.objects.get(pk=source.pk), ada, most_uses=3)
    raises = [
        lambda n=n: ask(runner, key=f"k{n}", run=f"run {n}", version=sequence) for n in range(20)
    ]
    results = at_once(*raises)
    assert not [one for one in results if isinstance(one, Refusal)]
    made.refresh_from_db()
    assert made.uses == 3
    assert Ballot.objects.filter(standing=made).count() == 3
    assert Decision.objects.count() == 4
    assert Escalation.objects.filter(status=Status.OPEN).count() == 17
    assert Ask.objects.open().count() == 17
    assert list(verify()) == []


@pytest.mark.django_db(transaction=True)
def test_a_raise_against_a_revocation_is_answered_before_it_or_not_at_all():
    allowed_by_policy()
    ada, ben, runner = approver(), approver(), RunnerFactory()
    sequence = version(agent()).sequence
    source = ask(runner, key="source", version=sequence)
    approve(source, ada)
    made = stand(Escalation.objects.get(pk=source.pk), ada)
    at_once(
        lambda: revoke_standing(standing_id=made.pk, by=ben, reason="No.", at=NOW),
        *[lambda n=n: ask(runner, key=f"k{n}", run=f"{n}", version=sequence) for n in range(5)],
    )
    made.refresh_from_db()
    assert made.revoked_at
    assert Ballot.objects.filter(standing=made).count() == made.uses
    assert ask(runner, key="after", run="after", version=sequence).status == Status.OPEN


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ask", "ask", "ask", "stand", "revoke", "demote", "promote", "wait", "forbid", "allow"]
        ),
        st.integers(0, 3),
    ),
    max_size=25,
)


class EveryHistory(TestCase):
    """No answer of a standing decision without a row that might answer at that very time."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def test_no_standing_answer_exists_without_a_usable_standing_decision(self, steps):
        allowed_by_policy()
        at, people, runner = NOW, [approver(), approver()], RunnerFactory()
        sequence = version(agent()).sequence
        for number, person in enumerate(people):
            case = ask(runner, key=f"source {number}", run=f"source {number}", version=sequence)
            approve(case, person)
        sources = list(Escalation.objects.filter(status=Status.DECIDED).order_by("pk"))
        usable_when: dict[int, set[int]] = {}
        for n, (act, which) in enumerate(steps):
            at += timedelta(minutes=1)
            person, source = people[which % 2], sources[which % 2]
            standing = StandingDecision.objects.order_by("pk")
            try:
                if act == "ask":
                    before = set(standing.usable(at=at).values_list("pk", flat=True))
                    deciders = {one.pk for one in people if Role.APPROVER in one.roles}
                    case = ask(runner, key=f"k{n}", run=f"k{n}", version=sequence, at=at)
                    by = set(standing.filter(author__in=deciders).values_list("pk", flat=True))
                    usable_when[case.pk] = before & by
                elif act == "stand":
                    uses = {"most_uses": 1 + which % 3, "days": 1 + which, "at": at}
                    stand(source, person, **uses)
                elif act == "revoke" and (one := standing.filter(revoked_at=None).first()):
                    revoke_standing(standing_id=one.pk, by=person, reason="So.", at=at)
                elif act in ("demote", "promote"):
                    person.roles = [Role.APPROVER] if act == "promote" else [Role.AUDITOR]
                    person.save()
                elif act == "wait":
                    at += timedelta(days=which)
                elif act in ("forbid", "allow"):
                    risks = ALLOWING["standing_risks"] if act == "allow" else []
                    Policy.objects.filter(kind="case").update(standing_risks=risks)
            except Refusal:
                continue
        self.holds(usable_when)

    def holds(self, usable_when: dict[int, set[int]]) -> None:
        for ballot in Ballot.objects.exclude(standing=None).select_related("standing"):
            standing = ballot.standing
            assert standing.pk in usable_when[ballot.escalation_id]
            assert ballot.voter_id == standing.author_id
            assert standing.made_at <= ballot.at < standing.expires_at
            assert standing.revoked_at is None or ballot.at <= standing.revoked_at
            assert ballot.method == "standing"
        for standing in StandingDecision.objects.all():
            cited = Ballot.objects.filter(standing=standing).count()
            assert cited == standing.uses <= standing.most_uses
        for decision in Decision.objects.select_related("ballot"):
            assert decision.decided_by_id == decision.ballot.voter_id
        assert Agent.objects.count() == 1
