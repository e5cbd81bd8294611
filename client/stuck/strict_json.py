"""JSON as the client reads it: UTF-8, no doubled names, no NaN, no bottomless nesting."""

import json
from typing import Any, Dict, List, Tuple


def loads(raw: bytes) -> Any:
    """The value in these bytes. Raises ``ValueError`` for anything that two readers could read
    differently."""
    try:
        return json.loads(
            raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def object_of(raw: bytes) -> Dict[str, Any]:
    """The object in these bytes. Raises ``ValueError``."""
    value = loads(raw)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
