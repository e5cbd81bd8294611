"""The pages of the ledger: what they show, and what their forms do."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.ledger.guarding import Question, guard
from agents.ledger.services import judge_rule
from agents.models import RuleObservation, RuleStance
from governance.people.models import Role
from tests.agents import acts
from tests.agents.ledger.acts import asked_to_loosen
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "never-add-external-dependencies-without-approval"
OTHER = "always-escalate-when-requirements-are-unclear"
RULE = reverse("agent-rule", args=["worker", KEY])
FORM = {"rule_class": "gated", "mode": "observe", "presets": ["dependencies"]}


@pytest.fixture
def reviewer(db):
    acts.put_into_production(at=timezone.now())
    return acts.approver()


@pytest.fixture
def client(reviewer):
    client = Client()
    client.force_login(reviewer)
    return client


def text_of(answer):
    return " ".join(answer.content.decode().split())


def test_the_ledger_lists_every_rule_with_its_suggestion_and_the_coverage(client):
    page = text_of(client.get(reverse("agent-rules", args=["worker"])))
    assert "0 of 2 rules are enforced, 2 are not judged." in page
    assert "NEVER add external dependencies without approval" in page
    assert "Suggested: gated, about adding or changing dependencies" in page
    assert "because of “add external dependencies”, “without approval”" in page


def test_ticked_suggestions_are_accepted_at_once(client, reviewer):
    answer = client.post(reverse("agent-rules-accept", args=["worker"]), {"key": [KEY, OTHER]})
    assert answer.status_code == 302
    found = RuleStance.objects.order_by("key").values_list("key", "rule_class", "confirmed_by")
    assert list(found) == [(OTHER, "advisory", reviewer.pk), (KEY, "gated", reviewer.pk)]


def test_a_rule_is_judged_by_preset_and_by_fields(client):
    own = {"program": "git", "subcommands": "push", "flags": "-f|--force", "paths": "src/**"}
    more = {"only_writes": "on", "arguments": "amount > 100", "others": '[{"tool": ["Edit"]}]'}
    assert client.post(RULE, FORM | own | more).status_code == 302
    assert RuleStance.objects.get().matchers == [
        {"preset": "dependencies"},
        {
            "command": {"program": ["git"], "subcommands": ["push"], "flags": ["-f|--force"]},
            "paths": ["src/**"],
            "access": ["write"],
            "arguments": [{"name": "amount", "op": ">", "value": 100}],
        },
        {"tool": ["Edit"]},
    ]
    form = client.get(RULE).context["form"]
    again = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in again.items() if value not in (None, False)}
    client.post(RULE, sent)
    assert RuleStance.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"presets": []},
        {"others": "{not json"},
        {"others": '[{"tols": 1}]'},
        {"subcommands": "push"},
        {"rule_class": ""},
    ],
)
def test_a_form_that_makes_no_sense_comes_back_with_what_is_wrong(client, changes):
    answer = client.post(RULE, FORM | changes)
    assert answer.status_code == 400
    assert answer.context["form"].errors
    assert not RuleStance.objects.exists()


def test_trying_answers_and_keeps_nothing(client):
    place = reverse("agent-rule-try", args=["worker", KEY])
    said = {"try_tool": "Bash", "try_command": "sh -c 'pip install x'"}
    answer = client.post(place, FORM | said)
    assert answer.context["tried"]["answer"] == "approval required"
    assert "pip install x" in text_of(answer)
    denied = client.post(place, FORM | said | {"rule_class": "enforced"})
    assert denied.context["tried"]["answer"] == "deny"
    assert client.post(place, FORM | {"try_command": "ls"}).context["tried"]["answer"] == "allow"
    assert not RuleStance.objects.exists()
    assert not RuleObservation.objects.exists()


def test_one_enforces_after_a_look_at_what_the_rule_would_have_stopped(client, reviewer):
    at = timezone.now() - timedelta(days=3)
    judge_rule(
        agent_slug="worker", key=KEY, rule_class="gated", mode="observe",
        matchers=[{"preset": "dependencies"}], reason="", by=reviewer, at=at,
    )  # fmt: skip
    question = Question("worker", "production", "", "", "Bash", "pip install x")
    guard(question=question, runner=RunnerFactory(), at=timezone.now())
    page = text_of(client.get(RULE))
    assert "Observed for 3 days. In the last 14 days: 1 would have asked." in page
    sent = {
        "rule_class": "gated",
        "mode": "enforce",
        "others": '[{"preset": "dependencies"}]',
        "reason": "Seen.",
    }
    assert client.post(RULE, sent).status_code == 302
    assert RuleStance.objects.first().mode == "enforce"


@pytest.fixture
def asked(client, reviewer):
    for mode in ("observe", "enforce"):
        client.post(RULE, FORM | {"mode": mode})
    client.post(RULE, FORM | {"mode": "observe", "reason": "Too loud."})
    return RuleStance.objects.get(confirmed_at=None)


def test_a_request_to_loosen_is_shown_and_confirmed_by_somebody_else(client, asked):
    page = text_of(client.get(reverse("agent-rules", args=["worker"])))
    assert "Somebody else has to confirm what you asked for." in page
    assert "you asked" in text_of(client.get(reverse("rules")))
    assert client.post(reverse("rule-loosening-confirm", args=[asked.pk])).status_code == 403
    second = Client()
    second.force_login(acts.approver())
    assert second.get(RULE).status_code == 200
    assert second.post(reverse("rule-loosening-confirm", args=[asked.pk])).status_code == 302
    asked.refresh_from_db()
    assert asked.confirmed_at


def test_the_page_of_a_rule_that_only_the_newest_version_states_asks_for_its_author(reviewer):
    author = UserFactory(roles=[Role.OWNER, Role.APPROVER])
    raw = acts.definition(more="- NEVER run migrations without approval\n")
    newer = acts.bring_in(author, raw=raw, at=timezone.now())
    key = newer.rules.get(text__contains="migrations").key
    waiting = asked_to_loosen(key=key, matchers=[{"preset": "migrations"}])
    wrote = Client()
    wrote.force_login(author)
    page = text_of(wrote.get(reverse("agent-rule", args=["worker", key])))
    assert "Somebody else has to loosen this rule: you wrote the version." in page
    confirm = reverse("rule-loosening-confirm", args=[waiting.pk])
    assert wrote.post(confirm).status_code == 403


def test_a_request_to_loosen_is_refused_with_a_reason(client, asked):
    second = Client()
    second.force_login(acts.approver())
    place = reverse("rule-loosening-refuse", args=[asked.pk])
    assert second.post(place).status_code == 400
    assert second.post(place, {"reason": "It is right."}).status_code == 302
    asked.refresh_from_db()
    assert asked.closed_because == "It is right."


def test_the_overview_counts_families_and_agents_at_a_constant_cost(
    client, django_assert_max_num_queries
):
    for number in range(3):
        acts.bring_in(raw=acts.definition(f"other-{number}"), family=f"family {number}")
    page = client.get(reverse("rules"))
    assert "0 of 8 rules are enforced" in text_of(page)
    with django_assert_max_num_queries(11):
        client.get(reverse("rules"))
    some = client.get(reverse("rules"), {"family": "family-1"})
    assert [agent.slug for agent, _ in some.context["agents"]] == ["other-1"]
    after = client.get(reverse("rules"), {"after": "other-1"})
    assert [agent.slug for agent, _ in after.context["agents"]] == ["other-2", "worker"]


def test_a_rule_that_is_not_there_is_not_found(client):
    assert client.get(reverse("agent-rule", args=["worker", "no-such"])).status_code == 404
    assert client.get(reverse("agent-rules", args=["nobody"])).status_code == 404
