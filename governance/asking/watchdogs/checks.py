"""What must never be. Each app adds its own checks, in its module ``auditing``.

A check looks for what is wrong and says how it would be mended; it changes nothing itself, reads
at most as many rows as it is told, and never a table that only grows as a whole.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.module_loading import autodiscover_modules

# Changes something in the transaction of the auditor, which holds the subject's stream; false
# where it is not so any more, or somebody else has the row right now.
Mend = Callable[[datetime], bool]
# Takes the moment and how many to return.
Check = Callable[[datetime, int], Iterable["Suspect"]]
CHECKS: dict[str, Check] = {}
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something that looks wrong. ``subject`` names a stream of the history.

    Without ``mend`` only people can put it right.
    """

    subject: str
    sentence: str
    mend: Mend | None = None


def register(name: str, check: Check) -> None:
    """Make a check known, once."""
    if len(name) > LONGEST_NAME:
        raise ValueError(f"the name of a check has at most {LONGEST_NAME} characters: {name}")
    CHECKS[name] = check


def known() -> dict[str, Check]:
    """Every check of every app, by name."""
    autodiscover_modules("auditing")
    return dict(sorted(CHECKS.items()))
