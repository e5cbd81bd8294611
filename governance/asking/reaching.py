"""Who can be told at this moment, when each of them wakes, and why the others cannot.

Everything is looked up once for a batch of questions. Reasons are for the history: they name
people by id, as all of it does.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from allauth.account.models import EmailAddress
from django.db.models.functions import Lower

from governance.asking import bounces
from governance.asking.audiences import Audiences, nobody_named
from governance.asking.channels import subscriptions
from governance.asking.models import Ask, Preference, PushSubscription, Snooze
from governance.asking.permissions import NEEDED
from governance.people.absences import Absences, Told
from governance.people.hours import quiet_until
from governance.people.models import QuietHours, Role, User
from governance.people.permissions import has

MOST_REASONS = 5


@dataclass(frozen=True, slots=True)
class Reached:
    """Those of some steps who can be told, and why each of the others cannot."""

    told: list[Told]
    missed: list[str] = field(default_factory=list)

    @property
    def because(self) -> str:
        """Why nobody was reached, in one sentence."""
        more = len(self.missed) - MOST_REASONS
        also = [f"{more} more"] if more > 0 else []
        return "; ".join([*self.missed[:MOST_REASONS], *also])


class Reach:
    """What a batch of the sweep knows about people."""

    def __init__(self, asks: Iterable[Ask], *, at: datetime) -> None:
        self.at = at
        self.absences = Absences(at)
        self._audiences = Audiences()
        snoozes = Snooze.objects.running(at=at).filter(ask__in=list(asks))
        self._snoozed = set(snoozes.values_list("ask_id", "user_id"))
        self._refused = set(bounces.in_force().values_list("user_id", flat=True))
        self._unproven = _unproven()
        browsers = PushSubscription.objects.filter(gone_at=None)
        # Without a key no notice reaches any of them.
        shown = browsers if subscriptions.is_on() else browsers.none()
        self._browsers = set(shown.values_list("user_id", flat=True))
        self._hours: dict[int, list[QuietHours]] = defaultdict(list)
        for window in QuietHours.objects.filter(user__is_active=True):
            self._hours[window.user_id].append(window)
        self._wakes: dict[int, datetime | None] = {}

    def of_step(self, ask: Ask, step: int) -> Reached:
        """Who of one step can be told, whoever is away replaced by a delegate."""
        named = self._audiences.of_step(ask, step)
        if not named:
            return Reached([], [nobody_named(ask.ladder[step])])
        stand_ins = self.absences.stand_ins(named, excluded=ask.excluded)
        told = [one for one in stand_ins if not self._why_not(one.user)]
        if told:
            return Reached(told)
        return Reached([], [self._missed(ask, user) for user in named])

    def up_to_step(self, ask: Ask, step: int, *, first: int = 0) -> Reached:
        """The same for several steps, each person once."""
        told: dict[int, Told] = {}
        for index in range(first, step + 1):
            for one in self.of_step(ask, index).told:
                if one.user.pk not in told or one.on_behalf_of is None:
                    told[one.user.pk] = one
        return Reached([told[key] for key in sorted(told)])

    def with_claim(self, ask: Ask, reached: Reached) -> Reached:
        """The same, and whoever has it in hand: they may be on no step."""
        holder = ask.claimed_by if ask.claimed_by_id else None
        if holder is None or not has(holder, NEEDED[ask.kind]):
            return reached
        known = {one.user.pk for one in reached.told}
        stand_ins = self.absences.stand_ins([holder], excluded=ask.excluded)
        more = [
            one for one in stand_ins if one.user.pk not in known and not self._why_not(one.user)
        ]
        return Reached([*reached.told, *more], reached.missed)

    def administrators(self, ask: Ask) -> list[Told]:
        """Whom to tell where a ladder reaches nobody: they can name others, or call somebody.

        Those who are there; where all are away, all the same.
        """
        people = User.objects.with_role(Role.ADMINISTRATOR).exclude(pk__in=ask.excluded)
        able = [user for user in people if not self._why_not(user)]
        there = [user for user in able if self.absences.of(user) is None]
        return [Told(user) for user in there or able]

    def has_mail(self, user: User) -> bool:
        """Whether mail to this person is expected to arrive."""
        return user.pk not in self._refused and user.pk not in self._unproven

    def has_digest(self, ask: Ask, user: User) -> bool:
        """Whether this person reads of it in a digest: as approver, or at an hour they chose."""
        gets_one = Role.APPROVER in user.roles or user.pk in self._digest_readers
        return gets_one and has(user, NEEDED[ask.kind])

    @cached_property
    def _digest_readers(self) -> set[int]:
        chosen = Preference.objects.filter(digest_at__isnull=False)
        return set(chosen.values_list("user_id", flat=True))

    def is_snoozed(self, ask: Ask, user: User) -> bool:
        """Whether this person asked not to be reminded of it for now."""
        return (ask.pk, user.pk) in self._snoozed

    def wakes_at(self, ask: Ask, user: User) -> datetime | None:
        """When the person's quiet hours end; None where they may be told now."""
        if ask.wakes_people:
            return None
        if user.pk not in self._wakes:
            windows = self._hours.get(user.pk, ())
            self._wakes[user.pk] = quiet_until(windows, user.time_zone, self.at)
        return self._wakes[user.pk]

    def all_asleep_until(self, ask: Ask, told: Iterable[Told]) -> datetime | None:
        """When the first of them wakes; None where somebody is awake."""
        wakes = [self.wakes_at(ask, one.user) for one in told]
        asleep = [moment for moment in wakes if moment is not None]
        return min(asleep) if asleep and len(asleep) == len(wakes) else None

    def _why_not(self, user: User) -> str:
        if self.has_mail(user) or user.pk in self._browsers:
            return ""
        if user.pk in self._refused:
            return f"the address of user:{user.pk} was refused"
        return f"user:{user.pk} has not confirmed the address"

    def _missed(self, ask: Ask, user: User) -> str:
        if user.pk in ask.excluded:
            return f"user:{user.pk} may not answer this"
        absence = self.absences.of(user)
        if absence is None:
            return self._why_not(user)
        away = f"user:{user.pk} is away until {moment_in_words(absence.ends_at)}"
        delegate = self.absences.delegate_of(user, excluded=ask.excluded)
        if delegate is not None:
            return f"{away}, and {self._why_not(delegate)}"
        if absence.delegate_id:
            return f"{away}, and user:{absence.delegate_id} cannot stand in"
        return f"{away} without a delegate"


def moment_in_words(at: datetime) -> str:
    """``5 March 2026, 09:00 UTC``."""
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _unproven() -> set[int]:
    """People whose address waits for its confirmation."""
    waiting = EmailAddress.objects.filter(verified=False).annotate(now=Lower("user__email"))
    return {
        user for user, address, now in waiting.values_list("user_id", "email", "now")
        if address.lower() == now
    }  # fmt: skip
