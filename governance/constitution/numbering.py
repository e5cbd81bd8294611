"""The number that a constitution gives itself, and whether it follows from the one before."""

import re

from governance.constitution.models import AmendmentLevel, ConstitutionVersion

_SEMVER = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})")


def numbers_of(declared: str) -> tuple[int, int, int] | None:
    """``1.2.0`` as three numbers; None where a text names no such version."""
    match = _SEMVER.fullmatch(declared)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def raised(before: tuple[int, int, int], after: tuple[int, int, int]) -> str:
    """Which part of the number went up; empty where it did not go up at all."""
    if after <= before:
        return ""
    if after[0] > before[0]:
        return AmendmentLevel.MAJOR.value
    return (AmendmentLevel.MINOR if after[1] > before[1] else AmendmentLevel.PATCH).value


def next_number(before: tuple[int, int, int], level: str) -> str:
    """What a change of this level is called: 1.4.2 becomes 2.0.0, 1.5.0 or 1.4.3."""
    major, minor, patch = before
    if level == AmendmentLevel.MAJOR:
        return f"{major + 1}.0.0"
    if level == AmendmentLevel.MINOR:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def misnumbered(base: ConstitutionVersion | None, declared: str, level: str) -> str:
    """The sentence where a text's own number does not follow from its base and the level."""
    before = numbers_of(base.declared_version) if base else None
    after = numbers_of(declared)
    if before is None or after is None or raised(before, after) == level:
        return ""
    name = AmendmentLevel(level).label
    return f"This is a {name} change: call it {next_number(before, level)}, not {declared}."
