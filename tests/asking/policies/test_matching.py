"""Which policy a question falls under."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.asking.models import Policy
from governance.asking.policies.matching import considered, pick, why, why_not
from governance.people.models import Team

FACTS = {
    "agent": "billing",
    "owner_teams": [3, 4],
    "environment": "production",
    "triggers": ["schema-change"],
    "principles": ["security-first"],
    "risk": "high",
    "authorities": ["dba"],
    "action_kind": "sql",
    "blocking": True,
    "with_action": True,
}
NAMES = {3: "Data", 9: "Web"}


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({}, "it has no conditions"),
        ({"agents": ["other", "billing"]}, "the agent is billing"),
        ({"environments": ["production"]}, "the environment is production"),
        ({"risks": ["high"]}, "the risk is high"),
        ({"action_kinds": ["SQL "]}, "the act is of the kind sql"),
        ({"owner_teams": [9, 3]}, "the agent belongs to team Data"),
        ({"triggers": ["schema-change", "x"]}, "it fits the trigger schema-change"),
        ({"principles": ["security-first"]}, "it touches the principle security-first"),
        ({"authorities": ["DBA"]}, "an option asks for the authority DBA"),
        ({"blocking": True}, "the agent stands still"),
        ({"with_action": True}, "it asks for an act"),
        (
            {"risks": ["high"], "blocking": True},
            "the risk is high and the agent stands still",
        ),
    ],
)
def test_conditions_that_hold_say_why(conditions, said):
    assert why_not(conditions, FACTS, NAMES) == ""
    assert why(conditions, FACTS, NAMES) == said


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"agents": ["a", "b", "c"]}, "the agent is billing, not a, b or c"),
        ({"environments": ["staging"]}, "the environment is production, not staging"),
        ({"risks": ["low", "medium"]}, "the risk is high, not low or medium"),
        ({"action_kinds": ["shell"]}, "the act is of the kind sql, not shell"),
        ({"owner_teams": [9]}, "the agent does not belong to team Web"),
        ({"owner_teams": [77]}, "the agent does not belong to team that is gone"),
        ({"triggers": ["x"]}, "it does not fit the trigger x"),
        ({"principles": ["x"]}, "it does not touch the principle x"),
        ({"authorities": ["x", "y"]}, "no option asks for the authority x or y"),
        ({"blocking": False}, "the agent stands still"),
        ({"with_action": False}, "it asks for an act"),
        ({"risks": ["high"], "blocking": False}, "the agent stands still"),
    ],
)
def test_the_first_condition_that_does_not_hold_is_named(conditions, said):
    assert why_not(conditions, FACTS, NAMES) == said


def test_a_question_without_an_act_is_of_no_kind():
    said = why_not({"action_kinds": ["sql"]}, FACTS | {"action_kind": ""}, {})
    assert said == "the act is not sql"


WORDS = st.sampled_from(["a", "b", "c", ""])
LISTS = st.lists(WORDS, max_size=3)
ANY_FACTS = st.fixed_dictionaries(
    {
        "agent": WORDS,
        "owner_teams": st.lists(st.integers(1, 3), max_size=2),
        "environment": WORDS,
        "triggers": LISTS,
        "principles": LISTS,
        "risk": st.sampled_from(["low", "medium", "high"]),
        "authorities": LISTS,
        "action_kind": WORDS,
        "blocking": st.booleans(),
        "with_action": st.booleans(),
    }
)
# A busy machine draws slowly; that is no fault of the rule.
STEADY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FACT_OF = {"agents": "agent", "environments": "environment", "action_kinds": "action_kind"}


@STEADY
@given(facts=ANY_FACTS)
def test_an_empty_condition_holds_for_everything(facts):
    empty = dict.fromkeys(["agents", "triggers", "risks", "owner_teams", "authorities"], [])
    assert why_not(empty | {"blocking": None, "with_action": None}, facts, {}) == ""


@STEADY
@given(facts=ANY_FACTS, values=LISTS, name=st.sampled_from([*FACT_OF, "triggers", "principles"]))
def test_a_list_of_conditions_holds_where_one_of_its_values_is_so(facts, values, name):
    fact = FACT_OF.get(name)
    given_values = {facts[fact]} if fact else set(facts[name])
    holds = not values or bool(given_values & set(values))
    assert (why_not({name: values}, facts, {}) == "") == holds


def policy(name, position=50, *, teams=(), **conditions):
    made = Policy.objects.create(
        name=name, slug=name.lower(), kind="case", position=position, **conditions
    )
    made.owner_teams.set(teams)
    return made


@pytest.fixture
def bare(db):
    """Only the default of cases is there."""
    Policy.objects.filter(kind="case", is_default=False).delete()


@pytest.mark.usefixtures("bare")
def test_the_first_that_fits_is_taken_and_each_before_says_why_it_was_not():
    policy("Late", 30, risks=["high"])
    policy("Early", 10, risks=["low"])
    policy("Middle", 20, agents=["billing"])
    tried = considered("case", FACTS)
    assert [(one.policy.name, one.fits) for one in tried] == [("Early", False), ("Middle", True)]
    assert tried[0].because == "The policy Early is not taken: the risk is high, not low."
    assert pick("case", FACTS) == (
        Policy.objects.get(slug="middle"),
        "The policy Middle is taken: the agent is billing.",
    )


@pytest.mark.usefixtures("bare")
def test_the_default_comes_last_whatever_its_position_and_conditions():
    Policy.objects.filter(slug="default-case").update(position=1, risks=["low"])
    policy("Other", 30000)
    assert pick("case", FACTS)[0].name == "Other"
    Policy.objects.filter(slug="other").update(is_active=False)
    found, because = pick("case", FACTS)
    assert found.slug == "default-case"
    assert because == "The policy Cases is taken: it holds where no other fits."


@pytest.mark.usefixtures("bare")
def test_a_policy_of_another_kind_is_never_taken():
    policy("Other", 1)
    Policy.objects.filter(slug="other").update(kind="review")
    assert pick("case", FACTS)[0].slug == "default-case"


@pytest.mark.usefixtures("bare")
def test_a_team_of_the_owner_is_named():
    team = Team.objects.create(name="Data", slug="data")
    policy("Data’s", teams=[team])
    assert pick("case", FACTS | {"owner_teams": []})[0].slug == "default-case"
    _, because = pick("case", FACTS | {"owner_teams": [team.pk]})
    assert because.endswith("the agent belongs to team Data.")


@pytest.mark.usefixtures("bare")
def test_without_any_policy_nothing_is_picked(db):
    Policy.objects.filter(kind="case").delete()
    found, because = pick("case", FACTS)
    assert found is None
    assert because == "No policy fits: the rules that a new portal starts with hold."


@pytest.mark.usefixtures("bare")
def test_matching_takes_two_questions_to_the_database(django_assert_num_queries):
    for number in range(5):
        policy(f"P{number}", number, agents=["none"])
    with django_assert_num_queries(2):
        assert pick("case", FACTS)[0].slug == "default-case"
