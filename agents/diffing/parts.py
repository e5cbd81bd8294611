"""Changes of the other parts: escalation, triggers, principles, edges, standards, steps, duties."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from agents.changes import Change, Kind
from agents.contract import (
    ParsedDefinition,
    QualityStandard,
    Trigger,
    TriggerKind,
    WorkflowStep,
)
from agents.diffing.bars import loosened, tightened
from agents.diffing.pairing import pair, tokens
from agents.diffing.withdrawn import standing_text

_PLAINLY_OPTIONAL = frozenset({"", "optional", "false", "no", "none"})


@dataclass(frozen=True, slots=True)
class _Sort:
    """One sort of part: how it is called, how it reads, and the kinds of its changes.

    ``likened`` is the text by which one is found again; without it that is the whole of it.
    """

    noun: str
    text: Callable[[Any], str]
    lost: Kind
    changed: Kind
    added: Kind
    likened: Callable[[Any], str] | None = None


_STEPS = _Sort(
    "step of how to escalate",
    lambda step: str(step.text),
    Kind.STEP_LOST,
    Kind.STEP_CHANGED,
    Kind.STEP_ADDED,
)
_PAYLOAD = _Sort(
    "field of the escalation",
    lambda field: f"{field.name}: {field.hint}",
    Kind.PAYLOAD_LOST,
    Kind.PAYLOAD_CHANGED,
    Kind.PAYLOAD_ADDED,
)


def _titled(part: Any) -> str:
    """The bold lead and what follows, said once where both are the same."""
    if not part.title or part.title == part.text:
        return str(part.text)
    return f"{part.title}: {part.text}" if part.text else str(part.title)


_TRIGGERS = _Sort("trigger", _titled, Kind.TRIGGER_LOST, Kind.TRIGGER_CHANGED, Kind.TRIGGER_ADDED)
_PRINCIPLES = _Sort(
    "claimed principle",
    lambda claim: f"{claim.name}: {claim.meaning}" if claim.meaning else str(claim.name),
    Kind.PRINCIPLE_LOST,
    Kind.PRINCIPLE_CHANGED,
    Kind.PRINCIPLE_ADDED,
    likened=lambda claim: str(claim.name),
)
_EDGES = _Sort(
    "edge to a peer",
    lambda edge: f"with {edge.peer}: {edge.text}",
    Kind.EDGE_LOST,
    Kind.EDGE_CHANGED,
    Kind.EDGE_ADDED,
    likened=lambda edge: str(edge.peer),
)
_WORK = _Sort("step of the workflow", _titled, Kind.WORK_LOST, Kind.WORK_REWORDED, Kind.WORK_ADDED)
_DUTIES = _Sort("responsibility", _titled, Kind.DUTY_LOST, Kind.DUTY_REWORDED, Kind.DUTY_ADDED)
_STANDARDS = _Sort(
    "standard",
    lambda bar: str(bar.text),
    Kind.STANDARD_LOST,
    Kind.STANDARD_REWORDED,
    Kind.STANDARD_ADDED,
)


def part_changes(old: ParsedDefinition, new: ParsedDefinition) -> Iterator[Change]:
    return chain(
        _escalation(old, new),
        _compliance(old, new),
        _of(_STEPS, old.escalation_steps, new.escalation_steps),
        _of(_PAYLOAD, old.payload_fields, new.payload_fields),
        _of(_TRIGGERS, _not_moved_up(old, new), new.triggers),
        _of(_PRINCIPLES, old.principles, new.principles),
        _of(_EDGES, old.coordination, new.coordination),
        _standards(old.quality, new.quality),
        _workflow(old.workflow, new.workflow),
        _of(_DUTIES, old.responsibilities, new.responsibilities),
    )


def lines_of(parsed: ParsedDefinition) -> set[int]:
    """The lines that these changes and those of the rules tell of."""
    parts = (
        parsed.rules,
        parsed.escalation_steps,
        parsed.payload_fields,
        parsed.triggers,
        parsed.principles,
        parsed.coordination,
        parsed.quality,
        parsed.workflow,
        parsed.responsibilities,
    )
    return {item.line for part in parts for item in part}


def _of(sort: _Sort, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    pairs, lost, added = pair(old, new, sort.likened or sort.text)
    for item in lost:
        before = sort.text(item)
        yield Change(sort.lost, item.key, f"The {sort.noun} “{before}” is lost.", before=before)
    for was, now in pairs:
        before, after = sort.text(was), sort.text(now)
        if tokens(before) != tokens(after):
            sentence = f"The {sort.noun} “{before}” is changed to “{after}”."
            yield Change(sort.changed, now.key, sentence, before, after)
    for item in added:
        after = sort.text(item)
        yield Change(sort.added, item.key, f"New {sort.noun}: “{after}”.", after=after)


def _not_moved_up(old: ParsedDefinition, new: ParsedDefinition) -> list[Trigger]:
    """The triggers, without a closing sentence that still stands, but ends the text no more."""
    text = " ".join(standing_text(new.text).split())
    kept = {trigger.key for trigger in new.triggers}
    return [
        trigger
        for trigger in old.triggers
        if trigger.kind is not TriggerKind.CLOSING
        or trigger.key in kept
        or trigger.text not in text
    ]


def _escalation(old: ParsedDefinition, new: ParsedDefinition) -> Iterator[Change]:
    if old.has_escalation_section and not new.has_escalation_section:
        sentence = "The section about escalation is lost: the text never says when to ask."
        yield Change(Kind.ESCALATION_LOST, "escalation-section", sentence)
    elif new.has_escalation_section and not old.has_escalation_section:
        sentence = "The text now says when the agent must ask a human."
        yield Change(Kind.ESCALATION_ADDED, "escalation-section", sentence)
    if old.escalation == new.escalation:
        return
    loses = _demands(old.escalation)
    kind = Kind.ESCALATION_LOST if loses else Kind.ESCALATION_ADDED
    was, now = old.escalation or "not named", new.escalation or "not named"
    sentence = f"Escalation was {was}, and is {now} now."
    yield Change(kind, "escalation", sentence, old.escalation, new.escalation)


def _compliance(old: ParsedDefinition, new: ParsedDefinition) -> Iterator[Change]:
    was, now = old.constitutional_compliance, new.constitutional_compliance
    if _demands(was) and not _demands(now):
        sentence = f"Compliance with the constitution was {was}, and is {now or 'not named'} now."
        yield Change(Kind.COMPLIANCE_LOST, "constitutional-compliance", sentence, was, now)
    elif was != now:
        sentence = f"Compliance with the constitution is {now or 'not named'} now."
        yield Change(Kind.SETTING_CHANGED, "constitutional-compliance", sentence, was, now)


def _demands(said: str) -> bool:
    return said.strip().lower() not in _PLAINLY_OPTIONAL


def _standards(old: Sequence[QualityStandard], new: Sequence[QualityStandard]) -> Iterator[Change]:
    for change in _of(_STANDARDS, old, new):
        if change.kind is not Kind.STANDARD_REWORDED:
            yield change
    pairs, _, _ = pair(old, new, _STANDARDS.text)
    for before, after in pairs:
        if tokens(before.text) != tokens(after.text):
            yield _moved_bar(before, after)


def _moved_bar(before: QualityStandard, after: QualityStandard) -> Change:
    was = (before.comparator, before.value, before.unit)
    now = (after.comparator, after.value, after.unit)
    kind, how = Kind.STANDARD_REWORDED, "worded differently"
    if loosened(was, now) or (before.value is not None and after.value is None):
        kind, how = Kind.STANDARD_LOOSENED, "loosened"
    elif tightened(was, now) or was != now:
        kind, how = Kind.STANDARD_TIGHTENED, "tightened"
        if not tightened(was, now):
            how = "given another number"
    sentence = f"The standard “{before.text}” is {how}: “{after.text}”."
    return Change(kind, after.key, sentence, before.text, after.text)


def _workflow(old: Sequence[WorkflowStep], new: Sequence[WorkflowStep]) -> Iterator[Change]:
    yield from _of(_WORK, old, new)
    pairs, _, _ = pair(old, new, _WORK.text)
    place = {id(step): at for at, step in enumerate(new)}
    was_at = {id(step): at for at, step in enumerate(old)}
    in_order = sorted(pairs, key=lambda both: was_at[id(both[0])])
    places = [place[id(now)] for _, now in in_order]
    if places != sorted(places):
        order = " → ".join(step.title or step.text for step in new)
        sentence = "The steps of the workflow come in another order."
        before = " → ".join(step.title or step.text for step in old)
        yield Change(Kind.WORK_REORDERED, "workflow-order", sentence, before, order)
