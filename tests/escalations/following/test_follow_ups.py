"""A constraint that is reported as broken is asked about, once, with the agent stopped."""

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError

from agents.models import Halt, Suspension
from escalations.acting import LONGEST_EVIDENCE, report_outcome
from escalations.answers import answer_of, load_case, request_of
from escalations.following import follow_ups
from escalations.models import Escalation, Outcome, Status
from governance.asking.models import Ask
from governance.audit.models import AuditEvent
from governance.base.errors import InvalidInput, TooLarge
from tests.escalations.acts import approve, approver, ask
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=2)
LINK = "https://ci.example.org/runs/7"


def line(constraint, kept=True, evidence=""):
    return {"constraint": constraint, "kept": kept, "evidence": evidence}


def reported(*lines, **changes):
    case = ask(run="build-7", instance="main", project="shop")
    approve(case, constraints=[one["constraint"] for one in lines])
    said = {"result": "succeeded", "summary": "Done."} | changes
    outcome, _ = report_outcome(
        escalation_id=case.pk, runner=case.runner, constraints=list(lines), at=LATER, **said
    )
    return case, outcome


def test_a_broken_promise_is_a_case_of_its_own():
    case, _ = reported(line("Fast", evidence=LINK), line("Small", False, "It grew by 3 MB"))
    asked = Escalation.objects.get(follows_up=case)
    assert (asked.runner, asked.agent, asked.environment) == (
        case.runner, case.agent, case.environment,
    )  # fmt: skip
    assert (asked.risk, asked.blocking, asked.status) == ("high", True, Status.OPEN)
    assert (asked.run, asked.instance, asked.project) == ("build-7", "main", "shop")
    assert [option.key for option in asked.options.all()] == ["accept", "undo", "stop-agent"]
    assert Ask.objects.open().filter(subject=asked.subject).exists()
    assert Halt.objects.filter(source=asked.subject, lifted_at=None).exists()
    raised = AuditEvent.objects.get(stream=asked.subject, kind="escalation.raised")
    assert raised.actor == "system:follow-up"
    assert json.loads(bytes(raised.body))["data"]["follows_up"] == case.ref


def test_the_question_says_what_was_promised_and_what_was_broken():
    case, _ = reported(line("Fast", evidence=LINK), line("Small", False, "It grew by 3 MB"))
    request = request_of(Escalation.objects.get(follows_up=case))
    assert request["extra"]["Promised"] == ["Fast", "Small"]
    assert request["extra"]["Broken"] == ["Small"]
    assert request["extra"]["Evidence"] == ["It grew by 3 MB"]
    assert case.ref in request["problem"]
    assert "Small" in request["title"]


@pytest.mark.parametrize("kept", [True, None])
def test_what_is_kept_or_not_known_asks_nothing(kept):
    reported(line("Fast", kept))
    assert Escalation.objects.count() == 1


def test_the_same_report_again_asks_nothing_more():
    case, outcome = reported(line("Fast", False))
    again, created = report_outcome(
        escalation_id=case.pk,
        runner=case.runner,
        result=outcome.result,
        summary=outcome.summary,
        constraints=outcome.constraints,
        at=LATER,
    )
    assert (again, created) == (outcome, False)
    assert case.follow_ups.count() == 1


def test_both_cases_name_each_other():
    case, _ = reported(line("Fast", False))
    asked = case.follow_ups.get()
    assert answer_of(load_case(case.pk))["follow_ups"] == [asked.ref]
    assert answer_of(load_case(asked.pk))["follows_up"] == case.ref


def test_a_runner_that_lost_its_agent_still_reports():
    case = ask()
    approve(case, constraints=["Fast"])
    case.runner.agents = ["another"]
    case.runner.save()
    report_outcome(
        escalation_id=case.pk,
        runner=case.runner,
        result="failed",
        summary="",
        constraints=[line("Fast", False)],
        at=LATER,
    )
    assert case.follow_ups.count() == 1


def test_a_runner_cannot_take_the_key_of_a_follow_up():
    case = ask()
    with pytest.raises(InvalidInput):
        ask(case.runner, key=f"portal:follow-up:{case.ref}", task="else")


def test_an_outcome_whose_follow_up_cannot_be_asked_is_not_recorded(monkeypatch):
    def broken(**event):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(follow_ups, "open_case", broken)
    with pytest.raises(DatabaseError):
        reported(line("Fast", False))
    assert not Outcome.objects.exists()


@pytest.mark.parametrize(
    ("evidence", "refusal"), [("x" * (LONGEST_EVIDENCE + 1), TooLarge), ("a\x00", InvalidInput)]
)
def test_evidence_has_a_measure(evidence, refusal):
    with pytest.raises(refusal):
        reported(line("Fast", True, evidence))
    assert not Outcome.objects.exists()


def test_the_answer_to_stop_the_agent_leads_to_its_suspension_and_suspends_nothing(client):
    reported(line("Small", False))
    asked = Escalation.objects.get(follows_up__isnull=False)
    user = approver()
    client.force_login(user)
    there = f"{asked.agent.get_absolute_url()}#suspend-title"
    page = client.get(asked.get_absolute_url()).content.decode()
    assert "By the portal, after what the runner reported." in page
    assert there not in page
    approve(asked, by=user, option_key=follow_ups.STOP_AGENT, reason="Enough.")
    assert there in client.get(asked.get_absolute_url()).content.decode()
    assert not Suspension.objects.exists()
    Suspension.objects.create(agent=asked.agent, reason="Broken", suspended_by=user, at=NOW)
    assert there not in client.get(asked.get_absolute_url()).content.decode()
