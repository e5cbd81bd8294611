"""A policy's steps as a question keeps them."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from governance.asking.defaults import DEFAULTS, Steps
from governance.asking.models import Audience, Policy, Rung


def snapshot(kind: str, policy: Policy | None) -> list[dict[str, Any]]:
    """A policy's steps as the ask keeps them.

    A policy without steps would ask nobody for ever, so the steps a new portal starts with
    stand in for it.
    """
    rungs = list(policy.rungs.order_by("position")) if policy else []
    return _as_dicts(rungs) if rungs else starting_ladder(DEFAULTS[kind][2])


def starting_ladder(steps: Steps) -> list[dict[str, Any]]:
    """The steps of a policy that a new portal starts with."""
    return _as_dicts(
        Rung(
            position=position,
            audience=Audience.ROLE,
            role=role,
            delay=delay,
            repeat_every=repeat,
            repeat_cap=cap,
        )
        for position, (role, delay, repeat, cap) in enumerate(steps)
    )


def with_teams(ladder: list[dict[str, Any]], teams: Sequence[int]) -> list[dict[str, Any]]:
    """Teams whose vote is needed are asked at once, beside the people of the first step."""
    if not teams:
        return ladder
    return [{**ladder[0], "also": sorted(teams)}, *ladder[1:]]


def _as_dicts(rungs: Iterable[Rung]) -> list[dict[str, Any]]:
    return [
        {
            "position": rung.position,
            "audience": str(rung.audience),
            "role": rung.role,
            "team": rung.team_id,
            "person": rung.person_id,
            "delay_s": _seconds(rung.delay),
            "repeat_s": max(1, _seconds(rung.repeat_every)),
            "cap_s": max(1, _seconds(rung.repeat_cap)),
        }
        for rung in rungs
    ]


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
