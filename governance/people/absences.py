"""Who stands in for whom: absences with their delegates, looked up at one moment.

A chain of delegates is followed while each of them is away too. It ends at somebody who has no
account any more or who may not answer: neither is told, nor passes it on.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from governance.people.models import Delegation, User


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who is told, and the absent person in whose place."""

    user: User
    on_behalf_of: User | None = None


class Absences:
    """Every absence that holds at one moment, read once."""

    def __init__(self, at: datetime) -> None:
        self._of: dict[int, list[Delegation]] = defaultdict(list)
        running = Delegation.objects.running(at=at).select_related("person", "delegate")
        for absence in running.order_by("-made_at", "-id"):
            self._of[absence.person_id].append(absence)

    def of(self, user: User) -> Delegation | None:
        """The absence of one person that was made last; None for somebody who is there."""
        running = self._of.get(user.pk)
        return running[0] if running else None

    def stand_ins(self, people: Iterable[User], *, excluded: Collection[int] = ()) -> list[Told]:
        """These people, whoever is away replaced by a delegate, each person once.

        Away without a delegate who can be told: left out. Whoever is asked in their own right
        stands in for nobody.
        """
        asked = [user for user in people if _counts(user, excluded)]
        told = {user.pk: Told(user) for user in asked if not self._of.get(user.pk)}
        for user in asked:
            delegate = self.delegate_of(user, excluded=excluded)
            if delegate is not None:
                told.setdefault(delegate.pk, Told(delegate, on_behalf_of=user))
        return [told[key] for key in sorted(told)]

    def delegate_of(self, user: User, *, excluded: Collection[int] = ()) -> User | None:
        """Who answers instead of somebody who is away; None for one who is there."""
        return self._find(user, excluded, seen={user.pk})

    def _find(self, user: User, excluded: Collection[int], seen: set[int]) -> User | None:
        for absence in self._of.get(user.pk, ()):
            delegate = absence.delegate
            if delegate is None or delegate.pk in seen or not _counts(delegate, excluded):
                continue
            seen.add(delegate.pk)
            if not self._of.get(delegate.pk):
                return delegate
            if (further := self._find(delegate, excluded, seen)) is not None:
                return further
        return None

    def delegators_of(self, user: User, *, excluded: Collection[int] = ()) -> list[User]:
        """Those who are away and for whom this person stands in."""
        away = [absences[0].person for _, absences in sorted(self._of.items())]
        found = [one for one in away if _counts(one, excluded)]
        return [one for one in found if self.delegate_of(one, excluded=excluded) == user]


def _counts(user: User, excluded: Collection[int]) -> bool:
    return user.is_active and user.pk not in excluded


def delegators_of(user: User, at: datetime, *, excluded: Collection[int] = ()) -> list[User]:
    """For whom a person stands in at this moment."""
    return Absences(at).delegators_of(user, excluded=excluded)
