"""What the agents ask during the week, and when: the same for every run with the same seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
WEEKEND = 5
# Storms: one question that many runs of one agent ask, and some of its siblings ask as well.
STORMS_ON_WORKDAYS, STORMS_ON_WEEKENDS = 3, 2
SMALLEST_STORM, LARGEST_STORM, STORM_LASTS = 6, 12, 40
BY_SIBLINGS = 0.25
IN_WORKING_HOURS = 0.75
# Of the questions; an act never comes with one that stops nothing.
STOPS_NOTHING, WITH_ACT, GRAVE_ACT, CLAIMS_MEDIUM = 0.30, 0.35, 0.20, 0.25
TOPICS = (
    ("How long may answers be kept", ("one minute", "an hour", "not at all")),
    ("Which library is to read dates", ("the standard one", "the one in use")),
    ("Where do uploads of users live", ("in the database", "on disk")),
    ("What happens when the partner does not answer", ("try again", "tell the user")),
    ("Which of the two models of a customer holds", ("the older", "the newer")),
    ("How strict is the check of addresses", ("refuse early", "repair")),
    ("May the old interface go", ("next month", "keep it", "with a warning")),
    ("Does the test describe the wish or the mistake", ("the wish", "the mistake")),
    ("Who reads the report", ("customers", "colleagues")),
    ("How many results stand on one page", ("twenty", "a hundred")),
)


@dataclass(frozen=True, slots=True)
class Question:
    at: datetime
    body: dict[str, Any] = field(hash=False)


def questions_of(
    slugs: Sequence[str], *, week: datetime, days: int, a_day: int, seed: int
) -> list[Question]:
    """``a_day`` questions on each day, in order of time."""
    chance = random.Random(seed)
    asked = [
        one for number in range(days) for one in _day(chance, slugs, week + number * DAY, a_day)
    ]
    return sorted(asked, key=lambda one: one.at)


def _day(
    chance: random.Random, slugs: Sequence[str], day: datetime, a_day: int
) -> Iterator[Question]:
    is_weekend = day.weekday() >= WEEKEND
    left = a_day
    for _ in range(STORMS_ON_WEEKENDS if is_weekend else STORMS_ON_WORKDAYS):
        size = min(chance.randint(SMALLEST_STORM, LARGEST_STORM), left // 2)
        yield from _storm(chance, slugs, day, size)
        left -= size
    for _ in range(left):
        agent = chance.choice(slugs)
        yield Question(_moment(chance, day, is_weekend), _run(chance, _words(chance, agent)))


def _storm(
    chance: random.Random, slugs: Sequence[str], day: datetime, size: int
) -> Iterator[Question]:
    agent = chance.choice(slugs)
    siblings = [one for one in slugs if one.split("-")[0] == agent.split("-")[0]]
    start = day + chance.uniform(7, 17) * HOUR
    words = _words(chance, agent)
    for _ in range(size):
        asks = chance.choice(siblings) if chance.random() < BY_SIBLINGS else agent
        at = start + chance.uniform(0, STORM_LASTS) * MINUTE
        yield Question(at, _run(chance, words | {"agent": asks}))


def _moment(chance: random.Random, day: datetime, is_weekend: bool) -> datetime:
    if is_weekend or chance.random() > IN_WORKING_HOURS:
        return day + chance.uniform(0, 24) * HOUR
    return day + chance.triangular(6, 21, 13) * HOUR


def _words(chance: random.Random, agent: str) -> dict[str, Any]:
    topic, labels = chance.choice(TOPICS)
    place = f"module {chance.randint(1, 9999)}"
    words: dict[str, Any] = {
        "agent": agent,
        "task": f"Change {place}",
        "problem": f"{topic}, in {place}?",
        "options": [{"key": f"way-{n}", "label": label} for n, label in enumerate(labels, start=1)],
        "blocking": chance.random() >= STOPS_NOTHING,
    }
    if words["blocking"] and chance.random() < WITH_ACT / (1 - STOPS_NOTHING):
        words["action"] = _act(chance, place)
    elif chance.random() < CLAIMS_MEDIUM:
        words["risk"] = "medium"
    return words


def _act(chance: random.Random, place: str) -> dict[str, Any]:
    target = "production" if chance.random() < GRAVE_ACT else "staging"
    return {"kind": "shell", "target": target, "arguments": {"argv": ["apply", place]}}


def _run(chance: random.Random, words: dict[str, Any]) -> dict[str, Any]:
    number = chance.randint(1, 10**9)
    return words | {"run": f"run-{number}", "project": f"project-{number % 12}"}
