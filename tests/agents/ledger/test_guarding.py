"""The guard: fail closed, deny before approval before allow, halted while a case is open."""

from datetime import timedelta

import pytest

from agents.ledger import guarding
from agents.ledger.guarding import Question, escalation_for, guard
from agents.ledger.services import judge_rule
from agents.models import Halt, Permit, RuleObservation
from agents.releasing.services import release, suspend
from agents.reviewing.services import submit_version
from escalations import acting
from governance.audit.models import AuditEvent
from governance.base.errors import NotThere
from tests.agents import acts
from tests.escalations import acts as cases
from tests.factories import NOW, RunnerFactory

pytestmark = pytest.mark.django_db(transaction=True)
NEVER = (
    "- NEVER delete data\n- NEVER deploy to production without approval\n"
    "- **New packages**: ask before you add external dependencies\n"
)
DEPENDENCIES = "never-add-external-dependencies-without-approval"
DATA = "never-delete-data"
DEPLOY = "never-deploy-to-production-without-approval"
PIP = {"command": "pip install requests"}


@pytest.fixture
def runner(db):
    acts.put_into_production(acts.bring_in(raw=acts.definition(more=NEVER)))
    return RunnerFactory(agents=["worker", "ghost", "free"])


def set_rule(key, preset, rule_class="gated", *modes):
    for mode in modes or ("observe", "enforce"):
        judge_rule(
            agent_slug="worker",
            key=key,
            rule_class=rule_class,
            mode=mode,
            matchers=[{"preset": preset}],
            reason="",
            by=acts.approver(),
            at=NOW,
        )


def ask(runner, command="pip install requests", *, at=NOW, **changes):
    said = {
        "agent": "worker",
        "environment": "production",
        "run": "run-1",
        "instance": "main",
        "kind": "Bash",
        "arguments": {"command": command},
    }
    return guard(question=Question(**said | changes), runner=runner, at=at)


def counted(answer):
    rows = RuleObservation.objects.filter(answer=answer).order_by("key")
    return list(rows.values_list("key", "count"))


def test_without_judged_rules_everything_is_allowed_and_counted(runner):
    assert ask(runner).answer == "allow"
    assert ask(runner).answer == "allow"
    assert counted("allow") == [("", 2)]
    assert not AuditEvent.objects.filter(stream="guard:worker").exists()


def test_an_observing_rule_disturbs_nobody_and_is_counted(runner):
    set_rule(DEPENDENCIES, "dependencies", "gated", "observe")
    set_rule(DATA, "destructive", "enforced", "observe")
    answer = ask(runner, "pip install requests && rm -rf data")
    assert answer.answer == "allow"
    assert {one.key for one in answer.observed} == {DEPENDENCIES, DATA}
    assert counted("would_ask") == [(DEPENDENCIES, 1)]
    assert counted("would_deny") == [(DATA, 1)]


def test_a_gated_rule_asks_and_says_what_to_escalate(runner):
    set_rule(DEPENDENCIES, "dependencies")
    answer = ask(runner)
    assert (answer.answer, answer.code) == ("approval_required", "rule")
    assert answer.rules[0].text == "NEVER add external dependencies without approval"
    question = Question("worker", "production", "run-1", "main", "Bash", "", PIP)
    payload = escalation_for(question, answer)
    assert payload["action"] == {"kind": "Bash", "target": "", "arguments": PIP}
    assert payload["version"] == answer.standing.sha256
    assert counted("approval_required") == [(DEPENDENCIES, 1)]
    event = AuditEvent.objects.get(stream="guard:worker")
    assert event.kind == "guard.approval_required"
    assert event.actor == f"runner:{runner.pk}"


def test_an_enforced_rule_denies_and_deny_beats_approval(runner):
    set_rule(DEPENDENCIES, "dependencies")
    set_rule(DATA, "destructive", "enforced")
    answer = ask(runner, "pip install requests && rm -rf data")
    assert answer.answer == "deny"
    assert [one.key for one in answer.rules] == [DATA, DEPENDENCIES]
    assert counted("deny") == [(DATA, 1)]


def test_what_cannot_be_read_needs_approval_even_under_an_enforced_rule(runner):
    set_rule(DATA, "destructive", "enforced")
    answer = ask(runner, "python -c 'x'")
    assert (answer.answer, answer.code) == ("approval_required", "opaque")
    assert answer.opaque == ("python runs code given on the line",)


def test_what_cannot_be_read_is_allowed_where_nothing_is_enforced(runner):
    set_rule(DATA, "destructive", "enforced", "observe")
    assert ask(runner, "python -c 'x'").answer == "allow"


def test_a_new_stance_counts_at_the_next_question(runner):
    assert ask(runner).answer == "allow"
    set_rule(DEPENDENCIES, "dependencies")
    assert ask(runner).answer == "approval_required"


def test_rules_are_compiled_once_for_one_state(runner, monkeypatch):
    set_rule(DEPENDENCIES, "dependencies")
    ask(runner)
    monkeypatch.setattr(guarding, "_compiled", None)
    assert ask(runner).answer == "approval_required"


def test_a_rule_that_the_released_version_no_longer_states_is_gone_with_it(runner):
    set_rule(DATA, "destructive", "enforced")
    newer = acts.bring_in(acts.owner(), raw=acts.definition())
    assert ask(runner, "rm -rf data").answer == "deny"
    submit_version(version_id=newer.pk, by=newer.author, at=NOW)
    while acts.say(newer, acts.approver()).status != "approved":
        pass
    release(version_id=newer.pk, environment="production", by=acts.owner(), at=NOW)
    assert ask(runner, "rm -rf data").answer == "allow"


# --- fail closed ----------------------------------------------------------------------------


def test_an_agent_that_the_key_may_not_act_for_is_not_there(runner):
    with pytest.raises(NotThere):
        ask(RunnerFactory(agents=["other"]))
    with pytest.raises(NotThere):
        ask(runner, agent="other")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"agent": "ghost"}, "unknown_agent"),
        ({"environment": "staging"}, "not_released"),
        ({"environment": "moon"}, "unknown_environment"),
    ],
)
def test_what_is_unknown_or_not_released_is_denied_with_the_reason(runner, changes, code):
    answer = ask(runner, **changes)
    assert (answer.answer, answer.code) == ("deny", code)
    assert answer.sentence


def test_a_suspended_agent_is_denied_at_once_and_recorded(runner):
    assert ask(runner).answer == "allow"
    suspend(slug="worker", reason="Wrong answers.", by=acts.owner(), at=NOW)
    answer = ask(runner)
    assert (answer.answer, answer.code) == ("deny", "suspended")
    assert AuditEvent.objects.get(stream="guard:worker").kind == "guard.deny"


# --- halted ---------------------------------------------------------------------------------


def open_case(runner, **changes):
    return cases.ask(runner, **{"agent": "worker", "instance": "main", "run": "run-1"} | changes)


def test_a_blocking_case_halts_the_instance_that_asked_and_no_sibling(runner):
    case = open_case(runner)
    answer = ask(runner, "ls")
    assert (answer.answer, answer.case) == ("halted", case.ref)
    assert ask(runner, "ls", instance="sibling").answer == "allow"
    assert ask(RunnerFactory(), "ls").answer == "allow"
    assert counted("halted") == [("", 1)]


def test_whoever_does_not_say_which_instance_it_is_may_be_the_halted_one(runner):
    open_case(runner)
    assert ask(runner, "ls", instance="").answer == "halted"


def test_a_halted_instance_may_still_read(runner):
    open_case(runner)
    reads = {"kind": "Read", "target": "src/app.py", "arguments": {"file_path": "src/app.py"}}
    assert ask(runner, **reads).answer == "allow"
    assert ask(runner, kind="Edit", target="src/app.py", arguments=None).answer == "halted"


@pytest.mark.parametrize(
    ("asked", "same", "other"),
    [
        ({"instance": "", "run": "run-1"}, {"run": "run-1"}, {"run": "run-2"}),
        ({"instance": "", "run": ""}, {"run": "run-2"}, None),
    ],
)
def test_without_an_instance_the_run_is_halted_and_without_a_run_all(runner, asked, same, other):
    open_case(runner, **asked)
    assert ask(runner, "ls", **same).answer == "halted"
    if other:
        assert ask(runner, "ls", **other).answer == "allow"


@pytest.mark.parametrize("end", ["decided", "rejected", "withdrawn", "dismissed"])
def test_every_end_of_a_case_lifts_its_halt(runner, end):
    case = open_case(runner)
    ends = {
        "decided": lambda: cases.approve(case),
        "rejected": lambda: cases.reject(case),
        "withdrawn": lambda: acting.withdraw(
            escalation_id=case.pk, runner=runner, reason="", at=NOW
        ),
        "dismissed": lambda: acting.dismiss(
            escalation_id=case.pk, by=cases.approver(), reason="Gone.", at=NOW + timedelta(days=1)
        ),
    }
    ends[end]()
    assert Halt.objects.get().lifted_at is not None
    assert ask(runner, "ls").answer == "allow"


def test_a_case_that_does_not_block_halts_nobody(runner):
    acts.put_into_production(
        acts.bring_in(raw=acts.definition("free").replace(b"mandatory", b"no"))
    )
    open_case(runner, agent="free", blocking=False, version=1)
    assert not Halt.objects.exists()


# --- permits --------------------------------------------------------------------------------


def permitted(runner, **changes):
    action = {"kind": "Bash", "arguments": PIP}
    case = open_case(runner, action=action, options=[], **changes)
    cases.approve(case)
    return case


def test_a_permit_opens_exactly_its_act(runner):
    set_rule(DEPENDENCIES, "dependencies")
    case = permitted(runner)
    answer = ask(runner)
    assert (answer.answer, answer.permit) == ("allow", case.ref)
    assert counted("permitted") == [(DEPENDENCIES, 1)]
    assert ask(runner, "pip install flask").answer == "approval_required"
    assert ask(runner, kind="Shell").answer == "approval_required"
    assert ask(RunnerFactory()).answer == "approval_required"
    assert ask(runner, at=NOW + timedelta(days=30)).answer == "approval_required"


def test_a_spent_permit_opens_nothing(runner):
    set_rule(DEPENDENCIES, "dependencies")
    case = permitted(runner)
    acting.consume(escalation_id=case.pk, runner=runner, request_sha256=case.request_sha256, at=NOW)
    assert ask(runner).answer == "approval_required"


def test_a_permit_for_another_environment_opens_nothing(runner):
    set_rule(DEPENDENCIES, "dependencies")
    permitted(runner, environment="staging")
    assert ask(runner).answer == "approval_required"


def test_no_permit_opens_what_an_enforced_rule_denies(runner):
    set_rule(DEPENDENCIES, "dependencies", "enforced")
    permitted(runner)
    assert ask(runner).answer == "deny"


def widened(case, **scope):
    """The permit as the decider could have granted it."""
    Permit.objects.filter(source=case.subject).update(**scope)


def test_a_permit_for_several_uses_opens_its_act_until_they_are_used(runner):
    set_rule(DEPENDENCIES, "dependencies")
    case = permitted(runner)
    widened(case, scope="uses", most_uses=2)
    for _ in range(2):
        assert ask(runner).permit == case.ref
        acting.consume(
            escalation_id=case.pk, runner=runner, request_sha256=case.request_sha256, at=NOW
        )
    assert ask(runner).answer == "approval_required"


def test_a_permit_for_a_run_opens_nothing_in_another_run(runner):
    set_rule(DEPENDENCIES, "dependencies")
    case = permitted(runner)
    widened(case, scope="run", most_uses=5, run="build-7")
    assert ask(runner, run="build-7").permit == case.ref
    assert ask(runner, run="build-8").answer == "approval_required"
    assert ask(runner, run="").answer == "approval_required"


def test_a_permit_for_a_pattern_opens_what_lies_within_it(runner):
    set_rule(DEPENDENCIES, "dependencies")
    case = permitted(runner)
    pattern = {"command": {"program": ["pip"], "subcommands": ["install"], "words": ["flask*"]}}
    widened(case, scope="pattern", most_uses=5, pattern=pattern, environment="production")
    answer = ask(runner, "pip install flask-login")
    assert (answer.answer, answer.permit) == ("allow", case.ref)
    assert "5 more times" in answer.sentence
    # Nor the act that was shown: the decider stated another scope.
    assert ask(runner).answer == "approval_required"
    assert ask(runner, "pip install flask --index-url x").answer == "approval_required"
    assert ask(RunnerFactory(), "pip install flask").answer == "approval_required"
    widened(case, environment="staging")
    assert ask(runner, "pip install flask").answer == "approval_required"


def test_a_revoked_permit_opens_nothing(runner):
    set_rule(DEPENDENCIES, "dependencies")
    case = permitted(runner)
    acting.revoke(escalation_id=case.pk, by=cases.approver(), reason="No.", at=NOW)
    assert ask(runner).answer == "approval_required"


# --- cost -----------------------------------------------------------------------------------


def test_a_question_costs_a_constant_number_of_queries(runner, django_assert_num_queries):
    for key, preset in ((DEPENDENCIES, "dependencies"), (DEPLOY, "deployment")):
        set_rule(key, preset)
    set_rule(DATA, "destructive", "enforced")
    ask(runner, "ls")
    with django_assert_num_queries(4):
        ask(runner, "ls")
