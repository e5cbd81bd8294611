"""What a policy would do with a question asked now: who is told when, and how it is answered.

People, absences and quiet hours are those of this moment. Nothing is written, nobody is told.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from governance.asking.audiences import Audiences, names_of
from governance.asking.models import Ask, Authentication, PermitScope
from governance.asking.policies.describing import choosers
from governance.asking.policies.ladders import with_teams
from governance.asking.spans import span_text
from governance.people.absences import Absences
from governance.people.hours import local, quiet_until
from governance.people.models import Team, User
from governance.people.own_hours import windows_of

NOBODY_BY_SILENCE = (
    "Silence decides nothing: people are reminded for ever, and the agent gets no answer before "
    "somebody gives one."
)
MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class Moment:
    """One step: when it comes, whom it tells, how often again, and who is not reached then."""

    when: str
    sentence: str
    again: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """``moments`` in the order they come; ``answering`` says what an answer takes."""

    moments: list[Moment]
    answering: list[str]


def outlook(
    content: Mapping[str, Any],
    *,
    at: datetime,
    owner_id: int | None = None,
    excluded: Collection[int] = (),
) -> Outlook:
    """What happens from now on, if nobody answers; ``content`` is a policy as a version has it."""
    there = _People(content, at, owner_id, excluded)
    ladder, names = content["ladder"], names_of(content["ladder"])
    moments, reached, at_once = [], timedelta(0), False
    for index, (rung, who) in enumerate(zip(ladder, names, strict=True)):
        reached += timedelta(0) if at_once else timedelta(seconds=rung["delay_s"])
        moment, at_once = there.moment(index, who, reached)
        moments.append(moment)
    return Outlook(moments, answering(content))


class _People:
    """Who is there at the moments of one question."""

    def __init__(
        self,
        content: Mapping[str, Any],
        at: datetime,
        owner_id: int | None,
        excluded: Collection[int],
    ) -> None:
        self.content, self.at, self.excluded = content, at, frozenset(excluded)
        ladder = with_teams(content["ladder"], content["rules"]["teams"])
        self.ask = Ask(ladder=ladder, owner_id=owner_id)
        self.audiences = Audiences()
        named = [self.audiences.of_step(self.ask, step) for step in range(len(ladder))]
        asked = {user.pk: user for people in named for user in people}
        self.hours = windows_of(asked)

    def moment(self, index: int, who: str, reached: timedelta) -> tuple[Moment, bool]:
        """One step, with what keeps people from hearing of it; whether the next comes at once."""
        then, named = self.at + reached, self.audiences.of_step(self.ask, index)
        absences = Absences(then)
        told = absences.stand_ins(named, excluded=self.excluded)
        people = [one.user for one in told]
        notes = [
            *self._left_out(named),
            *(f"{one.user} is told for {one.on_behalf_of}, who is away." for one in told
              if one.on_behalf_of),
            *self._away(named, absences),
            *self._asleep(people, then),
        ]  # fmt: skip
        sleeps = self._all_sleep_past_the_next(index, people, then)
        if sleeps:
            notes.append("Nobody of this step is awake before the next one: that comes at once.")
        moment = Moment(
            when=_when(reached),
            sentence=self._sentence(index, who, people),
            again=_again(self.ask.ladder[index]),
            notes=tuple(notes),
        )
        return moment, sleeps or not people

    def _all_sleep_past_the_next(self, index: int, people: list[User], then: datetime) -> bool:
        """As the sweep has it: a step whose people all sleep for too long is climbed past."""
        is_quiet = self.content["in_digest"] and index == 0
        if self.content["wakes_people"] or is_quiet or index == len(self.ask.ladder) - 1:
            return False
        ends = [self._quiet_until(user, then) for user in people]
        awake = [end for end in ends if end is not None]
        left = timedelta(seconds=self.ask.ladder[index + 1]["delay_s"])
        return bool(ends) and len(awake) == len(ends) and min(awake) > then + left

    def _quiet_until(self, user: User, then: datetime) -> datetime | None:
        return quiet_until(self.hours[user.pk], user.time_zone, then)

    def _sentence(self, index: int, who: str, people: list[User]) -> str:
        named = who[:1].lower() + who[1:]
        if not people:
            last = index == len(self.ask.ladder) - 1
            rest = "those before are reminded" if last else "the next one comes at once"
            return f"Nobody is reached by this step ({named}): {rest}."
        how = ", in the daily digest" if self.content["in_digest"] and index == 0 else ""
        return f"{_names(people)} {'is' if len(people) == 1 else 'are'} told ({named}){how}."

    def _left_out(self, named: list[User]) -> Iterable[str]:
        out = [user for user in named if user.pk in self.excluded]
        return [f"{user} is not told: the question is too close to them." for user in out]

    def _away(self, named: list[User], absences: Absences) -> Iterable[str]:
        for user in named:
            absence = absences.of(user)
            if absence and absences.delegate_of(user, excluded=self.excluded) is None:
                until = local(absence.ends_at, user.time_zone)
                yield f"{user} is away until {until:%d %B, %H:%M}, and nobody stands in."

    def _asleep(self, people: list[User], then: datetime) -> Iterable[str]:
        for user in people:
            until = self._quiet_until(user, then)
            if until is None:
                continue
            clock = f"{local(until, user.time_zone):%d %B, %H:%M} in {user.time_zone}"
            if self.content["wakes_people"]:
                yield f"{user} has quiet hours until {clock}; this policy does not wait for that."
            else:
                yield f"{user} has quiet hours until {clock}; the mail waits for that."


def _when(reached: timedelta) -> str:
    seconds = int(reached.total_seconds())
    return f"After {span_text(seconds)}" if seconds else "At once"


def _again(rung: Mapping[str, Any]) -> str:
    again = f"Again after {span_text(rung['repeat_s'])}"
    if rung["cap_s"] <= rung["repeat_s"]:
        return f"{again}, and so on."
    return f"{again}, then with growing pauses of up to {span_text(rung['cap_s'])}."


def answering(content: Mapping[str, Any]) -> list[str]:
    """How many must agree, what they must prove, who may choose what, and what silence means."""
    rules = content["rules"]
    reason = ", and a reason" if rules["reason_required"] else ""
    return [
        *_votes(content["votes"], rules),
        f"What an answer takes: {_lower(Authentication(rules['authentication']).label)}{reason}.",
        *_who_chooses(rules),
        *_owner(rules),
        *_reach(rules),
        NOBODY_BY_SILENCE,
    ]


def _votes(votes: int, rules: Mapping[str, Any]) -> Iterable[str]:
    yield "One person decides." if votes == 1 else f"{votes} people must choose the same."
    teams = Team.objects.filter(pk__in=rules["teams"]).values_list("name", flat=True)
    if teams:
        yield f"One of them must come from each of these: {', '.join(f'team {t}' for t in teams)}."
    if votes > 1:
        yield (
            "One rejection ends it."
            if rules["one_rejection_ends"]
            else "A rejection takes as many votes as an approval."
        )


def _who_chooses(rules: Mapping[str, Any]) -> Iterable[str]:
    kept = rules["authorities"]
    wanted = {who["team"] for who in kept.values() if who["team"]}
    teams = dict(Team.objects.filter(pk__in=wanted).values_list("pk", "name")) if wanted else {}
    return [f"Kept for some: the option {line}." for line in choosers(kept, teams)]


def _owner(rules: Mapping[str, Any]) -> Iterable[str]:
    if rules["owner_may_answer"]:
        yield "The agent’s owner may answer alone where the risk is low and no act is asked for."


def _reach(rules: Mapping[str, Any]) -> Iterable[str]:
    if scopes := [PermitScope(scope).label.lower() for scope in rules["permit_scopes"]]:
        yield f"A permit may also reach further: {'; '.join(scopes)}."
    if rules["standing_risks"] and rules["standing_uses"] and rules["standing_days"]:
        yield (
            f"A standing decision may answer questions of {' or '.join(rules['standing_risks'])} "
            f"risk, {rules['standing_uses']} times and for {rules['standing_days']} days at most, "
            "in the name of who made it."
        )


def _lower(label: str) -> str:
    return label[:1].lower() + label[1:]


def _names(people: list[User]) -> str:
    shown = [str(user) for user in people[:MOST_NAMES]]
    if more := len(people) - len(shown):
        shown.append(f"{more} more")
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
