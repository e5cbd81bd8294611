"""Searching among decided cases: found by words, harmless whatever is typed, told to the right."""

import json

import pytest
from django.db import connection, transaction

from escalations.models import Escalation
from escalations.precedents import searching
from escalations.precedents.searching import (
    advice_for,
    decided_cases,
    in_time,
    matching,
    newest,
    similar,
)
from governance.base.errors import InvalidInput
from tests.escalations.acts import agent, approve, approver, ask
from tests.escalations.precedents.acts import GROUP, decided, found
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
HOSTILE = [
    "",
    "   ",
    "\0",
    "a\0b",
    "'; DROP TABLE escalations_escalation; --",
    "!!! & | ( ) :* <-> ",
    '"unclosed',
    "-",
    "-- -a -b",
    "or or or",
    "the of and",
    "\\" * 300,
    "x" * 100_000,
    "(" * 5_000,
    "😀 \u202e \ud7ff",
    "%_%",
]


def searched(words):
    return in_time(lambda: newest(matching(decided_cases(), words), 20))


@pytest.mark.parametrize(
    "words",
    [
        "authentication",
        "approaches",
        "approach",
        "multiple approach",
        '"multiple authentication"',
        "implementing",
        "implement",
        "jwt",
        "stateless",
        "authenticated",
        "security",
        "login -payment",
    ],
)
def test_a_decided_case_is_found_by_the_words_of_its_question(words):
    case = decided()
    assert searched(words) == [case.pk]


@pytest.mark.parametrize("words", ["payment", "authentication -jwt", '"authentication multiple"'])
def test_a_case_without_the_words_is_not_found(words):
    decided()
    assert searched(words) == []


def test_only_decided_cases_are_found():
    ask()
    assert searched("authentication") == []


@pytest.mark.parametrize("words", HOSTILE)
def test_whatever_is_typed_harms_nothing(words):
    case = decided()
    assert searched(words) in ([], [case.pk])


def test_a_search_that_takes_too_long_is_refused_in_words():
    decided()
    slow = decided_cases().extra(where=["pg_sleep(60) IS NOT NULL"])  # noqa: S610
    with pytest.raises(InvalidInput, match="takes too long"):
        in_time(lambda: list(slow))
    assert searched("jwt")


def test_the_database_keeps_the_words_whoever_writes_the_row():
    case = ask()
    row = Escalation.objects.filter(pk=case.pk)
    row.update(search=None)
    assert row.filter(search__isnull=False).exists()
    row.update(title="Kumquats everywhere")
    assert row.filter(search="kumquat").exists()


@pytest.mark.parametrize(
    "request_bytes",
    [b"no json", b"\xff\xfe", b'{"problem": "a\\u0000b"}', b"[]", b'{"options": 3}', b"null"],
)
def test_a_request_that_cannot_be_read_is_found_by_its_title(request_bytes):
    case = ask()
    with transaction.atomic():
        Escalation.objects.filter(pk=case.pk).update(request=request_bytes)
    assert Escalation.objects.filter(pk=case.pk, search="approach").exists()


def test_a_question_of_every_allowed_size_can_be_raised_and_found():
    words = " ".join(f"word{n}" for n in range(20_000))
    case = ask(problem=words, title="Everything at once")
    assert Escalation.objects.filter(pk=case.pk, search="everything").exists()


@pytest.mark.parametrize("many", [0, 3, 2_000])
def test_the_newest_are_found_whether_there_are_few_or_many(monkeypatch, many):
    monkeypatch.setattr(searching, "MANY", many)
    cases = [decided(key=str(n)).pk for n in range(5)]
    assert newest(decided_cases(), 3) == cases[:1:-1]
    assert newest(decided_cases(), 9) == cases[::-1]


def test_no_advice_is_waited_for(monkeypatch):
    decided(key="1")
    case = ask(key="2")
    assert similar(case)

    def slow(*_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")

    monkeypatch.setattr(searching, "newest", slow)
    assert similar(case) == []


# --- like this one ----------------------------------------------------------------------------


def test_the_same_question_comes_first_then_trigger_then_principle_then_words():
    other = {"problem": "Something else", "task": "x", "title": "Else", "impact": "none"}
    same = decided(facts={"group_key": GROUP}, key="1")
    by_principle = decided(key="2", facts={"principles": ["test-first"]}, **other)
    by_trigger = decided(key="3", facts={"triggers": ["design"]}, **other)
    by_words = decided(key="4")
    decided(key="5", **other)
    case = found(ask(key="now"), group_key=GROUP, triggers=["design"], principles=["test-first"])
    told = [one["case"].pk for one in similar(case, 9)]
    assert told == [same.pk, by_trigger.pk, by_principle.pk, by_words.pk]


def test_open_cases_and_the_case_itself_are_not_like_it():
    ask(key="1")
    case = decided(key="2")
    assert similar(case) == []


def test_what_is_told_of_a_similar_case():
    ada = approver(name="Ada")
    past = decided(ada, said={"constraints": ["Fast"]}, key="1")
    (one,) = similar(ask(key="2"))
    assert one["case"] == past
    assert (one["decision"], one["constraints"]) == ("Approved: JWT tokens", ["Fast"])
    assert (one["decided_by"], one["outcome"], one["standing"]) == ("Ada", "", None)


@pytest.mark.parametrize("number", [1, 12])
def test_similar_cases_cost_as_many_queries_however_many_there_are(
    number, django_assert_num_queries
):
    for n in range(number):
        decided(key=str(n), facts={"group_key": GROUP})
    case = found(ask(key="now"), group_key=GROUP, triggers=["a"], principles=["b"])
    # Two around the limit of time, two of a savepoint, four ways, two for what is told.
    with django_assert_num_queries(11):
        assert len(similar(case, 20)) == number


# --- advice -----------------------------------------------------------------------------------


def advised(runner, **asked):
    advice = advice_for(runner, ask(runner, key="now", **asked))
    return [one["ref"] for one in advice["similar"]] if advice else []


def test_a_runner_is_advised_of_what_it_was_told_itself():
    runner = RunnerFactory()
    past = decided(runner=runner, key="1", said={"constraints": ["Fast"], "reason": "Secret word"})
    advice = advice_for(runner, ask(runner, key="2"))
    assert "decides nothing" in advice["note"]
    assert advice["similar"] == [
        {
            "ref": past.ref,
            "verdict": "approved_option",
            "decision": "Approved: JWT tokens",
            "constraints": ["Fast"],
            "decided_at": "2026-03-02T09:00:00.000000Z",
        }
    ]
    assert "Secret word" not in json.dumps(advice)


def test_a_runner_of_the_same_owner_is_advised_too():
    owner = UserFactory(roles=["owner"])
    past = decided(runner=RunnerFactory(owner=owner), key="1")
    assert advised(RunnerFactory(owner=owner)) == [past.ref]


def test_what_somebody_elses_runner_was_told_stays_theirs():
    decided(runner=RunnerFactory(), key="1")
    assert advised(RunnerFactory()) == []


def test_agents_that_the_runner_may_not_act_for_stay_out_of_the_advice():
    agent("other")
    owner = UserFactory(roles=["owner"])
    decided(runner=RunnerFactory(owner=owner), agent="other", key="1")
    assert advised(RunnerFactory(owner=owner, agents=["worker"])) == []
    assert advised(RunnerFactory(owner=owner, agents=["*"])) != []


def test_a_settled_case_needs_no_advice():
    runner = RunnerFactory()
    decided(runner=runner, key="1")
    case = ask(runner, key="2")
    approve(case)
    assert advice_for(runner, Escalation.objects.get(pk=case.pk)) is None


def test_the_index_serves_the_search():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        plan = matching(decided_cases(), "kumquat").values("pk").explain()
    assert "escalation_search" in plan
