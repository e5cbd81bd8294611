"""Who there is: five approvers in three time zones, owners, families of agents, one runner."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from agents import services
from agents.models import Agent
from agents.releasing.services import release
from agents.reviewing.services import submit_version
from agents.reviewing.services import vote as vote_on
from governance.constitution import services as law
from governance.constitution.standing import unacknowledged
from governance.people.away import enter_absence
from governance.people.hours import local, moment_of
from governance.people.models import Role, Runner, User
from governance.people.own_hours import add_quiet_hours
from governance.people.services import create_runner

MONDAY_TO_FRIDAY, TUESDAY_TO_SATURDAY, SUNDAY_TO_THURSDAY = range(5), range(1, 6), (6, 0, 1, 2, 3)
WAKES, RESTS = time(8), time(19)
DAY = timedelta(days=1)
METHOD = "session"
FAMILIES = ("backend", "frontend", "data", "platform", "security", "quality", "mobile", "docs")
JOBS = ("builder", "reviewer", "tester", "migrator", "planner")
LAW = b"""# Constitution
### I. Security by Design
Unsafe input never reaches a query.
### II. Human Decision
What is hard to undo is decided by people.
"""
DEFINITION = """---
name: {slug}
type: specialist
description: Works on {family} as its {job} and asks where the task leaves something open.
tools: Read, Grep, Glob
escalation: when_open
---

# {title}

## Core Responsibilities
- The {job} of the family {family}

### Domain-Specific Escalation Triggers
- **Disclosure of a weakness**: Tell customers now vs repair first

### NO FALLBACKS RULE
- **NEVER** settle how people sign in without approval
"""


@dataclass(frozen=True, slots=True)
class Person:
    """An approver, and when they work on their own clock."""

    name: str
    zone: str
    days: tuple[int, ...]
    starts: time
    ends: time
    # Away from the start of one day of the week to the start of another.
    away: tuple[int, int] | None = None

    @property
    def email(self) -> str:
        return f"{self.name.lower()}@example.org"

    def is_at_work(self, at: datetime, *, week: datetime) -> bool:
        if self.away and self.is_away(at, week=week):
            return False
        there = local(at, self.zone)
        return there.weekday() in self.days and self.starts <= there.time() < self.ends

    def is_away(self, at: datetime, *, week: datetime) -> bool:
        if self.away is None:
            return False
        first, last = (_midnight(self, week, day) for day in self.away)
        return first <= at < last

    def mornings(self, week: datetime, days: int) -> Iterator[datetime]:
        """When each working day of a stretch begins."""
        for number in range(-1, days + 1):
            morning = moment_of((week + number * DAY).date(), self.starts, self.zone)
            if week <= morning < week + days * DAY and self.is_at_work(morning, week=week):
                yield morning


APPROVERS = (
    Person("Anna", "Europe/Berlin", tuple(MONDAY_TO_FRIDAY), time(9), time(17)),
    Person("Ben", "Europe/Berlin", tuple(TUESDAY_TO_SATURDAY), time(9), time(17)),
    Person("Carla", "America/New_York", tuple(MONDAY_TO_FRIDAY), time(9), time(17), away=(2, 4)),
    Person("Dev", "Asia/Kolkata", SUNDAY_TO_THURSDAY, time(9), time(17)),
    Person("Emil", "America/New_York", tuple(MONDAY_TO_FRIDAY), time(9), time(17)),
)
STANDS_IN = "Emil"


def build(*, agents: int, week: datetime) -> None:
    """The portal as it stands on the eve of the week: all agents released, quiet hours set."""
    eve = week - DAY
    people = {one.name: _approver(one, eve) for one in APPROVERS}
    admin = _user("Adam", "Europe/Berlin", Role.ADMINISTRATOR)
    _rest(admin, range(5), eve)
    for one in APPROVERS:
        if one.away:
            first, last = (_midnight(one, week, day) for day in one.away)
            enter_absence(
                person_id=people[one.name].pk,
                starts_at=first,
                ends_at=last,
                delegate_id=people[STANDS_IN].pk,
                by=people[one.name],
                at=eve,
            )
    owners = [_user(name, "Europe/Berlin", Role.OWNER) for name in ("Olga", "Omar", "Ola", "Otto")]
    _ratify(owners[0], people["Anna"], eve)
    for number in range(agents):
        family = FAMILIES[number // len(JOBS) % len(FAMILIES)]
        _agent(family, number, owners[number % len(owners)], people["Ben"], eve)
    Agent.objects.update(tier="low")
    create_runner(name="Runner", slug="runner", owner=admin, agents=["*"], by=admin, at=eve)


def _midnight(person: Person, week: datetime, day: int) -> datetime:
    return moment_of((week + day * DAY).date(), time(0), person.zone)


def _user(name: str, zone: str, role: Role) -> User:
    email = f"{name.lower()}@example.org"
    return User.objects.create_user(email, name=name, roles=[role], time_zone=zone)


def _approver(person: Person, at: datetime) -> User:
    user = _user(person.name, person.zone, Role.APPROVER)
    _rest(user, person.days, at)
    return user


def _rest(user: User, days: range | tuple[int, ...], at: datetime) -> None:
    """Nothing in the evening, at night and on days off."""
    add_quiet_hours(by=user, weekdays=range(7), starts=RESTS, ends=WAKES, at=at)
    off = set(range(7)) - set(days)
    add_quiet_hours(by=user, weekdays=off, starts=WAKES, ends=RESTS, at=at)


def _ratify(owner: User, approver: User, at: datetime) -> None:
    version = law.import_constitution(raw=LAW, by=owner, at=at)
    law.submit_version(version_id=version.pk, by=owner, at=at)
    for key in unacknowledged(version):
        law.acknowledge(version_id=version.pk, finding_key=key, by=approver, at=at)
    law.vote(
        version_id=version.pk,
        by=approver,
        verdict="approve",
        comment="",
        seen_sha256=version.sha256,
        method=METHOD,
        at=at,
    )


def _agent(family: str, number: int, owner: User, approver: User, at: datetime) -> None:
    job = JOBS[number % len(JOBS)]
    round_ = number // (len(JOBS) * len(FAMILIES))
    slug = f"{family}-{job}" + (f"-{round_ + 1}" if round_ else "")
    text = DEFINITION.format(
        slug=slug, family=family, job=job, title=slug.replace("-", " ").title()
    )
    version, _ = services.import_definition(
        raw=text.encode(), filename=f"{slug}.md", family=family, by=owner, at=at
    )
    submit_version(version_id=version.pk, by=owner, at=at)
    vote_on(
        version_id=version.pk,
        by=approver,
        verdict="approve",
        comment="",
        seen_sha256=version.sha256,
        method=METHOD,
        at=at,
    )
    release(version_id=version.pk, environment="production", by=owner, at=at)


def runner() -> Runner:
    return Runner.objects.select_related("owner").get(slug="runner")
