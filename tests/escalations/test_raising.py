"""Raising: one case for one key, computed strictness, and nothing left where it is refused."""

import json

import pytest
from django.db import DatabaseError

from agents.models import Rule, Suspension, Trigger
from escalations import raising
from escalations.answers import request_of
from escalations.models import Escalation, Option, Presence, Status
from escalations.schema import MAX_OPTIONS, read_payload
from governance.asking.models import Ask, AskKind
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.canonical import canonical, sha256_hex
from governance.base.errors import Conflict, InvalidInput, NotThere, Refusal, TooLarge
from tests.agents.acts import put_into_production
from tests.escalations.acts import ACT, BODY, agent, approver, ask, version
from tests.factories import NOW, RunnerFactory

pytestmark = pytest.mark.django_db


def codes(case):
    return {finding["code"] for finding in case.findings}


def test_raising_opens_a_case_with_all_that_belongs_to_it():
    case = ask(
        action=ACT, run="r1", project="shop", wait_until="2026-03-03T09:00:00Z", key="my-key"
    )
    case.refresh_from_db()
    assert (case.status, case.revision, case.run, case.project) == (Status.OPEN, 1, "r1", "shop")
    assert case.request_sha256 == sha256_hex(bytes(case.request))
    assert canonical(request_of(case)) == bytes(case.request)
    assert request_of(case)["action"] == ACT
    assert [option.key for option in case.options.all()] == ["jwt", "session"]
    assert Presence.objects.get(pk=case.pk).last_seen_at == NOW
    asked = Ask.objects.open().get(subject=case.subject)
    assert (asked.kind, asked.fingerprint) == (AskKind.CASE, case.request_sha256)
    assert asked.path == case.get_absolute_url()
    assert set(asked.excluded) == {case.runner.owner_id, case.agent.owner_id}
    kinds = list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == ["ask.opened", "escalation.raised"]
    assert list(verify()) == []


def test_the_mail_says_who_asks_and_how_risky_it_is():
    case = ask()
    asked = Ask.objects.open().get(subject=case.subject)
    assert asked.about == (
        f"{case.agent.name}, production: {case.get_risk_display().lower()}."
        " It stands still until somebody decides."
    )


def test_the_history_of_a_raise_holds_ids_and_fingerprints_only():
    case = ask(problem="Personal story of Ada")
    body = bytes(AuditEvent.objects.get(kind="escalation.raised").body).decode()
    assert "Ada" not in body
    assert json.loads(body)["data"]["request_sha256"] == case.request_sha256


def test_a_raise_whose_history_cannot_be_written_leaves_nothing(monkeypatch):
    def broken(**event):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(raising, "append", broken)
    with pytest.raises(DatabaseError):
        ask()
    for model in (Escalation, Option, Presence, Ask, AuditEvent):
        assert not model.objects.exists()


def test_the_same_key_again_returns_the_same_case():
    runner = RunnerFactory()
    first, second = ask(runner, key="k"), ask(runner, key="k")
    assert first.pk == second.pk
    assert AuditEvent.objects.filter(kind="escalation.raised").count() == 1


def test_the_same_key_of_another_runner_is_another_case():
    assert ask(key="k").pk != ask(key="k").pk


def test_the_same_key_with_another_body_is_refused():
    runner = RunnerFactory()
    ask(runner, key="k")
    with pytest.raises(Conflict) as refused:
        ask(runner, key="k", task="else")
    assert refused.value.code == "idempotency_key_reused"


def test_a_key_too_long_is_refused():
    with pytest.raises(InvalidInput):
        ask(key="k" * 201)


def test_an_agent_that_the_runner_may_not_ask_for_is_not_there():
    with pytest.raises(NotThere):
        ask(RunnerFactory(agents=["helper"]))
    assert not Escalation.objects.exists()


def test_an_agent_is_found_by_the_name_that_makes_its_slug():
    agent("python-backend")
    case, _ = raising.raise_case(
        runner=RunnerFactory(),
        payload=read_payload({"agent": "Python Backend"}),
        idempotency_key="",
        body=b"",
        source_format="json",
        at=NOW,
    )
    assert case.agent.slug == "python-backend"


def test_a_suspended_agent_still_may_ask_and_it_counts_as_high_risk():
    Suspension.objects.create(agent=agent(), reason="Bad", at=NOW, suspended_by=approver())
    case = ask()
    assert (case.status, case.risk) == (Status.OPEN, "high")


def test_the_version_is_found_by_number_by_fingerprint_or_by_release():
    two = put_into_production().version
    one = version(two.agent)
    assert ask(version=one.sequence).version == one
    assert ask(version=str(one.sequence), task="text").version == one
    assert ask(version=one.sha256.upper(), task="hash").version == one
    assert ask(task="released").version == two
    assert ask(environment="staging", task="elsewhere").version is None


def test_a_version_or_environment_that_nobody_knows_is_a_finding():
    case = ask(version=99, environment="moon")
    assert case.version is None
    assert {"VERSION_UNKNOWN", "ENVIRONMENT_UNKNOWN"} <= codes(case)


def test_a_version_of_another_agent_is_unknown():
    made = version(agent("helper"))
    assert ask(version=made.sha256).version is None


def test_an_incomplete_question_is_open_with_findings():
    case = ask(body={"agent": "worker"})
    missing = {f["excerpt"] for f in case.findings if f["code"] == "MISSING_FIELD"}
    assert missing == {
        "Task",
        "Problem",
        "Attempted",
        "Options",
        "Impact",
        "Constitutional_Impact",
    }
    assert case.title == "worker asks"


def test_unknown_keys_are_kept_with_their_place_and_shown():
    case = ask(
        colour="red",
        options=[{"key": "a", "shade": 1}],
        action=ACT | {"force": True},
        constitutional_impact={"text": "t", "article": "I"},
    )
    assert request_of(case)["unknown"] == {
        "colour": "red",
        "options[0].shade": 1,
        "action.force": True,
        "constitutional_impact.article": "I",
    }
    assert "UNKNOWN_KEY" in codes(case)


def test_hidden_characters_are_findings_and_the_title_shows_them():
    case = ask(problem="Delete\u202e all\nof it")
    assert "BIDI_CHARACTER" in codes(case)
    assert case.title == "Delete‹U+202E› all of it"


def test_a_long_title_ends_in_an_ellipsis():
    title = ask(problem="x" * 500).title
    assert len(title) == 200
    assert title.endswith("…")


def test_options_may_be_plain_strings_and_get_keys():
    case = ask(options=["JWT tokens", "JWT tokens", {"label": "y" * 400}])
    first, second, third = case.options.all()
    assert (first.key, first.label) == ("jwt-tokens", "JWT tokens")
    assert second.key != first.key
    assert len(third.label) == 300
    assert "y" * 400 in third.description


def test_an_act_without_options_can_be_said_yes_to():
    case = ask(action=ACT, options=[])
    assert case.options.get().key == "carry-out"


def test_a_recommendation_that_is_no_option_is_a_finding():
    assert "RECOMMENDATION_IS_NO_OPTION" in codes(ask(recommendation="oauth"))
    assert "RECOMMENDATION_IS_NO_OPTION" not in codes(ask(recommendation="jwt"))


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"agent": "worker", "options": ["o"] * (MAX_OPTIONS + 1)}, TooLarge),
        ({"agent": "worker", "options": [{"key": "k"}, {"key": "k"}]}, InvalidInput),
        ({"agent": "worker", "options": "jwt"}, InvalidInput),
        ({"agent": "worker", "options": [3]}, InvalidInput),
        ({"agent": "worker", "run": "r" * 201}, InvalidInput),
        ({"agent": "worker", "attempted": [1]}, InvalidInput),
        ({"agent": "worker", "action": "rm"}, InvalidInput),
        ({"agent": "worker", "action": {"target": "x"}}, InvalidInput),
        ({"agent": "worker", "blocking": 0}, InvalidInput),
        ({"agent": "worker", "risk": "tiny"}, InvalidInput),
        ({"agent": "worker", "wait_until": "tomorrow"}, InvalidInput),
        ({"agent": "worker", "wait_until": "2026-01-01T00:00:00"}, InvalidInput),
        ({"agent": 3}, InvalidInput),
        ({}, InvalidInput),
    ],
)
def test_a_wrong_type_is_refused(body, refusal):
    with pytest.raises(refusal):
        read_payload(body)


def test_depth_is_limited_without_recursion():
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Refusal) as refused:
        read_payload({"agent": "worker", "extra": {"deep": deep}})
    assert refused.value.code == "too_deep"
    while isinstance(deep, list):
        deep = deep.pop()


@pytest.mark.parametrize(
    ("changes", "risk"),
    [
        ({}, "medium"),
        ({"version": 1}, "low"),
        ({"version": 1, "risk": "high"}, "high"),
        ({"version": 1, "risk": "low"}, "low"),
        ({"version": 1, "action": ACT}, "medium"),
        ({"version": 1, "action": ACT, "risk": "low"}, "medium"),
        ({"version": 1, "action": ACT | {"kind": "DROP-table"}, "risk": "low"}, "high"),
        ({"version": 1, "action": ACT | {"target": "prod"}}, "high"),
        ({"version": 1, "trigger": "unclear-requirements", "risk": "low"}, "medium"),
        ({"version": 1, "problem": "Authentication method unclear"}, "medium"),
        (
            {
                "version": 1,
                "action": {"kind": "add", "arguments": {"why": "external dependency"}},
                "risk": "low",
            },
            "high",
        ),
    ],
)
def test_the_portal_computes_the_risk_and_the_claim_only_raises_it(changes, risk):
    made = version(agent(tier="low"))
    Rule.objects.create(
        version=made,
        key="never",
        position=0,
        line=1,
        modality="never",
        text="add external dependencies without approval",
    )
    for key, title in (("unclear-requirements", "Unclear"), ("auth", "Authentication method")):
        Trigger.objects.create(
            version=made, key=key, position=0, line=1, kind="general", title=title
        )
    case = ask(**changes)
    assert case.risk == risk
    assert case.risk_reasons


def test_the_tier_of_the_agent_is_the_least():
    agent(tier="high")
    assert ask(risk="low").risk == "high"


@pytest.mark.parametrize("escalation", ["mandatory", " MANDATORY "])
def test_an_agent_that_must_escalate_stays_stopped_whatever_is_claimed(escalation):
    version(agent(), frontmatter={"escalation": escalation})
    case = ask(version=1, blocking=False)
    assert case.blocking
    assert any("must stop" in reason for reason in case.risk_reasons)


def test_an_unknown_version_stays_stopped_as_well():
    assert ask(blocking=False).blocking


def test_an_agent_that_need_not_stop_may_go_on():
    version(agent(), frontmatter={})
    assert not ask(version=1, blocking=False).blocking
    assert ask(version=1, task="other").blocking


def test_who_is_told_and_who_decides_does_not_depend_on_what_the_runner_claims():
    version(agent())
    humble = ask(version=1, action=ACT, blocking=False, risk="low")
    honest = ask(version=1, action=ACT, task="other")
    policies = [Ask.objects.get(subject=case.subject) for case in (humble, honest)]
    assert policies[0].ladder == policies[1].ladder
    assert policies[0].required_votes == policies[1].required_votes
    assert humble.blocking == honest.blocking


def test_body_is_the_example():
    assert ask().title == BODY["problem"]
