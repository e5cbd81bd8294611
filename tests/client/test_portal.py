"""The client against the portal's own code: both sides mean the same by every field."""

import os

import pytest

if "DJANGO_SETTINGS_MODULE" not in os.environ and "DATABASE_URL" not in os.environ:
    pytest.skip("needs the portal's database: python3 dev.py test", allow_module_level=True)

from django.test import Client as Browser
from django.utils import timezone

from escalations.acting import dismiss
from escalations.models import Escalation, Outcome, Presence
from escalations.thread import ask_runner
from governance.people.models import Role
from governance.people.services import issue_key
from stuck import cli, demo, errors, transport
from stuck.client import Client
from tests.escalations.acts import ACT, agent, approve, approver, reject
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db

QUESTION = {
    "agent": "worker",
    "task": "Implementing user login",
    "options": [{"key": "jwt", "label": "JWT tokens"}, {"key": "session", "label": "Sessions"}],
}


@pytest.fixture
def runner():
    return RunnerFactory(owner=UserFactory(roles=[Role.OWNER]))


@pytest.fixture
def client(runner, monkeypatch):
    _, key = issue_key(runner_id=runner.pk, by=runner.owner, at=timezone.now())
    agent("worker")
    agent("python-backend")

    def send(address, method, path, *, headers, body, seconds):
        """Django's test client instead of a socket."""
        more = {"HTTP_" + name.upper().replace("-", "_"): headers[name] for name in headers}
        kind = headers.get("Content-Type", "application/octet-stream")
        answer = Browser().generic(method, path, body or b"", content_type=kind, **more)
        names = {name.lower(): value for name, value in answer.headers.items()}
        return transport.Reply(answer.status_code, names, answer.content)

    monkeypatch.setattr(transport, "send", send)
    monkeypatch.setenv("GOVERNANCE_URL", "https://portal.example")
    monkeypatch.setenv("GOVERNANCE_KEY", key)
    return Client("https://portal.example", key, timeout=0.2)


def row(case):
    return Escalation.objects.get(pk=case.raw["id"])


def test_a_yes_is_proven_word_for_word(client):
    case = client.ask(QUESTION, run="1")
    said = {
        "approach": "As in the other services.",
        "constraints": ["No new dependency", "15 minutes: größer nicht"],
        "context": "We have it elsewhere.",
        "constitutional_notes": "Security by Design",
        "next_steps": ["Write the tests"],
        "reason": "Known to the team",
    }
    approve(row(case), at=timezone.now(), **said)
    answer = client.wait(case)
    assert {name: answer.raw[name] for name in said} == said
    assert answer.option == "jwt"


def test_a_question_needs_no_permit_and_an_outcome_is_taken(client):
    case = client.ask(QUESTION)
    approve(row(case), at=timezone.now(), constraints=["No new dependency"])
    assert not client.wait(case).needs_permit
    with pytest.raises(errors.Refused) as caught:
        client.consume(case)
    assert caught.value.code == "no_permit"
    with pytest.raises(errors.Refused) as caught:
        client.outcome(case, "succeeded")
    assert caught.value.problem["constraints"] == ["No new dependency"]
    kept = [{"constraint": "No new dependency", "kept": None, "evidence": ""}]
    client.outcome(case, "succeeded", constraints=kept)
    assert Outcome.objects.get().constraints == kept


def test_a_permit_is_spent_once(client):
    case = client.ask({**QUESTION, "action": ACT})
    approve(row(case), at=timezone.now())
    assert client.wait(case).needs_permit
    assert client.consume(case).request_sha256 == case.request_sha256
    with pytest.raises(errors.Refused) as caught:
        client.consume(case)
    assert caught.value.code == "permit_spent"


def test_the_same_question_in_one_run_is_one_case(client):
    first, again = client.ask(QUESTION, run="1"), client.ask(QUESTION, run="1")
    assert (first.created, again.created) == (True, False)
    assert client.ask(QUESTION, run="2").ref != first.ref == again.ref


def test_a_block_is_one_case_as_well(client):
    block = "Agent: worker\nTask: Implementing user login\nOptions:\n- JWT\n- Sessions\n"
    first = client.ask(block, environment="staging", run="1")
    assert client.ask(block, environment="staging", run="1").ref == first.ref
    assert (row(first).environment, row(first).run) == ("staging", "1")
    assert "The block does not say Problem." in first.findings


def test_a_no_and_every_end_without_a_decision_stop_the_runner(client, runner):
    case = client.ask(QUESTION, run="rejected")
    reject(row(case), at=timezone.now())
    with pytest.raises(errors.Rejected) as caught:
        client.wait(case)
    assert caught.value.answer.reason == "Too risky."
    case = client.ask(QUESTION, run="withdrawn")
    client.withdraw(case, "solved")
    with pytest.raises(errors.Withdrawn, match="solved"):
        client.wait(case)
    case = client.ask(QUESTION, run="dismissed")
    Presence.objects.filter(pk=row(case).pk).delete()
    dismiss(escalation_id=row(case).pk, by=approver(), reason="gone", at=timezone.now())
    with pytest.raises(errors.Dismissed, match="gone"):
        client.answer(case)


def test_a_question_of_the_approvers_is_answered(client):
    case = client.ask(QUESTION)
    ada = approver()
    ask_runner(escalation_id=row(case).pk, by=ada, text="Why now?", at=timezone.now())
    with pytest.raises(errors.QuestionOpen) as caught:
        client.wait(case)
    assert [question.text for question in caught.value.answer.questions] == ["Why now?"]
    assert client.say(case, "The release is on Friday.").status == "open"


def test_an_undecided_case_stays_open_when_the_runner_stops_waiting(client):
    case = client.ask(QUESTION)
    with pytest.raises(errors.Undecided):
        client.wait(case, timeout=0.05)
    assert row(case).status == "open"


def test_a_strangers_case_is_not_there(client):
    case = client.ask(QUESTION)
    stranger = RunnerFactory()
    Escalation.objects.filter(pk=row(case).pk).update(runner=stranger)
    for call in (client.read, client.answer, client.wait, client.consume):
        with pytest.raises(errors.Refused) as caught:
            call(case)
        assert caught.value.status == 404


def test_a_lost_answer_to_consume_is_given_again_by_its_key(client):
    case = client.ask({**QUESTION, "action": ACT})
    approve(row(case), at=timezone.now())
    first = client.consume(case, idempotency_key="act-1")
    again = client.consume(case, idempotency_key="act-1")
    assert (first.replayed, again.replayed) == (False, True)
    assert first.receipt == again.receipt


def test_an_edited_question_replaces_the_open_one(client):
    old = client.ask(QUESTION)
    new = client.ask({**QUESTION, "problem": "One way is left"}, supersedes=old.ref)
    with pytest.raises(errors.Withdrawn, match=f"superseded by {new.ref}"):
        client.wait(old)
    assert client.read(old).superseded_by == new.ref
    block = "Agent: worker\nTask: Implementing user login\nProblem: None is left\n"
    newest = client.ask(block, supersedes=new.ref)
    assert row(newest).supersedes_id == row(new).pk
    approve(row(newest), at=timezone.now(), verdict="other_approach", option_key="", approach="x")
    with pytest.raises(errors.Refused) as caught:
        client.ask(QUESTION, run="late", supersedes=newest.ref)
    assert caught.value.code == "decided"


def test_the_next_session_takes_over_what_is_kept(client, capsys):
    case = client.ask(QUESTION, project="shop", run="1")
    waiting = client.ask(QUESTION, project="shop", run="2")
    approve(row(case), at=timezone.now(), constraints=["No new dependency"])
    assert client.kept(project="site") == ((), (), False)
    assert cli.main(["answers", "--agent", "worker", "--project", "shop"]) == 0
    out, err = capsys.readouterr()
    assert "TASK: Implementing user login" in out
    assert "CONSTRAINTS:\n- No new dependency" in out
    assert f"stuck wait {waiting.ref}" in err
    assert client.kept().settled == ()
    assert [kept.answer.ref for kept in client.kept().waiting] == [waiting.ref]


def test_a_broken_constraint_is_asked_about(client):
    case = client.ask(QUESTION)
    approve(row(case), at=timezone.now(), constraints=["Fast"])
    broken = [{"constraint": "Fast", "kept": False, "evidence": "https://ci.example.org/7"}]
    (ref,) = client.outcome(case, "failed", constraints=broken)
    with pytest.raises(errors.Undecided):
        client.answer(ref)


def test_the_demonstration_plays_to_its_end(client, monkeypatch):
    def decide_meanwhile(case):
        approve(row(case), at=timezone.now(), option_key="sessions", constraints=["Stay polite"])

    monkeypatch.setattr(demo, "announce", decide_meanwhile)
    assert demo.main() == 0
    assert Outcome.objects.get().result == "succeeded"
