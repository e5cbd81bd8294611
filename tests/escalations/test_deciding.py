"""Deciding: by people, under a lock, once; the whole effect, and nothing where it is refused."""

import json
from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.db import DatabaseError

from agents.models import Permit
from escalations import deciding
from escalations.answers import answer_of, load_case
from escalations.models import Ballot, Decision, Status
from governance.asking.models import Ask, Policy
from governance.audit.models import AuditEvent
from governance.audit.receipts import jwks
from governance.audit.services import verify
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere, TooLarge
from governance.people.models import Role
from tests.escalations.acts import ACT, agent, approve, approver, ask, reject, version
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=1)


def untouched(case):
    case.refresh_from_db()
    return (
        case.status == Status.OPEN
        and case.revision == 1
        and not Ballot.objects.exists()
        and not Decision.objects.exists()
        and not Permit.objects.exists()
        and Ask.objects.open().filter(subject=case.subject).exists()
    )


def receipt_of(decision, case):
    key = jwt.PyJWK(jwks()["keys"][0])
    return jwt.decode(
        decision.receipt,
        key,
        algorithms=["EdDSA"],
        audience=f"runner:{case.runner.slug}",
        options={"verify_iat": False},
    )


def test_a_decision_with_all_that_belongs_to_it():
    case, user = ask(action=ACT), approver(name="Ada")
    decision = approve(
        case,
        user,
        approach=" Use RS256 ",
        constraints=["Fast", "", "Fast", " Small "],
        context="Because",
        constitutional_notes="Article I",
        next_steps=["Test"],
        reason="Best",
        method="mail_link",
        shown_as="template-1",
        at=LATER,
    )
    case.refresh_from_db()
    assert (case.status, case.settled_at, case.revision) == (Status.DECIDED, LATER, 2)
    ballot = decision.ballot
    assert (ballot.approach, ballot.constraints) == ("Use RS256", ["Fast", "Small"])
    assert (ballot.request_sha256, ballot.template_version) == (case.request_sha256, "template-1")
    assert decision.use_before == LATER + settings.PERMIT_LIFETIME
    permit = Permit.objects.get(source=case.subject)
    assert (permit.request_sha256, permit.runner) == (case.request_sha256, case.runner)
    asked = Ask.objects.get(subject=case.subject)
    assert (asked.closed_at, asked.closed_because) == (LATER, "decided")
    kinds = list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))
    assert kinds[2:] == ["ask.closed", "permit.granted", "escalation.decided"]
    assert {event.actor for event in AuditEvent.objects.all()[:3]} == {f"user:{user.pk}"}
    assert list(verify()) == []


def test_the_receipt_says_what_the_answer_says():
    case, user = ask(action=ACT), approver(name="Ada")
    decision = approve(case, user, constraints=["Fast"], approach="Use RS256", reason="Best")
    claims, answer = receipt_of(decision, case), answer_of(load_case(case.pk))
    assert claims["sub"] == case.subject
    for name in ("verdict", "option", "decision", "approach", "constraints", "context"):
        assert claims[name] == answer[name]
    for name in ("decided_at", "use_before", "request_sha256", "next_steps", "reason", "ref"):
        assert claims[name] == answer[name]
    assert claims["decided_by"] == [{"id": user.pk, **answer["decided_by"][0]}]
    assert answer["decided_by"] == [
        {
            "name": "Ada",
            "method": "session",
            "level": "fresh",
            "on_behalf_of": None,
            "by_owner": False,
            "standing": False,
            "source": None,
        }
    ]
    assert claims["scope"]["kind"] == "once"
    assert claims["action"] == ACT


def test_the_history_of_a_decision_holds_no_prose():
    case = ask()
    approve(case, reason="Ada told me at lunch")
    event = AuditEvent.objects.get(kind="escalation.decided")
    body = bytes(event.body).decode()
    assert "lunch" not in body
    assert json.loads(body)["data"]["request_sha256"] == case.request_sha256


@pytest.mark.parametrize(
    ("verdict", "permitted"),
    [("approved_option", True), ("other_approach", False), ("rejected", False)],
)
def test_only_an_approved_option_permits_the_act(verdict, permitted):
    case = ask(action=ACT)
    key = "jwt" if verdict == "approved_option" else ""
    said = {"option_key": key, "approach": "Else", "reason": "So"}
    decision = approve(case, verdict=verdict, **said)
    assert Permit.objects.exists() is permitted
    assert (decision.use_before is not None) is permitted
    answer = answer_of(load_case(case.pk))
    assert answer["proceed"] is (verdict != "rejected")


def test_a_plain_question_permits_nothing():
    assert approve(ask()).use_before is None
    assert not Permit.objects.exists()


@pytest.mark.parametrize(
    ("changes", "refusal", "code"),
    [
        ({"verdict": "maybe"}, InvalidInput, "invalid_input"),
        ({"option_key": "oauth"}, InvalidInput, "no_such_option"),
        ({"option_key": ""}, InvalidInput, "no_such_option"),
        ({"verdict": "rejected", "reason": "x"}, InvalidInput, "invalid_input"),
        ({"verdict": "rejected", "option_key": ""}, InvalidInput, "reason_needed"),
        ({"verdict": "other_approach", "option_key": ""}, InvalidInput, "approach_needed"),
        (
            {"verdict": "other_approach", "option_key": "", "approach": "  "},
            InvalidInput,
            "approach_needed",
        ),
        ({"seen_sha256": "0" * 64}, Conflict, "not_what_was_shown"),
        ({"seen_sha256": ""}, Conflict, "not_what_was_shown"),
        ({"approach": "x" * 10_001}, TooLarge, "too_large"),
        ({"constraints": [str(n) for n in range(51)]}, TooLarge, "too_large"),
        ({"context": "a\x00b"}, InvalidInput, "nul_character"),
    ],
)
def test_an_unfit_vote_is_refused_and_leaves_nothing(changes, refusal, code):
    case = ask(action=ACT)
    with pytest.raises(refusal) as refused:
        approve(case, **changes)
    assert refused.value.code == code
    assert untouched(case)


def test_an_option_of_another_case_is_no_option():
    case = ask()
    ask(task="other", options=[{"key": "oauth"}])
    with pytest.raises(InvalidInput):
        approve(case, option_key="oauth")


def _runners_owner(user):
    return ask(RunnerFactory(owner=user))


def _agents_owner(user):
    agent(owner=user)
    return ask(action=ACT)


def _author(user):
    return ask(action=ACT, version=version(agent(), author=user).sequence)


def _owner_of_the_proposing_runner(user):
    proposed_by = RunnerFactory(owner=user)
    made = version(agent(), author=None, proposed_by=proposed_by)
    return ask(action=ACT, version=made.sequence)


@pytest.mark.parametrize("is_superuser", [False, True])
@pytest.mark.parametrize(
    "story", [_runners_owner, _agents_owner, _author, _owner_of_the_proposing_runner]
)
def test_four_eyes(story, is_superuser):
    user = approver(is_superuser=is_superuser)
    case = story(user)
    for act in (approve, reject):
        with pytest.raises(NotPermitted) as refused:
            act(case, user)
        assert refused.value.code == "four_eyes"
    assert untouched(case)


def test_somebody_excluded_when_it_was_asked_stays_excluded():
    user = approver()
    runner = RunnerFactory(owner=user)
    case = ask(runner)
    runner.owner = UserFactory()
    runner.save()
    with pytest.raises(NotPermitted):
        approve(case, user)


def test_the_agents_owner_may_answer_a_question_without_an_act():
    user = approver()
    agent(owner=user)
    assert approve(ask(), user)


@pytest.mark.parametrize("roles", [[], [Role.OWNER], [Role.AUDITOR], [Role.ADMINISTRATOR]])
def test_deciding_needs_the_role_even_for_a_superuser(roles):
    case = ask()
    with pytest.raises(NotPermitted):
        approve(case, UserFactory(roles=roles, is_superuser=True))
    assert untouched(case)


def test_an_inactive_approver_decides_nothing():
    case = ask()
    with pytest.raises(NotPermitted):
        approve(case, approver(is_active=False))


def test_a_runner_decides_nothing():
    case = ask()
    with pytest.raises(NotPermitted) as refused:
        approve(case, case.runner)
    assert refused.value.code == "only_people"
    assert untouched(case)


def test_a_case_that_does_not_exist_is_not_there():
    case = ask()
    case.pk += 1
    with pytest.raises(NotThere):
        approve(case, option_key="jwt")


def test_the_same_decision_again_returns_the_same():
    case, user = ask(), approver()
    first = approve(case, user, constraints=["Fast"])
    assert approve(case, user, constraints=["Fast"], at=LATER) == first
    assert Decision.objects.count() == Ballot.objects.count() == 1
    assert AuditEvent.objects.filter(kind="escalation.decided").count() == 1


@pytest.mark.parametrize("changes", [{"option_key": "session"}, {"constraints": ["Slow"]}])
def test_another_decision_by_the_same_person_is_refused(changes):
    case, user = ask(), approver()
    approve(case, user)
    with pytest.raises(Conflict):
        approve(case, user, **changes)


def test_the_first_of_two_decisions_wins():
    case = ask()
    first = approve(case)
    with pytest.raises(Conflict) as refused:
        reject(case)
    assert refused.value.code == "decided"
    assert Decision.objects.get() == first


@pytest.mark.parametrize("broken", ["append", "close_ask", "grant_permit", "sign"])
def test_a_decision_that_cannot_be_completed_leaves_nothing(monkeypatch, broken):
    def fail(**arguments):
        raise DatabaseError("the disk is full")

    case = ask(action=ACT)
    monkeypatch.setattr(deciding, broken, fail)
    with pytest.raises(DatabaseError):
        approve(case)
    assert untouched(case)


def two_of(case):
    Ask.objects.filter(subject=case.subject).update(required_votes=2)
    return case


def test_two_people_who_choose_the_same_decide_together():
    case = two_of(ask(action=ACT))
    ada, ben = approver(name="Ada"), approver(name="Ben")
    assert approve(case, ada, constraints=["Fast"]) is None
    case.refresh_from_db()
    assert (case.status, case.revision) == (Status.OPEN, 2)
    assert answer_of(load_case(case.pk))["proceed"] is False
    assert approve(case, ada, constraints=["Fast"]) is None
    decision = approve(case, ben, constraints=["Small", "Fast"])
    answer = answer_of(load_case(case.pk))
    assert [one["name"] for one in answer["decided_by"]] == ["Ada", "Ben"]
    assert answer["constraints"] == ["Fast", "Small"]
    assert receipt_of(decision, case)["constraints"] == ["Fast", "Small"]
    kinds = [event.kind for event in AuditEvent.objects.order_by("id")]
    assert kinds.count("escalation.voted") == kinds.count("escalation.decided") == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"option_key": "jwt"}, {"option_key": "session"}),
        (
            {"verdict": "other_approach", "option_key": "", "approach": "Use OAuth"},
            {"verdict": "other_approach", "option_key": "", "approach": "Use SAML"},
        ),
    ],
)
def test_two_people_who_choose_differently_decide_nothing(one, other):
    case = two_of(ask())
    assert approve(case, **one) is None
    assert approve(case, **other) is None
    assert approve(case, **other) is not None


def test_one_rejection_stops_whatever_the_others_chose():
    case = two_of(ask())
    approve(case)
    assert reject(case).ballot.verdict == "rejected"
    assert answer_of(load_case(case.pk))["proceed"] is False


def test_the_policy_of_the_opening_counts_not_a_later_one():
    case = ask()
    Policy.objects.filter(kind="case").update(required_votes=2)
    assert approve(case) is not None
    later = ask(task="later")
    assert approve(later) is None


def test_an_option_may_demand_a_reason():
    case = ask(options=[{"key": "jwt", "requires_comment": True}])
    with pytest.raises(InvalidInput):
        approve(case)
    assert approve(case, reason="Because")


def test_the_authority_that_an_option_claims_only_raises_what_is_needed():
    strict = ask(options=[{"key": "jwt", "authority": "administrator"}])
    with pytest.raises(NotPermitted) as refused:
        approve(strict)
    assert refused.value.code == "authority"
    assert approve(strict, approver(roles=[Role.APPROVER, Role.ADMINISTRATOR]))
    lax = ask(task="other", options=[{"key": "jwt", "authority": "owner"}])
    with pytest.raises(NotPermitted):
        approve(lax, UserFactory(roles=[Role.OWNER]))


def test_deciding_costs_a_fixed_number_of_queries(django_assert_max_num_queries):
    case = ask(action=ACT)
    user = approver()
    with django_assert_max_num_queries(34):
        approve(case, user)
