"""The schema of matchers: strict, with errors that say what is wrong; and what covers what."""

import pytest

from agents.ledger.matchers import covers, in_words, read_matchers
from agents.ledger.presets import PRESETS, TITLES
from governance.base.errors import InvalidInput

GIT_PUSH = {"command": {"program": ["git"], "subcommands": ["push"]}}
FORCED = {"command": {"program": ["git"], "subcommands": ["push"], "flags": ["--force"]}}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_a_list_of_matchers_and_has_words(name):
    assert read_matchers(PRESETS[name])
    assert TITLES[name]
    assert all(in_words(matcher) for matcher in read_matchers(PRESETS[name]))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("x", "a list"),
        ([{}], "would match everything"),
        ([{"tols": ["Bash"]}], "tols"),
        ([{"tool": "Bash"}], "Expected `array`"),
        ([{"command": {"subcommands": ["push"]}}], "program"),
        ([{"command": {"program": []}}], "needs a program"),
        ([{"preset": "no-such"}], "no preset no-such"),
        ([{"preset": "secrets", "tool": ["Bash"]}], "stands alone"),
        ([{"access": ["write"]}], "needs paths"),
        ([{"paths": ["!*.md"]}], "only exclude"),
        ([{"tool": [" "]}], "is empty"),
        ([{"arguments": [{"name": "a", "op": "like", "value": 1}]}], "like"),
        ([GIT_PUSH, {"paths": ["x"], "access": ["own"]}], "Matcher 2"),
        ([GIT_PUSH] * 41, "At most 40"),
    ],
)
def test_a_wrong_matcher_is_refused_with_what_is_wrong(value, said):
    with pytest.raises(InvalidInput) as refusal:
        read_matchers(value)
    assert said in refusal.value.sentence


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ([GIT_PUSH], [GIT_PUSH], True),
        ([GIT_PUSH], [FORCED], True),
        ([FORCED], [GIT_PUSH], False),
        ([], [GIT_PUSH], False),
        ([GIT_PUSH], [], True),
        ([{"paths": ["a", "b"]}], [{"paths": ["a"]}], True),
        ([{"paths": ["a"]}], [{"paths": ["a", "b"]}], False),
        ([{"paths": ["a", "!a/x"]}], [{"paths": ["a"]}], False),
        ([{"paths": ["a"]}], [{"paths": ["a", "!a/x"]}], True),
        ([{"preset": "secrets"}, GIT_PUSH], [{"preset": "secrets"}], True),
        ([{"preset": "secrets"}], [{"preset": "destructive"}], False),
    ],
)
def test_one_list_covers_another_only_where_it_matches_at_least_as_much(wide, narrow, covered):
    assert covers(read_matchers(wide), read_matchers(narrow)) is covered


def test_a_matcher_is_told_in_words():
    (matcher,) = read_matchers([FORCED])
    assert in_words(matcher) == "git push with --force"
    (paths,) = read_matchers([{"paths": [".env", "!*.example"], "access": ["write"]}])
    assert in_words(paths) == "changes .env but not *.example"
