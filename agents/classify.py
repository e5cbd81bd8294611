"""The class of a change: cosmetic, wording, behaviour or privilege; the highest wins."""

from dataclasses import dataclass

from agents.changes import ChangeClass, Diff

_NOTHING = "No word changed: only spacing, marks, labels or the encoding."


@dataclass(frozen=True, slots=True)
class Classification:
    change_class: ChangeClass
    reasons: tuple[str, ...]


def classify(diff: Diff) -> Classification:
    """The highest class that any change causes, with the sentences that cause it."""
    highest = max(
        (change.causes for change in diff.changes),
        key=lambda one: one.rank,
        default=ChangeClass.COSMETIC,
    )
    reasons = tuple(change.sentence for change in diff.changes if change.causes is highest)
    return Classification(highest, reasons or (_NOTHING,))
