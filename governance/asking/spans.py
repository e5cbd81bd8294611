"""Spans of time in words."""

from collections.abc import Mapping
from typing import Any


def delay_text(rung: Mapping[str, Any], *, is_first: bool) -> str:
    """When a step comes, and how often its people are told again."""
    delay = rung["delay_s"]
    start = f"{span_text(delay)} after {'it is asked' if is_first else 'the step before'}"
    return (
        f"{start if delay else 'at once'}, again after {span_text(rung['repeat_s'])}, "
        f"then with pauses of up to {span_text(rung['cap_s'])}"
    )


def span_text(seconds: int) -> str:
    """``90`` reads *90 seconds*, ``14400`` reads *4 hours*."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "0 seconds"
