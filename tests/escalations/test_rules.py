"""The rules that a question copied of its policy: who decides, how many, with which proof."""

import json
from datetime import timedelta

import pytest

from escalations.answers import answer_of, load_case
from escalations.models import Ballot, Decision
from governance.asking.models import Ask
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotPermitted
from governance.people.models import Delegation, Membership, Role, Team
from tests.escalations.acts import (
    ACT,
    agent,
    approve,
    approver,
    ask,
    reject,
    rules_of,
    version,
)
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def team(slug, *members):
    made = Team.objects.create(name=slug.title(), slug=slug)
    Membership.objects.bulk_create(Membership(team=made, user=user) for user in members)
    return made


def away(person, delegate, **changes):
    fields = {"starts_at": NOW - DAY, "ends_at": NOW + DAY, "made_by": person, "made_at": NOW}
    return Delegation.objects.create(person=person, delegate=delegate, **fields | changes)


def named(case, *people):
    """The ladder asks these people by name and nobody else."""
    asked = Ask.objects.get(subject=case.subject)
    usual = {"role": "", "team": None, "delay_s": 0, "repeat_s": 3600, "cap_s": 3600}
    asked.ladder = [
        {"position": number, "audience": "person", "person": user.pk, **usual}
        for number, user in enumerate(people)
    ]
    asked.step = len(people) - 1
    asked.save()
    return case


def refusal_of(act, case, *args, **said):
    with pytest.raises((NotPermitted, InvalidInput, Conflict)) as refused:
        act(case, *args, **said)
    assert not Decision.objects.filter(escalation=case).exists()
    return refused.value


def test_each_team_gives_one_of_the_votes():
    ada, ben, cy = approver(), approver(), approver()
    ops, law = team("ops", ada, ben), team("law", ben)
    case = rules_of(ask(), teams=[ops.pk, law.pk])
    assert approve(case, cy) is None
    assert approve(case, ben) is None
    assert approve(case, ada).decided_by == ada


def test_somebody_in_two_teams_counts_for_one():
    ada = approver()
    ops, law = team("ops", ada), team("law", ada)
    case = rules_of(ask(), teams=[ops.pk, law.pk])
    assert approve(case, ada) is None
    assert approve(case) is None
    assert not Decision.objects.exists()


def test_a_rejection_needs_as_many_as_an_approval_where_one_does_not_end_it():
    case = rules_of(ask(), votes=2, one_rejection_ends=False)
    assert reject(case) is None
    assert approve(case) is None
    assert reject(case, reason="Far too risky.").ballot.verdict == "rejected"


def test_the_policy_may_ask_for_a_reason():
    case = rules_of(ask(), reason_required=True)
    assert refusal_of(approve, case).code == "reason_needed"
    assert approve(case, reason="It is the simplest.")


def mild(**changes):
    """A question that the portal finds to be of low risk."""
    return ask(version=version(agent()).sequence, **changes)


LEVELS = ["mail_word", "signed_in", "fresh", "passkey"]


@pytest.mark.parametrize("needed", LEVELS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_proof_that_is_too_weak_decides_nothing(needed, level):
    case = rules_of(mild(), authentication=needed)
    assert case.risk == "low"
    if LEVELS.index(level) >= LEVELS.index(needed):
        assert approve(case, level=level).ballot.level == level
        return
    refusal = refusal_of(approve, case, level=level)
    assert (refusal.code, refusal.details) == ("authentication", {"needs": needed})
    assert not Ballot.objects.exists()


@pytest.mark.parametrize("risk", ["medium", "high"])
def test_the_word_of_the_mail_is_enough_for_low_risk_only(risk):
    case = rules_of(ask(risk=risk), authentication="mail_word", reason_required=False)
    assert refusal_of(approve, case, level="mail_word").details == {"needs": "signed_in"}
    assert approve(case, level="signed_in")


def test_a_question_of_high_risk_wants_a_fresh_proof_and_a_reason_as_delivered():
    case = ask(risk="high")
    assert refusal_of(approve, case, level="signed_in", reason="So").code == "authentication"
    assert refusal_of(approve, case, level="fresh").code == "reason_needed"
    assert approve(case, level="fresh", reason="So")


@pytest.mark.parametrize("name", ["jwt", "JWT"])
def test_the_policy_says_who_may_choose_an_option(name):
    lead = approver()
    leads = team("leads", lead)
    wanted = {name: {"role": "administrator", "team": leads.pk}}
    case = rules_of(ask(), authorities=wanted)
    assert "administrator" in refusal_of(approve, case, lead).sentence
    lead.roles = [*lead.roles, Role.ADMINISTRATOR]
    lead.save()
    outsider = approver(roles=[Role.APPROVER, Role.ADMINISTRATOR])
    refusal = refusal_of(approve, case, outsider)
    assert (refusal.code, "team Leads" in refusal.sentence) == ("authority", True)
    assert approve(case, lead)


def test_the_policy_gives_a_meaning_to_an_authority_that_the_option_names():
    lead = approver()
    leads = team("leads", lead)
    case = ask(options=[{"key": "jwt", "authority": "Security lead"}])
    rules_of(case, authorities={"security lead": {"role": "", "team": leads.pk}})
    assert refusal_of(approve, case).code == "authority"
    assert approve(case, lead)


def test_what_the_runner_names_never_takes_away_what_the_policy_asks():
    case = ask(options=[{"key": "jwt", "authority": "approver"}])
    rules_of(case, authorities={"jwt": {"role": "administrator", "team": None}})
    assert refusal_of(approve, case).code == "authority"


def test_others_may_be_chosen_by_everybody():
    case = rules_of(ask(), authorities={"jwt": {"role": "administrator", "team": None}})
    assert approve(case, option_key="session")


def owned(owner, **changes):
    made = version(agent(owner=owner))
    return ask(RunnerFactory(owner=owner), version=made.sequence, **changes)


def test_by_policy_the_owner_answers_alone_and_it_says_so():
    owner = UserFactory(name="Olga", roles=[Role.OWNER])
    case = rules_of(owned(owner), votes=2, owner_may_answer=True)
    decision = approve(case, owner, level="signed_in")
    assert decision.ballot.by_owner
    told = answer_of(load_case(case.pk))
    assert [(one["name"], one["by_owner"]) for one in told["decided_by"]] == [("Olga", True)]
    event = AuditEvent.objects.get(kind="escalation.decided")
    assert json.loads(bytes(event.body))["data"]["by_owner"] is True


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({}, {"owner_may_answer": False}),
        ({"risk": "medium"}, {"owner_may_answer": True}),
        ({"risk": "high"}, {"owner_may_answer": True}),
        ({"action": ACT}, {"owner_may_answer": True}),
    ],
)
@pytest.mark.parametrize("roles", [[Role.OWNER], [Role.OWNER, Role.APPROVER]])
def test_otherwise_the_owner_of_agent_and_runner_answers_nothing(changes, rules, roles):
    owner = UserFactory(roles=roles, is_superuser=True)
    case = rules_of(owned(owner, **changes), **rules)
    assert refusal_of(approve, case, owner).code in {"four_eyes", "not_permitted"}


def test_the_owner_of_the_runner_alone_is_not_the_agents_owner():
    owner = approver()
    made = version(agent())
    case = rules_of(ask(RunnerFactory(owner=owner), version=made.sequence), owner_may_answer=True)
    assert refusal_of(approve, case, owner).code == "four_eyes"


def test_an_owner_without_an_account_any_more_answers_nothing():
    owner = UserFactory(roles=[Role.OWNER], is_active=False)
    case = rules_of(owned(owner), owner_may_answer=True)
    assert refusal_of(approve, case, owner)


def test_whoever_stands_in_decides_in_their_own_name_with_both_on_record():
    ada, ben = approver(name="Ada"), approver(name="Ben")
    away(ada, ben)
    case = named(ask(), ada)
    decision = approve(case, ben)
    assert (decision.decided_by, decision.ballot.on_behalf_of) == (ben, ada)
    (told,) = answer_of(load_case(case.pk))["decided_by"]
    assert (told["name"], told["on_behalf_of"]) == ("Ben", "Ada")
    event = AuditEvent.objects.get(kind="escalation.decided")
    assert json.loads(bytes(event.body))["data"]["on_behalf_of"] == ada.subject


def _not_away(ada, ben):
    away(ada, ben, ends_at=NOW)
    return named(ask(), ada)


def _both_named(ada, ben):
    away(ada, ben)
    return named(ask(), ada, ben)


def _not_named(ada, ben):
    away(ada, ben)
    return named(ask(), approver())


def _may_not_decide(ada, ben):
    away(ada, ben)
    return named(ask(RunnerFactory(owner=ada)), ada)


def _has_voted(ada, ben):
    case = rules_of(named(ask(), ada), votes=3)
    approve(case, ada)
    away(ada, ben)
    return case


@pytest.mark.parametrize("story", [_not_away, _both_named, _not_named, _may_not_decide, _has_voted])
def test_nobody_stands_in_for(story):
    ada, ben = approver(), approver()
    case = story(ada, ben)
    approve(case, ben)
    assert Ballot.objects.get(voter=ben).on_behalf_of is None


def test_a_delegate_needs_the_right_to_decide():
    ada, ben = approver(), UserFactory(roles=[Role.OWNER])
    away(ada, ben)
    assert refusal_of(approve, named(ask(), ada), ben).code == "not_permitted"


def test_four_eyes_bind_a_delegate_too():
    ada, ben = approver(), approver()
    away(ada, ben)
    case = named(ask(RunnerFactory(owner=ben)), ada)
    assert refusal_of(approve, case, ben).code == "four_eyes"


def test_one_voice_is_not_counted_twice():
    ada, ben = approver(), approver(name="Ben")
    away(ada, ben)
    case = rules_of(named(ask(), ada), votes=2)
    assert approve(case, ben) is None
    assert refusal_of(approve, case, ada).sentence == (
        f"Ben has voted on {case.ref} on your behalf already."
    )
    assert approve(case, approver())
