"""Which values the conditions of a policy can have: the apps that own them say so."""

from collections.abc import Callable, Collection

# Field of the policy: what a value is called, and which of some values there are.
Known = Callable[[Collection[str]], set[str]]
KNOWN: dict[str, tuple[str, Known]] = {}


def register_values(field: str, called: str, known: Known) -> None:
    """Tell which values of a condition exist, beside the thing that owns them."""
    KNOWN[field] = (called, known)


def unknown_values(field: str, values: Collection[str]) -> list[str]:
    """A sentence for each value that nothing on the portal has."""
    if field not in KNOWN or not values:
        return []
    called, known = KNOWN[field]
    there = known(values)
    return [
        f"There is no {called} {value} on this portal: the condition waits for one."
        for value in values
        if value not in there
    ]
