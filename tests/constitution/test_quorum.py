"""How many approvals a Governance section asks for; what it says that no number says."""

import pytest

from governance.constitution.quorum import quorum_in, quorum_of
from tests.constitution import acts


@pytest.mark.parametrize(
    ("said", "votes"),
    [
        ("Amendments require the approval of two maintainers.", 2),
        ("An amendment needs at least 3 approvals.", 3),
        ("Amendments are approved by at least two core maintainers.", 2),
        ("- **Amendment**: a new version, approved by one person who is not its author.", 1),
        ("Amendments: both owners sign off.", 2),
        ("This document is changed by a PR with 4 approving votes.", 4),
        ("Amendments are approved by somebody who did not write them.", 0),
        ("Amendments take effect after two weeks, once approved.", 0),
        ("Every PR needs two approvals.", 0),
        ("Amendments no longer require approval of two maintainers.", 0),
        ("Amendments need rationale and maintainer approval, within 2 days.", 0),
    ],
)
def test_the_number_of_approvals_for_an_amendment(said, votes):
    found = quorum_of(said)
    assert (found.votes, found.countable) == (votes, True)


@pytest.mark.parametrize(
    "said",
    [
        "Amendments require unanimous approval.",
        "Amendments are ratified by a two-thirds majority of the maintainers.",
        "All maintainers approve an amendment.",
        "Changes to this constitution need the consensus of the team.",
        "Amendments need approval by 75% of the members.",
    ],
)
def test_what_cannot_be_counted_says_so_in_its_own_words(said):
    found = quorum_of(said)
    assert (found.countable, found.sentence) == (False, said)


def test_the_strictest_rule_of_several_applies():
    said = "Amendments need one approval.\n\nAmendments of principles need three approvals."
    assert quorum_of(said).votes == 3


def test_a_rule_for_one_level_is_for_that_level():
    said = "MAJOR amendments need three approvals.\nMINOR amendments need two approvals."
    votes = [quorum_of(said, level).votes for level in ("major", "minor", "patch")]
    assert votes == [3, 2, 0]
    assert quorum_of(said, "patch", "major").votes == 3


def test_the_sentence_comes_with_its_line():
    said = "Amendments require two approvals."
    raw = acts.law("1.0.0", ("Amendments are approved by somebody who did not write them.", said))
    found = quorum_in(raw)
    assert (found.votes, found.sentence) == (2, said)
    assert raw.decode().split("\n")[found.line - 1] == said


def test_a_principle_about_votes_is_no_rule_for_amendments():
    raw = acts.law("1.0.0", ("Teams SHOULD", "Amendments need five approvals. Teams SHOULD"))
    assert quorum_in(raw).votes == 0
