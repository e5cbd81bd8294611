"""The policies a new portal starts with; administrators change them in the admin."""

from datetime import timedelta
from typing import Any

HOUR = timedelta(hours=1)
# Steps, each as (role, delay after the step before, repeat, cap).
Steps = list[tuple[str, timedelta, timedelta, timedelta]]
# Each: name, votes, then the ladder.
DEFAULTS: dict[str, tuple[str, int, Steps]] = {
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

# Policies of cases besides the default, in the order they are tried, each with its ladder.
SPECIAL_CASES: list[tuple[dict[str, Any], Steps]] = [
    (
        {
            "name": "Cases of high risk",
            "slug": "cases-high-risk",
            "position": 10,
            "risks": ["high"],
            "authentication": "fresh",
            "reason_required": True,
            "wakes_people": True,
        },
        [
            ("approver", timedelta(0), 1 * HOUR, 4 * HOUR),
            ("approver", 4 * HOUR, 2 * HOUR, 8 * HOUR),
            ("administrator", 4 * HOUR, 4 * HOUR, 12 * HOUR),
        ],
    ),
    (
        {
            "name": "Questions that stop nothing",
            "slug": "cases-stop-nothing",
            "position": 20,
            "blocking": False,
            "in_digest": True,
        },
        [
            ("approver", timedelta(0), 24 * HOUR, 48 * HOUR),
            ("approver", 48 * HOUR, 24 * HOUR, 48 * HOUR),
            ("administrator", 48 * HOUR, 24 * HOUR, 48 * HOUR),
        ],
    ),
]


def create_default_policies(policy_model: Any, rung_model: Any) -> None:
    """Write the default policy of each kind that has none."""
    for kind, (name, votes, ladder) in DEFAULTS.items():
        if policy_model.objects.filter(kind=kind, is_default=True).exists():
            continue
        policy = policy_model.objects.create(
            name=name, slug=f"default-{kind}", kind=kind, is_default=True, required_votes=votes
        )
        _create_steps(rung_model, policy, ladder)


def create_special_case_policies(policy_model: Any, rung_model: Any) -> None:
    """Write the policies of cases besides the default, where nobody has made any yet."""
    cases = policy_model.objects.filter(kind="case")
    if cases.exclude(slug="default-case").exists():
        return
    for fields, ladder in SPECIAL_CASES:
        policy = policy_model.objects.create(kind="case", **fields)
        _create_steps(rung_model, policy, ladder)


def _create_steps(rung_model: Any, policy: Any, ladder: Steps) -> None:
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
