"""The shape of JSON that strangers send, before anybody reads it."""

from collections.abc import Iterator, Mapping
from typing import Any

from governance.base.errors import InvalidInput

DEEPEST = 20


def check_shape(body: Any) -> None:
    """Refuse what is nested too deeply or holds a NUL; without recursion, whatever comes."""
    level: list[Any] = [body]
    for _ in range(DEEPEST):
        if any(isinstance(value, str) and "\x00" in value for value in level):
            raise InvalidInput("Text must not hold the NUL character.", code="nul_character")
        level = [child for value in level for child in _children(value)]
        if not level:
            return
    raise InvalidInput(f"Nested deeper than {DEEPEST} levels.", code="too_deep")


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
