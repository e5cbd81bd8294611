"""POST /api/v1/guard/: what a runner sends, what it is answered, what is refused."""

import pytest
from django.test import Client
from django.utils import timezone

from governance.people.models import Scope
from governance.people.services import issue_key
from tests.agents import acts
from tests.agents.ledger.test_guarding import DEPENDENCIES, set_rule
from tests.escalations import acts as cases
from tests.factories import RunnerFactory

pytestmark = pytest.mark.django_db(transaction=True)
CALL = {"agent": "worker", "run": "r", "instance": "i"}
BASH = {**CALL, "tool": "Bash", "command": "pip install requests"}


@pytest.fixture
def send(db):
    now = timezone.now()
    acts.put_into_production(at=now)
    runner = RunnerFactory(agents=["worker"])
    _, plain = issue_key(
        runner_id=runner.pk, by=runner.owner, at=now, scopes=[Scope.ESCALATE]
    )  # fmt: skip

    def posted(body, **extra):
        return Client().post(
            "/api/v1/guard/",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {plain}"},
            **extra,
        )

    posted.runner = runner
    return posted


def test_a_tool_call_is_answered_with_what_to_escalate(send):
    set_rule(DEPENDENCIES, "dependencies")
    answer = send(BASH)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["answer"] == "approval_required"
    assert body["rules"][0]["key"] == DEPENDENCIES
    assert body["escalate_with"]["action"] == {
        "kind": "Bash",
        "target": "pip install requests",
        "arguments": {"command": "pip install requests"},
    }


def test_what_it_says_to_escalate_can_be_raised_as_it_is_and_then_opens(send):
    set_rule(DEPENDENCIES, "dependencies")
    key = send(BASH).json()["escalate_with"]

    case = cases.ask(send.runner, body=key, at=timezone.now())
    assert send(BASH).json()["answer"] == "halted"
    cases.approve(case, at=timezone.now())
    body = send(BASH).json()
    assert (body["answer"], body["permit"]) == ("allow", case.ref)


def test_an_action_is_allowed_where_no_rule_speaks(send):
    body = send({**CALL, "action": {"kind": "sql", "target": "orders"}}).json()
    assert (body["answer"], body["rules"], body["escalate_with"]) == ("allow", [], {})


@pytest.mark.parametrize(
    "body",
    [
        CALL,
        {**BASH, "action": {"kind": "x"}},
        {**CALL, "action": {"kind": ""}},
        {**CALL, "action": {"kind": "x", "targets": "y"}},
        {**BASH, "agnet": "worker"},
        {**BASH, "command": ["pip"]},
        {**BASH, "command": "pip\x00install"},
        {"tool": "Bash"},
        [],
    ],
)
def test_a_malformed_question_is_refused_not_allowed(send, body):
    answer = send(body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_a_question_that_is_too_deep_or_too_large_is_refused(send):
    deep: object = "x"
    for _ in range(30):
        deep = [deep]
    assert send({**CALL, "action": {"kind": "x", "arguments": deep}}).status_code == 400
    assert send({**BASH, "command": "x" * 300_000}).status_code == 413


def test_an_agent_of_somebody_else_is_not_there(send):
    assert send({**BASH, "agent": "other"}).status_code == 404


def test_an_agent_that_nobody_knows_is_denied_to_a_runner_of_all_agents(send):
    send.runner.agents = ["*"]
    send.runner.save()
    answer = send({**BASH, "agent": "nobody"})
    assert (answer.status_code, answer.json()["answer"]) == (200, "deny")


def test_a_key_that_may_not_escalate_may_not_ask_the_guard(send):
    _, plain = issue_key(
        runner_id=send.runner.pk, by=send.runner.owner, at=timezone.now(), scopes=[Scope.READ]
    )
    answer = Client().post(
        "/api/v1/guard/",
        BASH,
        content_type="application/json",
        headers={"Authorization": f"Bearer {plain}"},
    )
    assert answer.status_code == 403


def test_the_guard_is_not_asked_by_get(send):
    assert Client().get("/api/v1/guard/").status_code in {401, 405}
