"""The policies a new portal starts with; administrators change them in the admin."""

from datetime import timedelta
from typing import Any

HOUR = timedelta(hours=1)
# Each: name, votes, then the ladder as (role, delay after the step before, repeat, cap).
DEFAULTS: dict[str, tuple[str, int, list[tuple[str, timedelta, timedelta, timedelta]]]] = {
    "case": (
        "Cases",
        1,
        [
            ("approver", timedelta(0), 4 * HOUR, 24 * HOUR),
            ("approver", 4 * HOUR, 4 * HOUR, 24 * HOUR),
            ("administrator", 20 * HOUR, 12 * HOUR, 24 * HOUR),
        ],
    ),
    "review": (
        "Reviews of versions",
        1,
        [
            ("approver", timedelta(0), 24 * HOUR, 48 * HOUR),
            ("approver", 24 * HOUR, 24 * HOUR, 48 * HOUR),
            ("administrator", 48 * HOUR, 24 * HOUR, 48 * HOUR),
        ],
    ),
    "amendment": (
        "Amendments of the constitution",
        1,
        [
            ("approver", timedelta(0), 24 * HOUR, 48 * HOUR),
            ("approver", 24 * HOUR, 24 * HOUR, 48 * HOUR),
            ("administrator", 48 * HOUR, 24 * HOUR, 48 * HOUR),
        ],
    ),
    "configuration": (
        "Changes of the configuration",
        1,
        [("administrator", timedelta(0), 24 * HOUR, 48 * HOUR)],
    ),
}


def create_default_policies(policy_model: Any, rung_model: Any) -> None:
    """Write the default policy of each kind that has none."""
    for kind, (name, votes, ladder) in DEFAULTS.items():
        if policy_model.objects.filter(kind=kind, is_default=True).exists():
            continue
        policy = policy_model.objects.create(
            name=name, slug=f"default-{kind}", kind=kind, is_default=True, required_votes=votes
        )
        for position, (role, delay, repeat, cap) in enumerate(ladder):
            rung_model.objects.create(
                policy=policy,
                position=position,
                audience="role",
                role=role,
                delay=delay,
                repeat_every=repeat,
                repeat_cap=cap,
            )
