"""A question in plain sentences: which policy and why, who was told when and why, what comes next.

Read from the question's own copy and from the history, not from what a policy says today.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from governance.asking.audiences import names_of
from governance.asking.ladder import Ladder
from governance.asking.models import Ask
from governance.asking.policies.matching import why
from governance.asking.reaching import moment_in_words
from governance.audit.models import AuditEvent
from governance.history.services import names_of as names_of_actors
from governance.people.hours import local
from governance.people.models import Team
from governance.people.own_time import UTC_NAME

TOLD = (
    *("ask.step", "ask.reminded", "ask.step_reached_nobody", "ask.step_asleep", "notice.held"),
    *("ask.nudged", "ask.handed_over"),
)
MOMENT = "%d %B %Y, %H:%M"
_MOMENT = re.compile(r"\b(\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d) UTC\b")
_PERSON = re.compile(r"\buser:\d+")
LATEST = 200
MOST_NAMES = 6


@dataclass(frozen=True, slots=True)
class _Event:
    kind: str
    actor: str
    at: datetime
    data: Mapping[str, Any]


def explanation(ask: Ask, *, at: datetime, zone: str = UTC_NAME) -> list[str]:
    """One sentence each, in the order in which things happened and will, on the reader's clock."""
    ladder = [who[:1].lower() + who[1:] for who in names_of(ask.ladder)]
    sentences = [policy_sentence(ask), *_told(ask, ladder), *_next(ask, ladder, at)]
    return [on_clock(sentence, zone) for sentence in sentences]


def on_clock(sentence: str, zone: str) -> str:
    """The moments of a sentence, which the history keeps in UTC, on the clock of a zone."""
    return _MOMENT.sub(lambda found: _there(found[1], zone), sentence)


def _there(moment: str, zone: str) -> str:
    there = local(datetime.strptime(moment, MOMENT).replace(tzinfo=UTC), zone)
    return f"{there.day} {there:%B %Y, %H:%M %Z}"


def policy_sentence(ask: Ask) -> str:
    """Which policy, in which version, and what of the question made it fit."""
    version = ask.policy_version
    named = f"{ask.policy_name}, version {version.number}" if version else ask.policy_name
    content = version.content if version else {}
    if not ask.facts:
        return f"This question keeps the policy {named}."
    if content.get("is_default") or not content:
        return f"It falls under the policy {named}, which holds where no other fits."
    teams = dict(
        Team.objects.filter(pk__in=content["conditions"]["owner_teams"]).values_list("pk", "name")
    )
    because = why(content["conditions"], ask.facts, teams)
    return f"It falls under the policy {named}, because {because}."


def _told(ask: Ask, ladder: list[str]) -> Iterator[str]:
    """Each step that was reached, and the reminders after it in one sentence."""
    events = _events(ask)
    people = {actor for event in events for actor in _actors(event.data)}
    names = names_of_actors(people | {event.actor for event in events})
    reminders: list[_Event] = []
    for event in events:
        if event.kind == "ask.reminded":
            reminders.append(event)
            continue
        yield from _reminded(reminders, names)
        reminders = []
        yield _sentence(event, ladder, names)
    yield from _reminded(reminders, names)


def _events(ask: Ask) -> list[_Event]:
    found = AuditEvent.objects.filter(stream=ask.subject, kind__in=TOLD).order_by("-number")
    events = [
        _Event(event.kind, event.actor, event.at, json.loads(bytes(event.body))["data"])
        for event in found[:LATEST]
    ]
    return [event for event in reversed(events) if event.data.get("ask") == ask.pk]


def _actors(data: Mapping[str, Any]) -> Iterator[str]:
    for name in ("told", "snoozed", "in_digest"):
        yield from data.get(name, ())
    for one, other in data.get("on_behalf_of", {}).items():
        yield from (one, other)
    yield from _PERSON.findall(data.get("because", ""))
    yield from (data[name] for name in ("recipient", "to") if name in data)


def _with_names(because: str, names: Mapping[str, str]) -> str:
    """The history names people by id; a page names them."""
    return _PERSON.sub(lambda found: names.get(found[0], found[0]), because)


def _sentence(event: _Event, ladder: list[str], names: Mapping[str, str]) -> str:
    data, when = event.data, moment_in_words(event.at)
    if event.kind == "notice.held":
        until = moment_in_words(datetime.fromisoformat(data["until"]))
        why_held = data.get("because", "quiet hours")
        return f"The mail to {_named([data['recipient']], names)} waits until {until}: {why_held}."
    if event.kind == "ask.handed_over":
        return (
            f"{when}: {_by(event, names)} handed it to {_named([data['to']], names)}, who was told."
        )
    who = _audience(data["step"], ladder)
    if event.kind == "ask.nudged":
        people = f"{_named(data['told'], names)} {_was(data['told'])} told once more"
        return f"{when}: {people}, because {_by(event, names)} asked for it."
    if event.kind == "ask.step_reached_nobody":
        because = _with_names(data.get("because") or "nobody there may answer", names)
        return f"{when}: step {data['step']} ({who}) reached nobody, because {because}."
    if event.kind == "ask.step_asleep":
        return f"{when}: step {data['step']} ({who}) was passed: {data['because']}."
    return f"{when}: {_reached(data, names)}, because step {data['step']} names {who}."


def _by(event: _Event, names: Mapping[str, str]) -> str:
    return _named([event.actor], names)


def _reached(data: Mapping[str, Any], names: Mapping[str, str]) -> str:
    told, waiting = data.get("told", ()), data.get("in_digest", ())
    said = f"{_named(told, names)} {_was(told)} told" if told else ""
    if waiting:
        said = f"{_named(waiting, names)} {_was(waiting)} put off to the daily digest"
    stand_ins = [
        f"{_named([one], names)} for {_named([other], names)}"
        for one, other in sorted(data.get("on_behalf_of", {}).items())
    ]
    return (said or "nobody was told") + (f" ({', '.join(stand_ins)})" if stand_ins else "")


def _reminded(reminders: list[_Event], names: Mapping[str, str]) -> Iterator[str]:
    if not reminders:
        return
    last, count = reminders[-1], len(reminders)
    people = _named(last.data.get("told", ()), names) or "nobody"
    when = moment_in_words(last.at)
    if count == 1:
        yield f"{when}: {people} {_was(last.data.get('told', ()))} reminded, as nobody had decided."
    else:
        yield f"{count} reminders followed, as nobody had decided, the last {when} to {people}."


def _next(ask: Ask, ladder: list[str], at: datetime) -> Iterator[str]:
    if ask.closed_at is not None:
        yield (
            f"The question was closed {moment_in_words(ask.closed_at)} ({ask.closed_because}): "
            "nobody is told any more."
        )
        return
    if ask.next_action_at is None:
        return
    when = moment_in_words(max(ask.next_action_at, at))
    move = Ladder.of(ask.ladder).next_move(
        step=ask.step, repeats=ask.repeats, at=ask.next_action_at
    )
    who = _audience(move.step + 1, ladder)
    if move.step > ask.step:
        yield f"Next, {when}: step {move.step + 1} tells {who}, if nobody has decided by then."
    else:
        yield f"Next, {when}: everybody asked so far is reminded, if nobody has decided by then."
    yield "Silence decides nothing: the reminders go on until somebody answers."


def _audience(step: int, ladder: list[str]) -> str:
    return ladder[step - 1] if 0 < step <= len(ladder) else "nobody any more"


def _named(actors: Any, names: Mapping[str, str]) -> str:
    people = [names.get(actor, "somebody without an account") for actor in actors]
    if len(people) > MOST_NAMES:
        people = [*people[:MOST_NAMES], f"{len(people) - MOST_NAMES} more"]
    return f"{', '.join(people[:-1])} and {people[-1]}" if len(people) > 1 else "".join(people)


def _was(people: Any) -> str:
    return "was" if len(people) == 1 else "were"
