"""Suggestions: the same for the same words, cautious, and with the words that led to them."""

import pytest

from agents.ledger.matchers import read_matchers
from agents.ledger.suggesting import suggest


@pytest.mark.parametrize(
    ("text", "rule_class", "presets"),
    [
        ("NEVER add external dependencies without approval", "gated", ("dependencies",)),
        ("A new dependency MUST be approved by a person", "gated", ("dependencies",)),
        ("ALWAYS confirm before installing/uninstalling", "gated", ("dependencies",)),
        ("NEVER commit secrets", "enforced", ("secrets",)),
        ("NEVER expose API keys or tokens", "enforced", ("secrets",)),
        ("NEVER log secrets", "reviewed", ()),
        ("NEVER change the database schema without confirmation", "gated", ("migrations",)),
        ("NEVER run migrations", "enforced", ("migrations",)),
        ("NEVER deploy to production without approval", "gated", ("deployment", "production")),
        ("NEVER delete a backup without approval", "gated", ("destructive",)),
        ("NEVER delete user data", "enforced", ("destructive",)),
        ("NEVER use --no-verify", "enforced", ("skipped-checks",)),
        ("NEVER commit", "gated", ("commits",)),
        ("NEVER modify files", "gated", ("file-edits",)),
        ("ALWAYS write tests first", "reviewed", ()),
        ("MUST use kebab-case", "reviewed", ()),
        ("ALWAYS escalate schema changes", "advisory", ()),
        ("ALWAYS be helpful", "advisory", ()),
        ("NEVER emit deployed until both steps succeed", "advisory", ()),
        ("A PR without a milestone MUST NOT merge", "advisory", ()),
    ],
)
def test_a_rule_is_suggested_a_class_and_matchers(text, rule_class, presets):
    found = suggest(text)
    assert (found.rule_class, found.presets) == (rule_class, presets)
    assert read_matchers(found.matchers) is not None
    assert suggest(text) == found


def test_a_suggestion_names_the_words_that_led_to_it():
    found = suggest("NEVER add external dependencies without approval")
    assert found.words == ("add external dependencies", "without approval")
    assert found.reason == "It forbids adding or changing dependencies without a yes."


def test_a_path_in_code_marks_becomes_a_matcher_of_its_own():
    found = suggest("DO NOT edit files in `.derived/`; those are compiler output")
    assert found.rule_class == "enforced"
    assert found.matchers == [{"paths": [".derived/"], "access": ["write"]}]
