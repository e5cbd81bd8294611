"""A text of the law while it is written: what it would be, and keeping it as a draft."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from governance.base.errors import Conflict
from governance.base.findings import Finding, Severity, by_gravity
from governance.constitution.amending import compare_law_texts
from governance.constitution.lawtext import law_of, law_of_text
from governance.constitution.levels import Needed, Proposal, votes_needed
from governance.constitution.models import Constitution, ConstitutionVersion
from governance.constitution.numbering import misnumbered
from governance.constitution.parsing import ParsedConstitution, parse_constitution
from governance.constitution.services import MAIN, check_size, current, import_constitution
from governance.people.models import User

BLANK = Path(__file__).parent / "starts" / "blank.md"


@dataclass(frozen=True, slots=True)
class LawPreview:
    """A text as a version: its principles and findings, and what it changes in the law."""

    parsed: ParsedConstitution
    proposal: Proposal
    needed: Needed

    @property
    def findings(self) -> list[Finding]:
        return sorted(self.parsed.findings, key=lambda one: by_gravity(one.severity, one.line))

    @property
    def fixable(self) -> frozenset[str]:
        return frozenset(one.key for one in self.parsed.findings if one.replacement is not None)

    @property
    def blocking(self) -> int:
        """How many places keep the text from being ratified."""
        return sum(finding.severity is Severity.ERROR for finding in self.parsed.findings)

    @property
    def lines(self) -> list[str]:
        return self.parsed.text.split("\n")

    @property
    def principles(self) -> list[dict[str, Any]]:
        """In the words in which pages show the principles of a version."""
        return [
            {
                "key": principle.key,
                "number": principle.number,
                "title": principle.title,
                "text": principle.text,
                "level": principle.level.lower(),
                "non_negotiable": principle.non_negotiable,
                "aliases": principle.aliases,
            }
            for principle in self.parsed.principles
        ]


def preview_of(raw: bytes) -> LawPreview:
    """The text beside the law in force; nothing is kept."""
    check_size(raw)
    parsed, law = parse_constitution(raw), current()
    diff = compare_law_texts(law_of(law) if law else None, law_of_text(raw))
    number = misnumbered(law, parsed.version, diff.level)
    proposal = Proposal(law, diff, diff.level, "", number)
    return LawPreview(parsed, proposal, votes_needed(proposal))


@transaction.atomic
def save_draft(
    *, raw: bytes, newest: int, by: User, at: datetime, base: ConstitutionVersion | None = None
) -> ConstitutionVersion:
    """The next version, as a draft; ``Conflict`` where one came in after ``newest``.

    Whoever wrote the base counts as an author too, unless it was ratified.
    """
    # The lock is that of every import, so that no version comes in between.
    held = Constitution.objects.select_for_update().filter(slug=MAIN).first()
    now = newest_sequence() if held else 0
    if now != newest:
        raise Conflict(
            f"Version {now} came in since you opened this page. Look at it, or save again to let "
            "yours follow it.",
            code="moved",
            newest=now,
        )
    return import_constitution(raw=raw, by=by, at=at, co_authors=_writers(base))


def _writers(base: ConstitutionVersion | None) -> set[int]:
    """Who wrote what the text began with: nobody ratifies his own words in another's draft."""
    return set() if base is None or base.ratifications.exists() else base.writers


def newest_sequence() -> int:
    """The number of the newest version; 0 where there is none."""
    versions = ConstitutionVersion.objects.filter(constitution__slug=MAIN).order_by("-sequence")
    return versions.values_list("sequence", flat=True).first() or 0
