"""Bars with numbers: which of two is the looser one."""

_SECONDS = {"µs": 1, "us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
_NAMES = {
    "milliseconds": "ms", "millisecond": "ms", "sec": "s", "secs": "s", "second": "s",
    "seconds": "s", "mins": "min", "minute": "min", "minutes": "min", "hr": "h", "hrs": "h",
    "hour": "h", "hours": "h", "percent": "%",
}  # fmt: skip
Measure = tuple[str, int | float | None, str]


def loosened(old: Measure, new: Measure) -> bool:
    """Whether the second bar is easier to meet; False where they cannot be compared."""
    return _compare(old, new) > 0


def tightened(old: Measure, new: Measure) -> bool:
    return _compare(old, new) < 0


def _compare(old: Measure, new: Measure) -> int:
    """1 where the new bar is looser, -1 where it is tighter, 0 where nobody can say."""
    (sign, _, _), (other, _, _) = old, new
    before, after = _amount(old), _amount(new)
    if before is None or after is None or sign[:1] != other[:1] or before[1] != after[1]:
        return 0
    direction = {"<": 1, ">": -1}.get(sign[:1], 0)
    return direction * ((after[0] > before[0]) - (after[0] < before[0]))


def _amount(measured: Measure) -> tuple[int | float, str] | None:
    _, value, unit = measured
    if value is None:
        return None
    plain = _NAMES.get(unit.lower(), unit if unit in _SECONDS else unit.lower())
    return (value * _SECONDS[plain], "time") if plain in _SECONDS else (value, plain)
