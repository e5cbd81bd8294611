"""What changed between two versions of an agent, by what it means."""

from collections.abc import Iterator

from agents.changes import Area, Change, Diff, Kind
from agents.contract import ParsedDefinition
from agents.diffing.capabilities import capability_changes
from agents.diffing.pairing import tokens
from agents.diffing.parts import part_changes
from agents.diffing.rules import rule_changes
from agents.diffing.text import text_changes
from agents.diffing.withdrawn import without_withdrawn
from governance.base.frontmatter import split_frontmatter

_ORDER = {area: at for at, area in enumerate(Area)}


def semantic_diff(old: ParsedDefinition, new: ParsedDefinition) -> Diff:
    """Every change with its sentence: the grave ones first, then in the order of the areas."""
    before, after = split_frontmatter(old.text), split_frontmatter(new.text)
    old, new = without_withdrawn(old), without_withdrawn(new)
    of_text = (*rule_changes(old, new), *part_changes(old, new))
    changes = (
        *capability_changes(old, new, before=before, after=after),
        *of_text,
        *_routing(old, new),
        *text_changes(old, new, before=before, after=after, told=bool(of_text)),
    )
    return Diff(tuple(sorted(changes, key=_place)))


def _place(change: Change) -> tuple[bool, int, int]:
    return not change.is_grave, -change.causes.rank if change.is_grave else 0, _ORDER[change.area]


def _routing(old: ParsedDefinition, new: ParsedDefinition) -> Iterator[Change]:
    """By name and description other agents and harnesses choose whom to call."""
    if old.name != new.name:
        sentence = f"The file names itself {new.name or 'nothing'}, before {old.name or 'nothing'}."
        yield Change(Kind.NAME_CHANGED, "name", sentence, old.name, new.name)
    was, now = old.description, new.description
    if tokens(was) != tokens(now):
        done = "added" if not was else "removed" if not now else "changed"
        sentence = f"The description, by which the agent is chosen, is {done}."
        yield Change(Kind.DESCRIPTION_CHANGED, "description", sentence, was, now)
    elif was != now:
        sentence = "The description is written differently in the same words."
        yield Change(Kind.DESCRIPTION_RESPELLED, "description", sentence, was, now)
