"""A standing decision answers in a person's name, or not at all: every condition, every limit."""

from datetime import timedelta

import jwt
import pytest
from django.core import mail as django_mail
from django.db import DatabaseError, transaction

from agents.models import Halt, Permit
from agents.releasing.services import suspend
from escalations.answers import answer_of, load_case
from escalations.models import Ballot, StandingDecision, Status
from escalations.precedents import standing as answering
from escalations.precedents.making import revoke_standing
from escalations.precedents.matching import why_not
from escalations.precedents.standing import answer
from governance.asking.dispatch import dispatch
from governance.asking.models import Ask, Notification, Reason
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.errors import Conflict, InvalidInput, NotPermitted
from governance.people.models import Role
from tests.constitution import acts as law_acts
from tests.escalations.acts import ACT, agent, approver, ask, version
from tests.escalations.precedents.acts import GROUP, again, allow, settled, source, stand
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=2)


@pytest.fixture
def ada():
    return approver(name="Ada")


@pytest.fixture
def made(ada):
    """A standing decision of Ada."""
    return stand(source(ada), ada)


def left_open(case):
    case.refresh_from_db()
    return case.status == Status.OPEN and not Ballot.objects.filter(escalation=case).exists()


def reason(made, case, at=LATER):
    fresh = StandingDecision.objects.get(pk=made.pk)
    return why_not(fresh, case, Ask.objects.get(subject=case.subject), at=at)


# --- it answers -------------------------------------------------------------------------------


def test_it_answers_in_the_name_of_its_author_and_says_so(ada, made):
    case = again()
    decision = answer(case, LATER)
    assert decision.decided_by == ada
    ballot = decision.ballot
    assert (ballot.method, ballot.standing, ballot.voter) == ("standing", made, ada)
    told = answer_of(load_case(case.pk))
    assert told["status"] == "decided"
    assert told["constraints"] == ["Sessions end after an hour"]
    (told_by,) = told["decided_by"]
    assert (told_by["name"], told_by["method"], told_by["on_behalf_of"]) == (
        "Ada",
        "standing",
        None,
    )
    assert (told_by["standing"], told_by["source"]) == (True, made.source.escalation.ref)
    (signed,) = jwt.decode(decision.receipt, options={"verify_signature": False})["decided_by"]
    assert (signed["standing"], signed["source"]) == (True, made.source.escalation.ref)


def test_the_case_its_ask_and_the_use_are_all_on_record(made):
    case = again()
    answer(case, LATER)
    case.refresh_from_db()
    asked = Ask.objects.get(subject=case.subject)
    assert (case.status, asked.closed_because) == (
        Status.DECIDED,
        "answered_by_a_standing_decision",
    )
    kinds = AuditEvent.objects.filter(stream=case.subject).order_by("number")
    assert list(kinds.values_list("kind", flat=True)) == [
        "ask.opened",
        "escalation.raised",
        "standing.answered",
        "ask.closed",
        "escalation.decided",
    ]
    made.refresh_from_db()
    assert made.uses == 1
    assert AuditEvent.objects.filter(stream=made.subject, kind="standing.used").count() == 1
    assert not Halt.objects.filter(source=case.subject, lifted_at=None).exists()
    assert list(verify()) == []


def test_its_author_is_told(ada, made):
    case = again()
    answer(case, LATER)
    notice = Notification.objects.get(ask__subject=case.subject)
    assert (notice.recipient, notice.reason) == (ada, Reason.NEWS)
    dispatch(at=LATER)
    (mail,) = django_mail.outbox
    assert mail.subject.startswith("Answered in your name: ")
    assert "answered a case in your name" in mail.body


def test_it_permits_exactly_the_act_that_was_decided_once(ada):
    stand(source(ada, action=ACT), ada)
    case = again(action=ACT)
    answer(case, LATER)
    permit = Permit.objects.get(source=case.subject)
    assert (permit.request_sha256, permit.scope) == (case.request_sha256, "once")


def test_a_rejection_stands_as_well(ada):
    past = source(ada, said={"verdict": "rejected", "option_key": "", "reason": "Never."})
    stand(past, ada)
    case = again()
    assert answer(case, LATER).ballot.reason == "Never."
    assert answer_of(load_case(case.pk))["proceed"] is False


def test_it_may_answer_whatever_touches_its_trigger(ada):
    stand(source(ada), ada, answers="trigger:login")
    case = again(facts={"group_key": "b" * 64}, problem="Another question about logging in")
    assert answer(case, LATER)


# --- it does not answer -----------------------------------------------------------------------


def test_by_default_no_policy_allows_one(ada):
    case = ask(version=version(agent()).sequence)
    settled(case, ada)
    with pytest.raises(Conflict, match="allows no standing decisions"):
        stand(case, ada)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"facts": {"group_key": "b" * 64}}, "another question"),
        ({"environment": "staging"}, "does not hold in staging"),
        ({"risk": "high"}, "not made for high risk"),
        ({"rules": {"standing_risks": []}}, "allows none"),
        ({"rules": {"standing_uses": 0}}, "no more uses"),
        ({"rules": {"standing_days": 1}}, "so long"),
        ({"rules": {"teams": [1]}}, "several people"),
        ({"rules": {"authentication": "fresh"}}, "prove more"),
        ({"rules": {"authorities": {"jwt": {"role": "auditor", "team": None}}}}, "may choose"),
        ({"action": ACT}, "exactly the act"),
        ({"options": [{"key": "jwt", "label": "Something else"}]}, "not offered"),
        ({"version": None}, "which version"),
    ],
)
def test_a_case_that_differs_is_left_to_people(made, changes, sentence):
    case = again(**changes)
    assert sentence in reason(made, case)
    assert answer(case, LATER) is None
    assert left_open(case)
    made.refresh_from_db()
    assert made.uses == 0


def test_another_act_than_the_one_decided_is_left_to_people(ada):
    made = stand(source(ada, action=ACT), ada)
    case = again(action=ACT | {"target": "db-production-replica"})
    assert "exactly the act" in reason(made, case)
    assert answer(case, LATER) is None


def test_a_case_of_another_agent_is_left_to_people(made):
    agent("other")
    version(agent("other"))
    case = again(agent="other")
    assert "another agent" in reason(made, case)
    assert answer(case, LATER) is None


def test_several_votes_are_never_one_standing_decision(made):
    case = again()
    Ask.objects.filter(subject=case.subject).update(required_votes=2)
    assert "several people" in reason(made, case)
    assert answer(case, LATER) is None
    assert left_open(case)


def test_it_ends_on_its_day(made):
    case = again()
    assert answer(case, made.expires_at) is None
    assert answer(case, made.expires_at - timedelta(seconds=1))


def test_it_ends_with_its_last_use(ada):
    made = stand(source(ada), ada, most_uses=1)
    assert answer(again("1"), LATER)
    case = again("2")
    assert "spent" in reason(made, case)
    assert answer(case, LATER) is None


def test_it_ends_when_it_is_revoked(made):
    ben = approver(name="Ben")
    revoke_standing(standing_id=made.pk, by=ben, reason="Things changed.", at=LATER)
    case = again()
    assert reason(made, case) == "It is revoked."
    assert answer(case, LATER) is None
    assert AuditEvent.objects.filter(kind="standing.revoked", actor=f"user:{ben.pk}").exists()


def test_it_ends_when_its_author_may_decide_no_more(ada, made):
    ada.roles = [Role.AUDITOR]
    ada.save()
    case = again()
    assert "may not decide" in reason(made, case)
    assert answer(case, LATER) is None


def test_it_ends_when_its_author_left(ada, made):
    ada.is_active = False
    ada.save()
    assert answer(again(), LATER) is None


def test_it_never_answers_for_its_authors_own_runner(ada, made):
    case = again(runner=RunnerFactory(owner=ada))
    assert "second pair of eyes" in reason(made, case)
    assert answer(case, LATER) is None


def test_it_never_permits_an_act_of_its_authors_own_agent(ada):
    made = stand(source(ada, action=ACT), ada)
    worker = agent()
    worker.owner = ada
    worker.save()
    case = again(action=ACT)
    assert "second pair of eyes" in reason(made, case)
    assert answer(case, LATER) is None


def test_whoever_is_kept_out_of_this_ask_does_not_answer_it(ada, made):
    case = again()
    Ask.objects.filter(subject=case.subject).update(excluded=[ada.pk])
    assert answer(case, LATER) is None


def test_a_suspended_agent_is_left_to_people(made):
    suspend(slug="worker", reason="Wrong answers.", by=approver(), at=NOW)
    case = again()
    assert reason(made, case) == "The agent is suspended."
    assert answer(case, LATER) is None


@pytest.mark.parametrize(
    ("text", "answered"),
    [("tools: Read\n", True), ("tools: Read, Bash\n", False), ("", False)],
)
def test_a_version_that_may_do_more_is_left_to_people(ada, text, answered):
    def definition(tools):
        return f"---\nname: worker\ndescription: Works.\n{tools}---\n# Worker\n\nGo.\n".encode()

    first = version(agent(), raw=definition("tools: Read\n"))
    made = stand(source(ada, version=first.sequence), ada)
    newer = version(agent(), raw=definition(text) + b"\nMore words.\n")
    case = again(version=newer.sequence)
    assert bool(answer(case, LATER)) is answered
    assert answered or "changed since" in reason(made, case)


def test_a_principle_amended_since_leaves_the_case_to_people(ada):
    made = stand(source(ada), ada)
    touched = {"principles": ["test-first"]}
    before = again("1", facts=touched)
    assert reason(made, before) == ""
    law_acts.ratified(at=NOW + timedelta(days=1))
    case = again("2", facts=touched)
    assert "amended" in reason(made, case)
    assert answer(case, LATER) is None
    assert answer(again("3"), LATER), "what touches no principle is answered still"


def test_whatever_goes_wrong_the_case_stays_open(made, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(answering, "conclude", broken)
    case = again()
    assert answer(case, LATER) is None
    assert left_open(case)
    made.refresh_from_db()
    assert made.uses == 0
    assert not Halt.objects.filter(source=case.subject).exclude(lifted_at=None).exists()


# --- making and revoking ----------------------------------------------------------------------


def test_only_who_decided_lets_it_stand(ada):
    case = source(ada)
    with pytest.raises(NotPermitted, match="Only somebody who decided"):
        stand(case, approver())
    with pytest.raises(NotPermitted):
        stand(case, UserFactory(is_superuser=True))
    assert not StandingDecision.objects.exists()


def test_an_answer_of_a_standing_decision_never_stands_itself(ada, made):
    case = again()
    answer(case, LATER)
    with pytest.raises(Conflict, match="itself"):
        stand(case, ada)


@pytest.mark.parametrize(
    ("changes", "refusal", "code"),
    [
        ({"reason": "  "}, InvalidInput, "reason_needed"),
        ({"most_uses": 0}, InvalidInput, "invalid_input"),
        ({"most_uses": 4}, InvalidInput, "invalid_input"),
        ({"days": 0}, InvalidInput, "invalid_input"),
        ({"days": 31}, InvalidInput, "invalid_input"),
        ({"answers": "everything"}, InvalidInput, "invalid_input"),
        ({"answers": "trigger:other"}, InvalidInput, "invalid_input"),
        ({"environments": []}, InvalidInput, "invalid_input"),
        ({"environments": ["moon"]}, InvalidInput, "invalid_input"),
        ({"level": "mail_word"}, NotPermitted, "authentication"),
    ],
)
def test_what_the_policy_does_not_allow_is_refused(ada, changes, refusal, code):
    case = source(ada)
    with pytest.raises(refusal) as refused:
        stand(case, ada, **changes)
    assert refused.value.code == code
    assert not StandingDecision.objects.exists()


def test_the_policy_says_how_its_author_has_to_sign_in(ada):
    case = allow(source(ada), authentication="fresh")
    with pytest.raises(NotPermitted) as refused:
        stand(case, ada)
    assert (refused.value.code, refused.value.details["needs"]) == ("authentication", "fresh")
    assert stand(case, ada, level="passkey")


def test_it_holds_for_no_higher_risk_than_was_decided(ada):
    assert stand(source(ada), ada).risks == ["low"]
    agent("careful", tier="medium")
    assert stand(source(ada, agent="careful"), ada).risks == ["low", "medium"]


def test_revoking_needs_a_reason_and_an_approver(made):
    with pytest.raises(InvalidInput):
        revoke_standing(standing_id=made.pk, by=approver(), reason=" ", at=LATER)
    with pytest.raises(NotPermitted):
        revoke_standing(
            standing_id=made.pk, by=UserFactory(roles=[Role.OWNER]), reason="No.", at=LATER
        )
    revoke_standing(standing_id=made.pk, by=approver(), reason="No.", at=LATER)
    with pytest.raises(Conflict):
        revoke_standing(standing_id=made.pk, by=approver(), reason="No.", at=LATER)


# --- the database refuses the rest ------------------------------------------------------------


def forged(case, voter, **changes):
    row = {
        "escalation": case,
        "voter": voter,
        "verdict": "approved_option",
        "option": case.options.get(key="jwt"),
        "request_sha256": case.request_sha256,
        "template_version": "x",
        "method": "standing",
        "at": LATER,
    }
    with transaction.atomic():
        return Ballot.objects.create(**row | changes)


def test_no_vote_says_standing_without_a_standing_decision_and_none_hides_it(ada, made):
    case = again()
    with pytest.raises(DatabaseError, match="come together"):
        forged(case, ada)
    with pytest.raises(DatabaseError, match="come together"):
        forged(case, ada, standing=made, method="session")


def test_no_vote_cites_a_standing_decision_that_has_not_counted_it(ada, made):
    case = again()
    with pytest.raises(DatabaseError, match="does not answer"):
        forged(case, ada, standing=made)
    StandingDecision.objects.filter(pk=made.pk).update(uses=1)
    assert forged(case, ada, standing=made)
    with pytest.raises(DatabaseError, match="does not answer"):
        forged(again("more"), ada, standing=made)


@pytest.mark.parametrize(
    "changes",
    [
        {"voter": None},
        {"at": NOW + timedelta(days=31)},
        {"at": NOW - timedelta(seconds=1)},
        {"verdict": "other_approach", "option": None},
    ],
)
def test_no_vote_cites_it_for_somebody_else_or_another_time_or_answer(ada, made, changes):
    case = again()
    StandingDecision.objects.filter(pk=made.pk).update(uses=1)
    voter = changes.pop("voter", ada) or approver()
    with pytest.raises(DatabaseError, match="does not answer"):
        forged(case, voter, standing=made, **changes)


@pytest.mark.parametrize(
    "facts", [{"group_key": "b" * 64}, {"environment": "staging"}, {"risk": "high"}]
)
def test_no_vote_cites_it_on_a_case_that_it_does_not_cover(ada, made, facts):
    case = again(facts=facts)
    StandingDecision.objects.filter(pk=made.pk).update(uses=1)
    with pytest.raises(DatabaseError, match="does not answer"):
        forged(case, ada, standing=made)


@pytest.mark.parametrize(
    "changes",
    [
        {"most_uses": 99},
        {"expires_at": NOW + timedelta(days=900)},
        {"risks": ["high"]},
        {"environments": ["production", "staging"]},
        {"reason": "Another."},
        {"uses": 2},
        {"group_key": "b" * 64},
    ],
)
def test_what_a_standing_decision_says_is_never_changed(made, changes):
    row = StandingDecision.objects.filter(pk=made.pk)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        row.update(**changes)


def test_uses_are_never_taken_back_and_a_revoked_one_stays_revoked(made):
    row = StandingDecision.objects.filter(pk=made.pk)
    answer(again(), LATER)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        row.update(uses=0)
    revoke_standing(standing_id=made.pk, by=approver(), reason="No.", at=LATER)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        row.update(revoked_at=None, revoked_by=None)


def test_a_standing_decision_is_never_deleted(made):
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        StandingDecision.objects.filter(pk=made.pk).delete()


def test_nobody_makes_one_of_what_they_did_not_decide(ada, made):
    copied = {
        name: getattr(made, name)
        for name in ("source", "agent", "reason", "group_key", "environments", "risks")
    }
    limits = {"most_uses": 1, "made_at": NOW, "expires_at": LATER}
    with pytest.raises(DatabaseError, match="vote of its author"), transaction.atomic():
        StandingDecision.objects.create(author=approver(), **copied, **limits)
    with pytest.raises(DatabaseError, match="vote of its author"), transaction.atomic():
        StandingDecision.objects.create(author=ada, **copied, **limits, uses=1)


def test_the_question_that_it_answers_is_that_of_its_source(made):
    assert (made.group_key, made.trigger) == (GROUP, "")
