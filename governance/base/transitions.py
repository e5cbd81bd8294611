"""One way to move a state: a table of allowed transitions, and a refusal for the rest."""

from collections.abc import Collection, Mapping

from governance.base.errors import InvalidTransition


def check_transition(table: Mapping[str, Collection[str]], *, what: str, now: str, to: str) -> None:
    """Raise :class:`InvalidTransition` unless ``table`` leads from ``now`` to ``to``."""
    if to not in table.get(now, ()):
        raise InvalidTransition(
            f"{what} is {now.replace('_', ' ')} and cannot become {to.replace('_', ' ')}.",
            now=str(now),
            wanted=str(to),
        )
