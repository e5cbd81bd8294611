"""What must never be of changes that loosen: one that waits and nobody is asked to confirm."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from governance.asking.watchdogs.checks import Suspect, register
from governance.asking.watchdogs.questions import not_asked
from governance.configuration.models import ChangeState, ConfigurationChange
from governance.configuration.services import ask_people

START = "configuration:"


def not_asked_about(at: datetime, limit: int) -> Iterable[Suspect]:
    waiting = ConfigurationChange.objects.filter(state=ChangeState.OPEN)
    for change in not_asked(waiting, START)[:limit]:
        yield Suspect(
            change.stream, "Nobody was asked to confirm this.", partial(_ask_again, change.pk)
        )


def _ask_again(change_id: int, at: datetime) -> bool:
    found = ConfigurationChange.objects.filter(pk=change_id, state=ChangeState.OPEN)
    change = found.select_for_update(skip_locked=True).first()
    if change is None or not not_asked(found, START).exists():
        return False
    ask_people(change, change.asked_by, at)
    return True


register("loosening that nobody is asked about", not_asked_about)
