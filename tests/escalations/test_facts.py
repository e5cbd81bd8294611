"""What the portal notes of a question when it is asked, and the policy that follows from it."""

import pytest

from agents.models import Trigger
from escalations.facts import group_key
from escalations.schema import read_payload
from governance.asking.models import Ask
from governance.people.models import Membership, Team
from tests.escalations import acts

pytestmark = pytest.mark.django_db(transaction=True)


def ask_of(case):
    return Ask.objects.get(subject=case.subject)


def known_agent(**fields):
    agent = acts.agent(**fields)
    version = acts.version(agent, frontmatter={})
    Trigger.objects.create(
        version=version,
        key="schema-change",
        kind="domain",
        title="Database schema changes",
        line=1,
        position=0,
    )
    return agent, version


def test_the_question_keeps_what_its_policy_was_chosen_by():
    team = Team.objects.create(name="Data", slug="data")
    agent, version = known_agent(team=team)
    other = Team.objects.create(name="Own", slug="own")
    Membership.objects.create(team=other, user=agent.owner)
    case = acts.ask(
        version=version.sha256,
        trigger="schema-change",
        action=acts.ACT,
        blocking=False,
        options=[{"key": "a", "label": "A", "authority": " DBA "}, {"key": "b", "label": "B"}],
    )
    ask = ask_of(case)
    assert ask.facts == {
        "agent": "worker",
        "owner_teams": sorted([team.pk, other.pk]),
        "environment": "production",
        "triggers": ["schema-change"],
        "principles": [],
        "risk": "medium",
        "authorities": ["dba"],
        "action_kind": "shell",
        "blocking": False,
        "with_action": True,
    }
    assert (case.triggers, case.principles, case.action_kind) == (["schema-change"], [], "shell")
    assert (ask.owner, ask.group_key) == (agent.owner, case.group_key)


def test_a_key_longer_than_the_column_refuses_no_question():
    _, version = known_agent()
    long = "x" * 150
    Trigger.objects.create(
        version=version, key=long, kind="domain", title="Long", line=2, position=1
    )
    case = acts.ask(version=version.sha256, trigger=long, action={"kind": "k" * 150})
    assert (case.triggers, case.action_kind) == (["x" * 120], "k" * 80)


def test_a_trigger_is_found_by_the_words_and_never_made_up_by_the_runner():
    _, version = known_agent()
    found = acts.ask(version=version.sha256, problem="The database schema changes a lot")
    assert found.triggers == ["schema-change"]
    assert acts.ask(version=version.sha256, trigger="formatting").triggers == []
    assert acts.ask(trigger="schema-change").triggers == []


@pytest.mark.parametrize(
    ("changes", "policy", "wakes", "digest", "authentication"),
    [
        ({"risk": "high"}, "Cases of high risk", True, False, "fresh"),
        ({"risk": "high", "blocking": False}, "Cases of high risk", True, False, "fresh"),
        ({"blocking": False}, "Questions that stop nothing", False, True, "signed_in"),
        ({}, "Cases", False, False, "signed_in"),
    ],
)
def test_a_new_portal_tells_grave_ordinary_and_idle_questions_apart(
    changes, policy, wakes, digest, authentication
):
    agent, version = known_agent()
    case = acts.ask(version=version.sha256, **changes)
    ask = ask_of(case)
    assert ask.policy_name == policy
    assert (ask.wakes_people, ask.in_digest) == (wakes, digest)
    assert ask.rules["authentication"] == authentication


def test_fault_85_a_runner_that_understates_gets_the_strict_policy():
    agent = acts.agent(tier="high")
    version = acts.version(agent)
    ask = ask_of(acts.ask(version=version.sha256, risk="low", blocking=False))
    assert ask.policy_name == "Cases of high risk"
    assert (ask.facts["risk"], ask.facts["blocking"]) == ("high", True)


def key(**changes):
    agent = acts.agent()
    body = acts.BODY | {"action": acts.ACT, "trigger": "t"} | changes
    environment = body.get("environment", "production")
    return group_key(agent, read_payload(body), environment=environment)


@pytest.mark.parametrize(
    "changes",
    [
        {"run": "2", "instance": "i", "project": "p"},
        {"problem": "  multiple  AUTHENTICATION approaches\nare available "},
        {"task": "Another task", "title": "Another title", "attempted": []},
        {"risk": "high", "blocking": False},
    ],
)
def test_equal_questions_share_a_key_in_every_run_and_project(changes):
    assert key(**changes) == key()


@pytest.mark.parametrize(
    "changes",
    [
        {"problem": "Another problem"},
        {"trigger": "other"},
        {"environment": "staging"},
        {"options": acts.BODY["options"][:1]},
        {"options": [{"key": "jwt", "label": "Other words"}, acts.BODY["options"][1]]},
        {"action": acts.ACT | {"target": "db-production"}},
        {"action": acts.ACT | {"arguments": {"argv": ["psql", "-f", "other.sql"]}}},
        {"action": None},
    ],
)
def test_what_asks_something_else_has_another_key(changes):
    assert key(**changes) != key()


def test_two_equal_cases_are_two_cases_of_one_group():
    first, second = acts.ask(run="1"), acts.ask(run="2")
    assert first.pk != second.pk
    assert first.group_key == second.group_key != ""
    assert acts.ask(run="3", problem="Other").group_key != first.group_key
