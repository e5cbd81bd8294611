"""The page of requests to loosen something: what waits first, then what was settled."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.asking.models import Ask
from governance.asking.together.pages import together_for
from governance.base.errors import sentence_of
from governance.base.pagination import one_page
from governance.configuration.forms import RefusalForm
from governance.configuration.kinds import bare
from governance.configuration.models import ChangeState, ConfigurationChange
from governance.configuration.permissions import (
    ONLY_ONE,
    check_may_confirm,
    other_administrators,
)
from governance.people.models import User
from governance.people.permissions import Permission, has

PAGE = 30
# What follows from the change: the sentences say it better.
COMPUTED = ("needs", "usual", "others")


@dataclass(frozen=True, slots=True)
class Differing:
    """One part of the thing that would be another."""

    label: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Row:
    """A request as one person sees it."""

    change: ConfigurationChange
    why_not_confirm: str
    is_mine: bool
    form: RefusalForm
    together: dict[str, Any] | None = None

    @property
    def differing(self) -> list[Differing]:
        before, after = bare(self.change.before), bare(self.change.after)
        return [
            Differing(key.replace("_", " ").capitalize(), before.get(key), after.get(key))
            for key in sorted(before.keys() | after.keys())
            if key not in COMPUTED and before.get(key) != after.get(key)
        ]


def changes_page(user: User, *, before: int | None, at: datetime) -> dict[str, Any]:
    """What waits, and a keyset page of what was settled."""
    found = ConfigurationChange.objects.select_related("asked_by", "settled_by")
    settled = found.exclude(state=ChangeState.OPEN)
    if before:
        settled = settled.filter(pk__lt=before)
    rows, more = one_page(settled, PAGE)
    may_configure = has(user, Permission.CONFIGURE)
    waiting = list(found.filter(state=ChangeState.OPEN))
    panels = _together(user, waiting, at)
    return {
        "waiting": [_row(user, change, panels.get(change.stream)) for change in waiting],
        "settled": [_row(user, change) for change in rows],
        "older": rows[-1].pk if more else None,
        "is_first": not before,
        "may_configure": may_configure,
        "only_one": ONLY_ONE if may_configure and not other_administrators(user) else "",
    }


def _together(
    user: User, changes: list[ConfigurationChange], at: datetime
) -> dict[str, dict[str, Any]]:
    if not changes:
        return {}
    asks = Ask.objects.open().filter(subject__in=[change.stream for change in changes])
    panels = together_for(user, asks.select_related("claimed_by"), at=at)
    return {panel["ask"].subject: panel for panel in panels.values()}


def _row(user: User, change: ConfigurationChange, together: dict[str, Any] | None = None) -> Row:
    return Row(
        change=change,
        why_not_confirm=sentence_of(check_may_confirm, user, change),
        is_mine=change.asked_by_id == user.pk,
        form=RefusalForm(auto_id=f"id_%s_{change.pk}"),
        together=together,
    )
