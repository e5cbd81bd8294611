"""A question in plain sentences."""

from datetime import timedelta

import pytest
from django.db import transaction

from governance.asking.models import Ask, Policy
from governance.asking.policies.explaining import explanation
from governance.asking.services import close_ask
from governance.asking.sweep import sweep
from governance.audit.actors import Actor
from governance.people.models import Delegation, Role
from tests.asking.helpers import ask_for
from tests.asking.policies.test_matching import FACTS
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)
LOW = FACTS | {"risk": "low"}


def said(ask, at=NOW):
    return explanation(Ask.objects.select_related("policy_version").get(pk=ask.pk), at=at)


def test_before_the_first_notice_it_says_which_policy_and_what_comes():
    ask = ask_for(NOW, facts=LOW)
    assert said(ask) == [
        "It falls under the policy Cases, version 1, which holds where no other fits.",
        (
            "Next, 2 March 2026, 09:00 UTC: step 1 tells everybody with the role approver, "
            "if nobody has decided by then."
        ),
        "Silence decides nothing: the reminders go on until somebody answers.",
    ]


def test_why_the_policy_fits_is_read_from_the_copy():
    Policy.objects.update_or_create(
        slug="cases-high-risk",
        defaults={"name": "Grave", "kind": "case", "position": 1, "risks": ["high"]},
    )
    ask = ask_for(NOW, facts=FACTS)
    Policy.objects.filter(slug="cases-high-risk").update(risks=["low"], name="Other")
    assert said(ask)[0] == "It falls under the policy Grave, version 1, because the risk is high."


def test_who_was_told_when_and_why_is_one_sentence_each():
    ann, cleo = UserFactory(roles=[Role.APPROVER], name="Ann"), UserFactory(name="Cleo")
    ben = UserFactory(roles=[Role.APPROVER], name="Ben")
    Delegation.objects.create(
        person=ann, delegate=cleo, starts_at=NOW, ends_at=NOW + HOUR, made_by=ann, made_at=NOW
    )
    ask = ask_for(NOW, facts=LOW, excluded=[ben.pk])
    sweep(at=NOW)
    told = said(ask)
    assert told[1] == (
        "2 March 2026, 09:00 UTC: Cleo was told (Cleo for Ann), because step 1 names "
        "everybody with the role approver."
    )
    assert told[2].startswith("Next, 2 March 2026, 13:00 UTC: step 2 tells everybody with")


def test_reminders_are_counted_in_one_sentence():
    UserFactory(roles=[Role.APPROVER], name="Ann")
    UserFactory(roles=[Role.ADMINISTRATOR], name="Root")
    ask, at = ask_for(NOW, facts=LOW), NOW
    for _ in range(12):
        at = max(at, Ask.objects.get(pk=ask.pk).next_action_at)
        sweep(at=at)
    told = said(ask, at)
    counted = [sentence for sentence in told if "reminders followed" in sentence]
    assert counted
    assert all("as nobody had decided" in sentence for sentence in counted)
    assert told[-2].startswith("Next, ")
    assert "everybody asked so far is reminded" in told[-2]


def test_a_step_that_reached_nobody_says_why():
    UserFactory(roles=[Role.ADMINISTRATOR], name="Root")
    ask = ask_for(NOW, facts=LOW)
    sweep(at=NOW)
    told = said(ask)
    nobody = [sentence for sentence in told if "reached nobody, because" in sentence]
    assert [sentence.split(" step ")[1][0] for sentence in nobody] == ["1", "2"]
    assert any("Root was told, because step 3 names" in sentence for sentence in told)


def test_a_closed_question_says_that_nobody_is_told_any_more():
    ask = ask_for(NOW, facts=LOW)
    from_now = NOW + HOUR
    with transaction.atomic():
        close_ask(subject=ask.subject, because="decided", by=Actor("user", "1"), at=from_now)
    assert said(ask, from_now)[-1] == (
        "The question was closed 2 March 2026, 10:00 UTC (decided): nobody is told any more."
    )


def test_it_takes_few_questions_to_the_database(django_assert_max_num_queries):
    for _ in range(9):
        UserFactory(roles=[Role.APPROVER])
    ask, at = ask_for(NOW, facts=LOW), NOW
    for _ in range(8):
        at = max(at, Ask.objects.get(pk=ask.pk).next_action_at)
        sweep(at=at)
    kept = Ask.objects.select_related("policy_version").get(pk=ask.pk)
    with django_assert_max_num_queries(5):
        explanation(kept, at=at)


def test_why_a_step_reached_nobody_names_people():
    ann = UserFactory(roles=[Role.APPROVER], name="Ann")
    Delegation.objects.create(
        person=ann, starts_at=NOW, ends_at=NOW + HOUR, made_by=ann, made_at=NOW
    )
    ask = ask_for(NOW, facts=LOW)
    sweep(at=NOW)
    assert said(ask)[1] == (
        "2 March 2026, 09:00 UTC: step 1 (everybody with the role approver) reached nobody,"
        " because Ann is away until 2 March 2026, 10:00 UTC without a delegate."
    )
