"""What a person's own page shows, and the page of who is away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.forms import Form

from governance.asking.digest import USUAL
from governance.asking.me.forms import DigestForm
from governance.asking.me.interruptions import last_days
from governance.asking.models import Ask, Preference, Watcher
from governance.people.absences import Absences
from governance.people.away import absences_of, running_or_to_come, state_of, warnings_about
from governance.people.forms import (
    AbsenceForm,
    AbsenceOfSomebodyForm,
    QuietHoursForm,
    TimeZoneForm,
)
from governance.people.models import Delegation, QuietHours, Runner, User
from governance.people.own_hours import hours_words, window_words
from governance.people.own_time import moment_words, zone_of
from governance.people.permissions import Permission, has

MOST_WATCHED = 50
PAST = 10
TONES = {
    "current": "waiting",
    "upcoming": "info",
    "past": "neutral",
    "ended": "neutral",
    "cancelled": "neutral",
}
LABELS = {
    "current": "Away now",
    "upcoming": "To come",
    "past": "Over",
    "ended": "Ended early",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True, slots=True)
class AbsenceRow:
    """An absence in words, on one clock."""

    absence: Delegation
    state: str
    span: str
    warnings: list[str]
    by_somebody_else: bool
    may_end: bool
    shows_reason: bool

    @property
    def tone(self) -> str:
        return TONES[self.state]

    @property
    def label(self) -> str:
        return LABELS[self.state]


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window of quiet hours, in words."""

    window: QuietHours
    words: str


def me_page(user: User, *, at: datetime, **forms: Form) -> dict[str, Any]:
    """The whole context of ``people/me.html``; forms that were refused stand in for fresh ones."""
    windows = list(user.quiet_hours.all())
    absences = list(absences_of(user)[: 2 * PAST])
    current = next((one for one in absences if state_of(one, at=at) == "current"), None)
    kept = Preference.objects.filter(user=user).first()
    days = last_days(user, at=at)
    return {
        "hours": hours_words(user, windows, at=at, away_until=current.ends_at if current else None),
        "windows": [WindowRow(window, window_words(window)) for window in windows],
        "absences": rows_of(absences, reader=user, at=at),
        "away_now": current is not None,
        "stands_in_for": Absences(at).delegators_of(user),
        "zone": user.time_zone,
        "days": days,
        "most": max((one.count for one in days), default=0) or 1,
        "told": sum(one.count for one in days),
        "watched": watched_by(user),
        "runners": Runner.objects.filter(owner=user),
        "may_manage_runners": has(user, Permission.MANAGE_RUNNERS),
        "zone_form": TimeZoneForm(initial={"time_zone": user.time_zone}),
        "quiet_form": QuietHoursForm(auto_id="quiet_%s"),
        "away_form": AbsenceForm(person=user, auto_id="away_%s"),
        "usual": USUAL,
        "digest_form": DigestForm(initial={"digest_at": kept.digest_at if kept else None}),
        **forms,
    }


def rows_of(absences: Sequence[Delegation], *, reader: User, at: datetime) -> list[AbsenceRow]:
    """Absences for one reader, on the reader's clock."""
    live = [one for one in absences if state_of(one, at=at) in ("current", "upcoming")]
    warnings = warnings_about(live, reader=reader, at=at)
    return [_row(one, reader, at, warnings.get(one.pk, [])) for one in absences]


def _row(absence: Delegation, reader: User, at: datetime, warnings: list[str]) -> AbsenceRow:
    zone, state = zone_of(reader), state_of(absence, at=at)
    end = min(absence.ended_at, absence.ends_at) if absence.ended_at else absence.ends_at
    begins, ends = (moment_words(one, zone, at=at) for one in (absence.starts_at, end))
    theirs = absence.person_id == reader.pk or has(reader, Permission.CONFIGURE)
    return AbsenceRow(
        absence=absence,
        state=state,
        span=f"from {begins}" if state == "cancelled" else f"{begins} to {ends}",
        warnings=warnings,
        by_somebody_else=absence.made_by_id != absence.person_id,
        may_end=theirs and state in ("current", "upcoming"),
        shows_reason=theirs,
    )


def watched_by(user: User) -> list[Ask]:
    """The newest question about each subject that this person watches."""
    subjects = (
        Watcher.objects.filter(user=user).order_by("-since").values_list("subject", flat=True)
    )
    found = Ask.objects.filter(subject__in=list(subjects[:MOST_WATCHED]))
    return list(found.order_by("subject", "-pk").distinct("subject"))


def absences_page(user: User, *, at: datetime, form: Form | None = None) -> dict[str, Any]:
    """Who is away now or will be; administrators enter and end absences here."""
    may_enter = has(user, Permission.CONFIGURE)
    return {
        "rows": rows_of(list(running_or_to_come(at=at)), reader=user, at=at),
        "zone": user.time_zone,
        "form": (form or AbsenceOfSomebodyForm()) if may_enter else None,
    }
