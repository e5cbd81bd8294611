"""What loosens what, without a database: each way to be less strict has its sentence."""

import pytest

from agents.configuring import EnvironmentKind, ReviewRuleKind
from governance.configuration.people import PersonKind, TeamKind
from governance.configuration.policies import PolicyKind

HOUR = 3600
NAMES = {
    "role:approver": "Everybody with the role approver",
    "role:administrator": "Everybody with the role administrator",
    "team:3": "Security",
    "team:4": "Data",
}


def rung(role="approver", delay=0, repeat=4, cap=24, **other):
    step = {"audience": "role", "role": role, "team": None, "person": None, "position": 0}
    return step | {"delay_s": delay * HOUR, "repeat_s": repeat * HOUR, "cap_s": cap * HOUR} | other


LADDER = [rung(), rung("administrator", 8)]
USUAL = {"policy": 1, "votes": 2, "teams": [3]}
POLICY = {
    "name": "Privilege",
    "kind": "review",
    "is_default": False,
    "votes": 2,
    "teams": [3],
    "ladder": LADDER,
    "usual": USUAL,
    "names": NAMES,
}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"votes": 1}, "It takes 1 vote instead of 2."),
        ({"teams": []}, "The vote of team Security is no longer needed."),
        ({"teams": [4]}, "The vote of team Security is no longer needed."),
        ({"ladder": LADDER[:1]}, "administrator is no longer told after 8 hours."),
        ({"ladder": LADDER[1:]}, "approver is no longer told at once."),
        (
            {"ladder": [LADDER[0], rung("administrator", 9)]},
            "administrator is told after 9 hours instead of 8 hours.",
        ),
        (
            {"ladder": [rung(delay=1), rung("administrator", 7)]},
            "approver is told after 1 hour instead of 0 seconds.",
        ),
        (
            {"ladder": [rung(repeat=5), LADDER[1]]},
            "approver is reminded after 5 hours instead of 4 hours.",
        ),
        (
            {"ladder": [rung(cap=48), LADDER[1]]},
            "approver is reminded at least every 2 days instead of 1 day.",
        ),
        (
            {"ladder": [rung("", audience="team", team=3), LADDER[1]]},
            "approver is no longer told at once.",
        ),
        (
            {"usual": {"policy": 2, "votes": 1, "teams": [3]}},
            "By default review of a version: it takes 1 vote instead of 2.",
        ),
        (
            {"usual": {"policy": None, "votes": 2, "teams": []}},
            "By default review of a version: the vote of team Security is no longer needed.",
        ),
    ],
)
def test_a_policy_that_asks_less_or_later_says_so(changes, sentence):
    said = PolicyKind().loosens(POLICY, POLICY | changes)
    assert len(said) == 1
    assert said[0].endswith(sentence)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"votes": 3},
        {"teams": [3, 4]},
        {"name": "Another name"},
        {"ladder": [*LADDER, rung("owner", 1)]},
        {"ladder": [rung("auditor"), *LADDER]},
        {"ladder": [rung(repeat=1, cap=2), rung("administrator", 1)]},
        {"usual": {"policy": 2, "votes": 2, "teams": [3, 4]}},
    ],
)
def test_a_policy_that_asks_more_or_sooner_loosens_nothing(changes):
    assert PolicyKind().loosens(POLICY, POLICY | changes) == []


def test_a_new_policy_loosens_only_as_the_new_default():
    absent = {"kind": "review", "usual": USUAL, "names": NAMES}
    assert PolicyKind().loosens(absent, POLICY) == []
    weaker = POLICY | {"usual": {"policy": 9, "votes": 1, "teams": [3]}}
    assert len(PolicyKind().loosens(absent, weaker)) == 1


RULES = {
    "authentication": "fresh",
    "reason_required": True,
    "one_rejection_ends": True,
    "owner_may_answer": False,
    "permit_scopes": ["run"],
    "standing_risks": ["low"],
    "standing_uses": 2,
    "standing_days": 3,
    "authorities": {"drop": {"role": "administrator", "team": None}},
}
CONDITIONS = {
    **dict.fromkeys(("agents", "environments", "triggers", "principles", "risks"), []),
    **dict.fromkeys(("authorities", "action_kinds", "owner_teams"), []),
    "blocking": None,
    "with_action": None,
}


def other(name, position, conditions, **changes):
    """Another policy of cases, milder than the one in question unless told otherwise."""
    state = {
        "pk": position,
        "name": name,
        "is_default": False,
        "active": True,
        "position": position,
        "conditions": CONDITIONS | conditions,
        "votes": 1,
        "teams": [],
        "rules": RULES,
        "in_digest": False,
        "wakes_people": True,
        "ladder": LADDER,
    }
    return state | changes


DEFAULT = other("Cases", 100, {}, is_default=True)
USUAL_CASE = {"policy": 100, "votes": 1, "teams": []}
CASE = other("High", 50, {"risks": ["high"]}, votes=2) | {
    "kind": "case",
    "usual": USUAL_CASE,
    "others": [DEFAULT],
    "names": NAMES,
}


def loosens(before, after):
    return PolicyKind().loosens(before, after)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"authentication": "signed_in"},
            "It takes less to answer: signed in; before: signed in anew a moment ago.",
        ),
        ({"reason_required": False}, "A reason is no longer required."),
        ({"one_rejection_ends": False}, "One rejection no longer ends it."),
        ({"owner_may_answer": True}, "The agent’s owner may answer alone."),
        (
            {"permit_scopes": ["run", "pattern"]},
            "A permit may reach further: acts that fit a stated pattern.",
        ),
        (
            {"standing_risks": ["low", "medium"]},
            "Standing decisions may answer questions of medium risk.",
        ),
        ({"standing_uses": 3}, "A standing decision may answer 3 times instead of 2."),
        ({"standing_days": 9}, "A standing decision may answer for 9 days instead of 3."),
        (
            {"authorities": {}},
            "The option drop is no longer kept for the role administrator.",
        ),
        (
            {"authorities": {"drop": {"role": "approver", "team": None}}},
            "The option drop is kept for the role approver instead of the role administrator.",
        ),
    ],
)
def test_each_rule_of_answering_that_is_milder_has_its_sentence(changes, sentence):
    assert loosens(CASE, CASE | {"rules": RULES | changes}) == [sentence]


@pytest.mark.parametrize(
    "changes",
    [
        {"authentication": "passkey"},
        {"permit_scopes": []},
        {"standing_risks": [], "standing_uses": 0, "standing_days": 0},
        {"authorities": RULES["authorities"] | {"more": {"role": "approver", "team": None}}},
    ],
)
def test_each_rule_of_answering_that_is_stricter_loosens_nothing(changes):
    assert loosens(CASE, CASE | {"rules": RULES | changes}) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"in_digest": True}, "People are told in the daily digest first, not at once."),
        ({"wakes_people": False}, "It no longer reaches people in their quiet hours."),
    ],
)
def test_being_told_more_softly_loosens_and_more_loudly_does_not(changes, sentence):
    assert loosens(CASE, CASE | changes) == [sentence]
    assert loosens(CASE | changes, CASE) == []


FALLS = "Some questions would fall under Cases instead: it takes 1 vote instead of 2."


@pytest.mark.parametrize(
    "changes",
    [
        {"active": False},
        {"conditions": CONDITIONS | {"risks": ["high"], "blocking": True}},
        {"conditions": CONDITIONS | {"risks": ["high"], "agents": ["a"]}},
        {"conditions": CONDITIONS | {"risks": ["medium"]}},
        {"conditions": CONDITIONS | {"risks": ["high"], "owner_teams": [3]}},
    ],
)
def test_questions_that_would_fall_to_a_milder_policy_loosen(changes):
    assert loosens(CASE, CASE | changes) == [FALLS]


@pytest.mark.parametrize(
    "changes",
    [
        {"position": 99},
        {"position": 1},
        {"conditions": CONDITIONS},
        {"conditions": CONDITIONS | {"risks": ["high", "medium"]}},
    ],
)
def test_what_takes_as_many_questions_or_more_to_stricter_rules_loosens_nothing(changes):
    assert loosens(CASE, CASE | changes) == []


def test_a_place_behind_a_milder_policy_loosens_and_before_it_does_not():
    mild = other("Mild", 60, {"agents": ["a"]})
    there = CASE | {"others": [mild, DEFAULT]}
    said = loosens(there, there | {"position": 70})
    assert said == ["Some questions would fall under Mild instead: it takes 1 vote instead of 2."]
    apart = other("Mild", 60, {"risks": ["low"]})
    there = CASE | {"others": [apart, DEFAULT]}
    assert loosens(there, there | {"position": 70}) == []
    assert loosens(there | {"position": 70}, there) == []


def test_a_milder_policy_that_takes_questions_from_a_stricter_one_loosens():
    strict = other("Strict", 60, {"risks": ["high"]}, votes=3)
    absent = {"kind": "case", "usual": USUAL_CASE, "others": [strict, DEFAULT], "names": NAMES}
    takes = absent | CASE | {"others": [strict, DEFAULT]}
    said = loosens(absent, takes)
    assert said == [
        "Some questions would fall under this instead of Strict: it takes 2 votes instead of 3."
    ]
    assert loosens(absent, takes | {"active": False}) == []
    assert loosens(absent, takes | {"conditions": CONDITIONS | {"risks": ["low"]}}) == []
    assert loosens(absent, takes | {"position": 70}) == []
    later = takes | {"position": 70}
    assert loosens(later, takes) == said


def test_a_policy_in_between_that_catches_all_is_the_one_compared():
    between = other("Between", 60, {"risks": ["high", "medium"]}, votes=2)
    there = CASE | {"others": [between, DEFAULT]}
    assert loosens(there, there | {"active": False}) == []


PERSON = {"name": "Ann", "roles": ["auditor"], "active": True, "teams": [], "names": {}}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {"roles": ["approver", "auditor"]}, ["Ann gets the role approver."]),
        ({}, {"roles": ["administrator"]}, ["Ann gets the role administrator."]),
        (
            {"roles": ["approver"], "active": False},
            {"roles": ["approver"]},
            ["Ann gets the role approver."],
        ),
        ({}, {"roles": ["auditor", "owner"]}, []),
        ({"roles": ["approver"]}, {"roles": ["approver", "owner"]}, []),
        ({"roles": ["approver"]}, {"roles": []}, []),
        ({"roles": ["approver"]}, {"roles": ["approver"], "active": False}, []),
        ({"active": False}, {}, []),
        (
            {"active": False, "teams": [[3, "the policy P asks for its vote"]]},
            {"teams": [[3, "the policy P asks for its vote"]], "names": {"3": "Security"}},
            ["Ann counts again in team Security: the policy P asks for its vote."],
        ),
    ],
)
def test_the_roles_that_decide_are_granted_all_else_is_given(before, after, said):
    assert PersonKind().loosens(PERSON | before, PERSON | after) == said


def test_who_comes_into_a_team_that_counts_is_named():
    before = {"name": "Security", "members": [1], "uses": [], "names": {"1": "Ann"}}
    after = before | {"members": [1, 2], "names": {"1": "Ann", "2": "Ben"}}
    assert TeamKind().loosens(before, after) == []
    used = {"uses": ["the policy P asks for its vote"]}
    said = TeamKind().loosens(before | used, after | used)
    assert said == ["Ben comes into team Security: the policy P asks for its vote."]
    assert TeamKind().loosens(after | used, before | used) == []
    assert TeamKind().gains(7, before, after) == {2}


PLACE = {"name": "Production", "protected": True, "team": 3, "full_matrix": True}
PLACE |= {"names": {"3": "Security"}}


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"protected": False}, "no longer protected"),
        ({"team": None}, "others than team Security"),
        ({"team": 4}, "others than team Security"),
        ({"full_matrix": False}, "may be unknown"),
    ],
)
def test_an_environment_that_guards_less_says_so(changes, part):
    said = EnvironmentKind().loosens(PLACE, PLACE | changes)
    assert len(said) == 1
    assert part in said[0]
    assert EnvironmentKind().loosens(PLACE | changes, PLACE | changes | {"name": "Live"}) == []


def test_an_environment_that_guards_more_loosens_nothing():
    open_place = PLACE | {"protected": False, "team": None, "full_matrix": False}
    assert EnvironmentKind().loosens(open_place, PLACE) == []
    assert EnvironmentKind().loosens({}, open_place) == []


def needs(votes, *teams, words):
    keys = [f"privilege|{tier}|{place}" for tier in ("low", "medium", "high") for place in ("", 1)]
    return {
        "needs": {key: [votes, list(teams)] for key in keys},
        "names": dict.fromkeys(keys, words) | {"environment:1": "Production"},
    }


def test_rules_are_compared_by_what_every_change_takes():
    two, one = needs(2, words="2 votes"), needs(1, words="1 vote")
    said = ReviewRuleKind().loosens(two, one)
    assert said == ["Privilege (everywhere, Production): 1 vote instead of 2 votes."]
    assert ReviewRuleKind().loosens(one, two) == []
    without = ReviewRuleKind().loosens(needs(2, 3, words="a team"), two)
    assert without == ["Privilege (everywhere, Production): 2 votes instead of a team."]


def test_a_rule_for_one_tier_and_place_is_named_so():
    two, mixed = needs(2, words="2 votes"), needs(2, words="2 votes")
    mixed["needs"]["privilege|high|1"] = [1, []]
    mixed["names"]["privilege|high|1"] = "1 vote"
    said = ReviewRuleKind().loosens(two, mixed)
    assert said == ["Privilege, high risk (Production): 1 vote instead of 2 votes."]
