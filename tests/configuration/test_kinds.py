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
