"""Judging rules: what tightens counts at once, what loosens needs two, nothing starts by biting."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from agents.ledger.reading import Coverage, coverage_of, ledger_of
from agents.ledger.services import accept_suggestions, confirm_stance, refuse_stance
from agents.models import Agent, RuleStance
from agents.services import import_definition
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import Role
from tests.agents import acts
from tests.agents.ledger.acts import DEPENDENCIES, ESCALATE, PRESET, judge
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(days=3)


@pytest.fixture
def version(db):
    return acts.bring_in()


def enforced(**changes):
    judge(**changes)
    return judge(**{"mode": "enforce", "at": LATER} | changes)


def kinds():
    events = AuditEvent.objects.filter(stream="agent:worker", kind__startswith="rule.")
    return list(events.order_by("id").values_list("kind", flat=True))


def standing(key=DEPENDENCIES, agent=None):

    row = ledger_of(agent or Agent.objects.get(slug="worker")).row(key)
    return (row.stance.rule_class, row.stance.mode) if row.stance else None


def test_the_keys_that_these_tests_name_exist(version):
    assert set(version.rules.values_list("key", flat=True)) == {DEPENDENCIES, ESCALATE}


def test_a_judgement_counts_at_once_and_is_in_the_history(version):
    by = acts.approver()
    stance = judge(by)
    assert (stance.confirmed_by, stance.confirmed_at, stance.loosens) == (by, NOW, False)
    assert standing() == ("gated", "observe")
    event = AuditEvent.objects.get(stream="agent:worker", kind="rule.judged")
    assert event.actor == f"user:{by.pk}"


def test_the_same_judgement_again_changes_nothing(version):
    assert judge().pk == judge().pk
    assert kinds() == ["rule.judged"]


def test_a_rule_observes_before_it_bites(version):
    with pytest.raises(Conflict) as refusal:
        judge(mode="enforce")
    assert refusal.value.code == "observe_first"
    assert not RuleStance.objects.exists()
    judge()
    assert judge(mode="enforce").confirmed_at == NOW


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rule_class": "strict"}, "invalid_input"),
        ({"mode": ""}, "invalid_input"),
        ({"matchers": []}, "matcher_needed"),
        ({"matchers": [{"tols": []}]}, "bad_matcher"),
        ({"rule_class": "advisory"}, "no_matchers_here"),
        ({"reason": "x" * 4001}, "invalid_input"),
    ],
)
def test_a_judgement_that_makes_no_sense_is_refused(version, changes, code):
    with pytest.raises(InvalidInput) as refusal:
        judge(**changes)
    assert refusal.value.code == code
    assert not RuleStance.objects.exists()
    assert kinds() == []


@pytest.mark.parametrize("changes", [{"key": "no-such-rule"}, {"agent_slug": "nobody"}])
def test_what_is_not_there_cannot_be_judged(version, changes):
    with pytest.raises(NotThere):
        judge(**changes)


@pytest.mark.parametrize("role", [Role.OWNER, Role.AUDITOR, Role.ADMINISTRATOR, None])
def test_only_reviewers_judge(version, role):
    by = UserFactory(roles=[role] if role else [], is_superuser=role is None)
    with pytest.raises(NotPermitted):
        judge(by)
    assert not RuleStance.objects.exists()


def test_a_runner_never_judges(version):
    with pytest.raises(NotPermitted):
        judge(RunnerFactory())


# --- loosening ------------------------------------------------------------------------------

LOOSER = [
    {"mode": "observe"},
    {"mode": "", "rule_class": "reviewed", "matchers": []},
    {"mode": "", "rule_class": "advisory", "matchers": []},
    {"mode": "enforce", "matchers": [{"command": {"program": ["pip"]}}]},
]


@pytest.mark.parametrize("changes", LOOSER)
def test_loosening_waits_for_a_second_person(version, changes):
    enforced()
    asker = acts.approver()
    stance = judge(asker, **{"reason": "Too loud.", "at": LATER} | changes)
    assert stance.confirmed_at is None
    assert standing() == ("gated", "enforce")
    with pytest.raises(NotPermitted):
        confirm_stance(stance_id=stance.pk, by=asker, at=LATER)
    assert standing() == ("gated", "enforce")
    second = acts.approver()
    assert confirm_stance(stance_id=stance.pk, by=second, at=LATER).confirmed_by == second
    assert standing() == (stance.rule_class, stance.mode)
    assert kinds()[-2:] == ["rule.loosening_asked", "rule.loosening_confirmed"]


def test_from_enforced_to_gated_is_loosening_and_back_is_not(version):
    enforced(rule_class="enforced")
    assert judge(mode="enforce", reason="x").confirmed_at is None
    RuleStance.objects.all().delete()
    enforced()
    assert judge(mode="enforce", rule_class="enforced").confirmed_at == NOW


def test_wider_matchers_are_no_loosening(version):
    enforced()
    wider = judge(mode="enforce", matchers=[*PRESET, {"tool": ["Bash"]}])
    assert wider.confirmed_at == NOW


def test_a_rule_that_only_observes_is_put_right_by_one_person(version):
    judge()
    assert judge(matchers=[{"command": {"program": ["pip"]}}]).confirmed_at == NOW
    assert judge(rule_class="reviewed", mode="", matchers=[], reason="x").confirmed_at is None


@pytest.mark.parametrize("who", ["owner", "author", "co_author"])
def test_nobody_loosens_a_rule_that_binds_his_own_work(who):
    bound = UserFactory(roles=[Role.OWNER, Role.APPROVER])

    owner = bound if who == "owner" else acts.owner()
    author = bound if who == "author" else acts.owner()
    version, _ = import_definition(
        raw=acts.definition(),
        filename="worker.md",
        family="sample",
        by=author,
        owner=owner,
        at=NOW,
        provenance={"author_email": bound.email} if who == "co_author" else None,
    )
    enforced()
    with pytest.raises(NotPermitted) as refusal:
        judge(bound, reason="Too loud.")
    assert refusal.value.code == "four_eyes"
    asked = judge(reason="Too loud.")
    with pytest.raises(NotPermitted):
        confirm_stance(stance_id=asked.pk, by=bound, at=NOW)
    assert standing() == ("gated", "enforce")


def test_loosening_needs_a_reason_and_only_one_request_waits(version):
    enforced()
    with pytest.raises(InvalidInput):
        judge()
    judge(reason="Too loud.")
    with pytest.raises(Conflict) as refusal:
        judge(reason="Again.")
    assert refusal.value.code == "waiting"


def test_tightening_ends_a_request_that_waits(version):
    enforced()
    asked = judge(reason="Too loud.")
    judge(mode="enforce", rule_class="enforced")
    asked.refresh_from_db()
    assert asked.closed_because == "Judged anew."
    with pytest.raises(Conflict):
        confirm_stance(stance_id=asked.pk, by=acts.approver(), at=NOW)


def test_a_request_is_refused_with_a_reason_or_taken_back(version):
    enforced()
    asker = acts.approver()
    asked = judge(asker, reason="Too loud.")
    with pytest.raises(InvalidInput):
        refuse_stance(stance_id=asked.pk, reason=" ", by=acts.approver(), at=NOW)
    refused = refuse_stance(stance_id=asked.pk, reason="It is right.", by=acts.approver(), at=NOW)
    assert refused.closed_because == "It is right."
    again = judge(asker, reason="Please.")
    refuse_stance(stance_id=again.pk, reason="", by=asker, at=NOW)
    assert kinds()[-1] == "rule.loosening_withdrawn"
    assert standing() == ("gated", "enforce")
    with pytest.raises(Conflict):
        refuse_stance(stance_id=again.pk, reason="x", by=asker, at=NOW)


def test_the_database_itself_refuses_one_person_for_both_and_two_requests(version):
    enforced()
    asker = acts.approver()
    asked = judge(asker, reason="Too loud.")
    with pytest.raises(IntegrityError), transaction.atomic():
        RuleStance.objects.filter(pk=asked.pk).update(confirmed_by=asker, confirmed_at=NOW)
    asked.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        asked.save(force_insert=True)


def test_of_two_who_confirm_at_once_one_succeeds(version):
    enforced()
    asked, barrier = judge(reason="Too loud."), Barrier(2)
    people = [acts.approver(), acts.approver()]

    def confirm(by):
        barrier.wait()
        try:
            confirm_stance(stance_id=asked.pk, by=by, at=NOW)
        except Conflict as refusal:
            return refusal.code
        finally:
            connection.close()
        return "confirmed"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(confirm, people)) == ["confirmed", "settled"]
    assert kinds().count("rule.loosening_confirmed") == 1


# --- suggestions, rewording, coverage -------------------------------------------------------


def test_suggestions_are_accepted_in_bulk_and_observe_first(version):
    found = accept_suggestions(
        agent_slug="worker", keys=[DEPENDENCIES, ESCALATE], by=acts.approver(), at=NOW
    )
    assert [(one.rule_class, one.mode) for one in found] == [("gated", "observe"), ("advisory", "")]
    assert found[0].matchers == PRESET


def test_a_bulk_with_one_wrong_rule_changes_nothing(version):
    with pytest.raises(NotThere):
        accept_suggestions(
            agent_slug="worker", keys=[DEPENDENCIES, "no-such"], by=acts.approver(), at=NOW
        )
    assert not RuleStance.objects.exists()
    with pytest.raises(InvalidInput):
        accept_suggestions(agent_slug="worker", keys=[], by=acts.approver(), at=NOW)


def test_a_judged_rule_is_not_accepted_over(version):
    judge()
    with pytest.raises(Conflict) as refusal:
        accept_suggestions(agent_slug="worker", keys=[DEPENDENCIES], by=acts.approver(), at=NOW)
    assert refusal.value.code == "judged"


def reworded(version):
    """The same rule in other words, under the same key."""
    raw = acts.definition().replace(
        b"NEVER add external dependencies without approval",
        b"NEVER add external dependencies, without approval!",
    )
    return acts.bring_in(version.author, raw=raw, at=LATER)


def test_a_reworded_rule_keeps_biting_and_counts_as_not_judged(version):
    enforced()
    newer = reworded(version)
    assert DEPENDENCIES in newer.rules.values_list("key", flat=True)
    row = ledger_of(newer.agent, newer).row(DEPENDENCIES)
    assert row.is_reworded
    assert row.stance.mode == "enforce"
    assert coverage_of([newer.agent_id])[newer.agent_id] == Coverage(unjudged=2)
    accept_suggestions(agent_slug="worker", keys=[DEPENDENCIES], by=acts.approver(), at=LATER)
    assert standing() == ("gated", "enforce")
    assert coverage_of([newer.agent_id])[newer.agent_id] == Coverage(gated=1, unjudged=1)


def test_a_request_about_other_words_is_not_confirmed(version):
    enforced()
    asked = judge(reason="Too loud.")
    reworded(version)
    with pytest.raises(Conflict) as refusal:
        confirm_stance(stance_id=asked.pk, by=acts.approver(), at=LATER)
    assert refusal.value.code == "reworded"


def test_the_released_version_decides_which_rules_there_are(version):
    acts.put_into_production(version)
    newer = acts.bring_in(
        version.author,
        raw=acts.definition(more="- NEVER run migrations without approval\n"),
        at=LATER,
    )
    assert len(ledger_of(newer.agent).rows) == 2
    key = newer.rules.get(text__contains="migrations").key
    assert judge(key=key, matchers=[{"preset": "migrations"}]).confirmed_at == NOW


def test_coverage_says_the_same_as_the_ledger(version):
    judge(rule_class="enforced")
    judge(rule_class="enforced", mode="enforce", at=LATER)
    judge(key=ESCALATE, rule_class="advisory", mode="", matchers=[])
    ledger = ledger_of(version.agent)
    assert ledger.coverage == Coverage(enforced=1, advisory=1)
    assert coverage_of([version.agent_id]) == {version.agent_id: ledger.coverage}
    assert ledger.coverage.sentence == "1 of 2 rules are enforced."


def test_coverage_of_many_agents_is_one_query(version, django_assert_num_queries):
    others = [acts.bring_in(raw=acts.definition(f"other-{n}")) for n in range(3)]
    ids = [version.agent_id, *(one.agent_id for one in others)]
    with django_assert_num_queries(1):
        assert len(coverage_of(ids)) == 4
    with django_assert_num_queries(0):
        assert coverage_of([]) == {}


def test_a_ledger_costs_the_same_however_many_rules(version, django_assert_num_queries):
    judge()
    with django_assert_num_queries(6):
        ledger_of(version.agent, today=NOW.date())
