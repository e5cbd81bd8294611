"""What people do with the constitution, through the services, in few words."""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from governance.constitution import services
from governance.constitution.models import ConstitutionVersion
from governance.people.models import Role, User
from governance.review.models import Review
from tests.factories import NOW, UserFactory

SHARED = Path(os.environ.get("PORTAL_SHARED", "../shared"))

TEXT = """# Sample Constitution

## Core Principles

### I. Test-First Development (NON-NEGOTIABLE)
Tests MUST be written before the code that they test. {extra}

### II. Simplicity
Teams SHOULD choose the plainer of two solutions.

## Governance
Amendments are approved by somebody who did not write them.

**Version**: 1.0.0 | **Ratified**: 2026-01-10 | **Last Amended**: 2026-01-10
"""
VAGUE = "Answers are fast.\n\nPages are intuitive."
SAME_NUMBER = "The number is set at the next release."
UNFILLED = "[PRINCIPLE_2_DESCRIPTION]"


def law(number: str = "1.0.0", *changes: tuple[str, str]) -> bytes:
    """The sample law under a number, each of the changes made once."""
    text = TEXT.format(extra="").replace("**Version**: 1.0.0", f"**Version**: {number}")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return text.encode()


def brought_in(text: bytes, *, by: User | None = None) -> ConstitutionVersion:
    return services.import_constitution(raw=text, by=by or owner(), at=NOW)


def enacted(text: bytes, *, at: datetime = NOW, **said: Any) -> ConstitutionVersion:
    """In force: brought in, submitted with what is said, and voted for as often as it takes."""
    version = brought_in(text)
    review = services.submit_version(version_id=version.pk, by=owner(), at=at, **said)
    for _ in range(review.required_votes):
        vote(version, approver(), at=at)
    return version


def raw(extra: str = "") -> bytes:
    return TEXT.format(extra=extra).encode()


def owner(**fields: Any) -> User:
    return UserFactory(roles=[Role.OWNER], **fields)


def approver(**fields: Any) -> User:
    return UserFactory(roles=[Role.APPROVER], **fields)


def imported(extra: str = "", *, by: User | None = None) -> ConstitutionVersion:
    return services.import_constitution(raw=raw(extra), by=by or owner(), at=NOW)


def submitted(extra: str = "", *, by: User | None = None) -> ConstitutionVersion:
    by = by or owner()
    version = imported(extra, by=by)
    submit(version, by=by)
    return version


def submit(version: ConstitutionVersion, *, by: User | None = None, **said: Any) -> Review:
    """Put to the vote; all texts here call themselves 1.0.0, so a reason says why that stays."""
    known: dict[str, Any] = {"override_reason": SAME_NUMBER if services.current() else ""}
    return services.submit_version(
        version_id=version.pk, by=by or owner(), at=NOW, **(known | said)
    )


def vote(version: ConstitutionVersion, by: Any, verdict: str = "approve", **changes: Any) -> Review:
    known: dict[str, Any] = {
        "comment": "",
        "seen_sha256": version.sha256,
        "method": "session",
        "at": NOW,
    }
    return services.vote(version_id=version.pk, by=by, verdict=verdict, **(known | changes))


def ratified(extra: str = "", *, at: datetime = NOW) -> ConstitutionVersion:
    version = submitted(extra)
    vote(version, approver(), at=at)
    return version
