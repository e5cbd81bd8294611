"""Versions of a policy, and the copy that a question keeps."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from governance.asking.models import Ask, Policy, PolicyVersion, Rung
from governance.asking.policies.terms import starting_terms, terms_for
from governance.asking.policies.versions import content_of, record_version
from governance.asking.sweep import sweep
from governance.people.models import Role, Team
from tests.asking.helpers import ask_for, events_of
from tests.asking.policies.test_matching import FACTS
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def high_risk(**fields):
    policy, _ = Policy.objects.update_or_create(
        slug="cases-high-risk",
        defaults={
            "name": "Cases of high risk",
            "kind": "case",
            "position": 10,
            "risks": ["high"],
            "authentication": "fresh",
            "reason_required": True,
            "wakes_people": True,
            **fields,
        },
    )
    if not policy.rungs.exists():
        Rung.objects.create(policy=policy, position=0, audience="role", role="approver")
    return policy


def test_a_version_is_made_only_where_something_differs():
    policy, person = high_risk(), UserFactory()
    first = record_version(policy, by=person, at=NOW)
    assert (first.number, first.saved_by, first.saved_at) == (1, person, NOW)
    assert record_version(policy, by=None, at=NOW + HOUR) == first
    policy.position = 11
    policy.save()
    second = record_version(policy, by=None, at=NOW + HOUR)
    assert (second.number, second.content["position"]) == (2, 11)
    assert second.content == content_of(policy)


@pytest.mark.parametrize(
    "change",
    [
        lambda policy: policy.rungs.update(repeat_every=HOUR),
        lambda policy: policy.teams.set([Team.objects.create(name="A", slug="a")]),
        lambda policy: policy.owner_teams.set([Team.objects.create(name="A", slug="a")]),
        lambda policy: policy.option_authorities.create(option="drop", role="administrator"),
    ],
)
def test_steps_teams_and_authorities_are_part_of_a_version(change):
    policy = high_risk()
    policy.rungs.update(repeat_every=2 * HOUR)
    first = record_version(policy, by=None, at=NOW)
    change(policy)
    assert record_version(policy, by=None, at=NOW).number == first.number + 1


def test_a_version_is_never_changed_nor_deleted():
    version = record_version(high_risk(), by=None, at=NOW)
    rows = PolicyVersion.objects.filter(pk=version.pk)
    for act in (lambda: rows.update(number=9), rows.delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()
    assert rows.get().number == 1


def test_a_question_keeps_the_policy_that_fits_its_facts():
    policy = high_risk()
    team = Team.objects.create(name="Security", slug="security")
    policy.teams.set([team])
    policy.option_authorities.create(option="drop", role="administrator")
    owner = UserFactory()
    ask = ask_for(NOW, facts=FACTS, owner_id=owner.pk, group_key="g" * 64)
    ask.refresh_from_db()
    assert ask.policy_name == "Cases of high risk"
    assert (ask.policy_version.policy, ask.policy_version.number) == (policy, 1)
    assert (ask.owner, ask.group_key, ask.facts) == (owner, "g" * 64, FACTS)
    assert (ask.wakes_people, ask.in_digest) == (True, False)
    assert ask.rules["authentication"] == "fresh"
    assert ask.rules["reason_required"] is True
    assert ask.rules["teams"] == [team.pk]
    assert ask.rules["authorities"] == {"drop": {"role": "administrator", "team": None}}
    assert ask.ladder[0]["also"] == [team.pk]
    kind, data = events_of(ask)[0]
    assert (kind, data["policy_version"], data["facts"]) == ("ask.opened", 1, FACTS)


def test_without_facts_the_default_holds_and_a_named_policy_comes_first():
    policy = high_risk()
    ask = ask_for(NOW)
    assert (ask.policy_name, ask.policy_version.policy.slug) == ("Cases", "default-case")
    named = ask_for(NOW, subject="escalation:ESC-2", policy=policy, facts=FACTS | {"risk": "low"})
    assert named.policy_name == "Cases of high risk"


def reminded(ask, *, until):
    """Each step and reminder that the sweep makes: how long after the question, and its step."""
    told, at = [], NOW
    while (due := Ask.objects.get(pk=ask.pk).next_action_at) <= until:
        at = max(due, at)
        sweep(at=at)
        step = Ask.objects.get(pk=ask.pk).step
        told.append((at - NOW, step))
    return told


def ladder_of(policy, *positions):
    policy.rungs.all().delete()
    for number, position in enumerate(positions):
        Rung.objects.create(
            policy=policy,
            position=position,
            audience="role",
            role="approver",
            delay=number * HOUR,
            repeat_every=24 * HOUR,
        )


def edited(policy):
    policy.required_votes, policy.name, policy.wakes_people = 5, "Other", False
    policy.save()
    policy.rungs.update(delay=100 * HOUR)


def reordered(policy):
    for rung in policy.rungs.order_by("-position"):
        Rung.objects.filter(pk=rung.pk).update(position=100 - rung.position, role="owner")


def deleted(policy):
    policy.rungs.all().delete()
    policy.is_active = False
    policy.save()


@pytest.mark.parametrize("change", [edited, reordered, deleted])
def test_fault_9_a_question_in_mid_ladder_goes_on_as_it_was_asked(change):
    UserFactory(roles=[Role.APPROVER])
    policy = high_risk()
    ladder_of(policy, 0, 1, 2)
    ask = ask_for(NOW, facts=FACTS)
    sweep(at=NOW)
    kept = Ask.objects.values("ladder", "rules", "required_votes", "policy_name").get(pk=ask.pk)
    change(policy)
    assert reminded(ask, until=NOW + 4 * HOUR) == [(1 * HOUR, 1), (3 * HOUR, 2)]
    after = Ask.objects.values("ladder", "rules", "required_votes", "policy_name").get(pk=ask.pk)
    assert after == kept
    assert Ask.objects.get(pk=ask.pk).policy_version.content["ladder"] == kept["ladder"]


def test_fault_10_a_gap_in_the_numbers_of_the_steps_is_no_gap_in_the_ladder():
    UserFactory(roles=[Role.APPROVER])
    policy = high_risk()
    ladder_of(policy, 2, 7, 90)
    ask = ask_for(NOW, facts=FACTS)
    assert reminded(ask, until=NOW + 4 * HOUR) == [(0 * HOUR, 0), (1 * HOUR, 1), (3 * HOUR, 2)]


@pytest.mark.parametrize("facts", [FACTS, FACTS | {"risk": "low", "blocking": False}, None])
def test_a_portal_without_policies_behaves_as_a_new_one(facts):
    with transaction.atomic():
        there = terms_for("case", None, facts, at=NOW)
        Policy.objects.filter(kind="case").update(kind="amendment", is_default=False)
        without = terms_for("case", None, facts, at=NOW)
    assert without == starting_terms("case", facts)
    assert without.version is None
    for part in ("name", "votes", "ladder", "rules", "in_digest", "wakes_people"):
        assert getattr(without, part) == getattr(there, part)
