"""The kinds of things that are configured, each with what loosens it.

The app that owns a thing registers its kind beside the admin that edits it: whoever loads the
admin, which every process does, knows them all.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from governance.people.models import User

# JSON: what counts, and under ``names`` how people call what is only numbered there.
Snapshot = dict[str, Any]
K = TypeVar("K", bound="Kind")
NAMES = "names"


def there(pk: int | None) -> int:
    """The id of a thing that is there; a new one of this kind never waits for a confirmation."""
    if pk is None:
        raise ValueError("a new one has no id")
    return pk


class Kind(ABC):
    """How one kind of thing is read, compared and written as a whole."""

    name: ClassVar[str]
    label: ClassVar[str]

    @abstractmethod
    def read(self, pk: int) -> Snapshot:
        """The thing as it is; an empty one where it is gone."""

    @abstractmethod
    def loosens(self, before: Snapshot, after: Snapshot) -> list[str]:
        """What would be less strict, a sentence each. Reads nothing but the two."""

    @abstractmethod
    def apply(self, pk: int | None, after: Snapshot, *, by: User, at: datetime) -> None:
        """Write the thing as ``after`` has it, and its events; without an id make a new one."""

    @abstractmethod
    def title(self, state: Snapshot) -> str:
        """What people call it; read from what it is, or from what it was where it goes."""

    def absent(self, sort: str = "") -> Snapshot:
        """How things are while there is no such thing; ``sort`` is what it would be for."""
        return {}

    def slot(self, after: Snapshot) -> str:
        """What tells a new one from other new ones."""
        return self.title(after)

    def gains(self, pk: int | None, before: Snapshot, after: Snapshot) -> set[int]:
        """Who would get more rights by it, and so may not confirm it."""
        return set()

    def now(self, pk: int | None, after: Snapshot) -> Snapshot:
        """The present beside which ``after`` is to be seen."""
        return self.read(pk) if pk is not None else self.absent(after.get("kind", ""))


KINDS: dict[str, Kind] = {}
# What a team is needed for: each takes its id and gives sentences without a full stop.
TEAM_USES: list[Callable[[int], list[str]]] = []


def register(kind: K) -> K:
    """Make a kind known, once."""
    KINDS[kind.name] = kind
    return kind


def uses_of_team(pk: int) -> list[str]:
    """What rests on a team's members: ``the policy X asks for its vote``."""
    return sorted(sentence for uses in TEAM_USES for sentence in uses(pk))


def bare(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """What counts of it: a new name of a person or team makes no other thing of it."""
    return {key: value for key, value in snapshot.items() if key != NAMES}
