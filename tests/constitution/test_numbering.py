"""The number that a law gives itself follows from the one before and the level."""

import pytest

from governance.constitution.models import ConstitutionVersion
from governance.constitution.numbering import misnumbered, next_number, numbers_of, raised


@pytest.mark.parametrize(
    ("declared", "level", "fits"),
    [
        ("2.0.0", "major", True),
        ("3.0.0", "major", True),
        ("1.5.0", "major", False),
        ("1.5.0", "minor", True),
        ("2.0.0", "minor", False),
        ("1.4.3", "patch", True),
        ("1.4.2", "patch", False),
        ("1.4.1", "patch", False),
        ("1.5.0", "patch", False),
        ("", "major", True),
    ],
)
def test_the_part_of_the_level_goes_up_and_no_graver_one(declared, level, fits):
    base = ConstitutionVersion(declared_version="1.4.2")
    assert (misnumbered(base, declared, level) == "") is fits


def test_the_sentence_says_what_to_call_it():
    base = ConstitutionVersion(declared_version="1.0.0")
    assert misnumbered(base, "1.0.1", "major") == (
        "This is a MAJOR change: call it 2.0.0, not 1.0.1."
    )


@pytest.mark.parametrize(
    ("level", "number"), [("major", "2.0.0"), ("minor", "1.5.0"), ("patch", "1.4.3")]
)
def test_the_next_number_is_raised_in_its_part(level, number):
    assert next_number((1, 4, 2), level) == number
    assert raised((1, 4, 2), numbers_of(number) or (0, 0, 0)) == level


def test_a_law_without_a_number_asks_for_none():
    assert misnumbered(ConstitutionVersion(declared_version=""), "1.0.0", "major") == ""
    assert misnumbered(None, "7.0.0", "major") == ""
