"""What people do with agents, through the services, in as few words as tests need."""

import os
from datetime import datetime
from pathlib import Path

import pytest

from agents.models import AgentVersion, Release
from agents.releasing.services import release
from agents.reviewing.services import submit_version, vote
from agents.services import import_definition
from governance.constitution import services as law
from governance.constitution.models import ConstitutionVersion
from governance.people.models import Role, User
from governance.review.models import Review
from tests.factories import NOW, UserFactory

SHARED = Path(os.environ.get("PORTAL_SHARED", "../shared"))
SAMPLE = Path(__file__).parents[2] / "agents" / "sample"

LAW = b"""# Sample Constitution

## Core Principles

### I. Test-First Development (NON-NEGOTIABLE)
Tests MUST be written before the code that they test.

### II. Simplicity
Teams SHOULD choose the plainer of two solutions.

## Governance
Amendments are approved by somebody who did not write them.

**Version**: 1.0.0 | **Ratified**: 2026-01-10 | **Last Amended**: 2026-01-10
"""

# A MINOR amendment of a NON-NEGOTIABLE principle.
AMENDED = LAW.replace(
    b"the code that they test.", b"the code that they test. They MUST run every night."
).replace(b"1.0.0", b"1.1.0")

DEFINITION = """---
name: {name}
version: 1.0.0
description: Works for the tests.
tools: Read, Grep
escalation: mandatory
constitutional_compliance: required
---

# Worker

You do small work.

## Constitutional Integration
- **Test-First Development**: Write failing tests first

## Escalation Protocol

### When to Escalate (invoke stuck agent)
- **Unclear requirements** for anything

### No Fallbacks Rule
- NEVER add external dependencies without approval
- ALWAYS escalate when requirements are unclear
"""


def definition(name: str = "worker", more: str = "") -> bytes:
    """A small definition that requires compliance and names its tools."""
    return (DEFINITION.format(name=name) + more).encode()


def seed() -> bytes:
    """The family's real definition, where the shared data is at hand."""
    path = SHARED / "seed" / "python-backend.md"
    if not path.exists():
        pytest.skip("the shared seed is absent: set PORTAL_SHARED")
    return path.read_bytes()


def owner() -> User:
    return UserFactory(roles=[Role.OWNER])


def approver() -> User:
    return UserFactory(roles=[Role.APPROVER])


def bring_in(
    by: User | None = None, *, raw: bytes | None = None, at: datetime = NOW, family: str = "sample"
) -> AgentVersion:
    version, _ = import_definition(
        raw=raw or definition(), filename="worker.md", family=family, by=by or owner(), at=at
    )
    return version


def say(
    version: AgentVersion, by: User, verdict: str = "approve", comment: str = "", at: datetime = NOW
) -> Review:
    return vote(
        version_id=version.pk,
        by=by,
        verdict=verdict,
        comment=comment,
        seen_sha256=version.sha256,
        method="session",
        at=at,
    )


def approve(version: AgentVersion, *, by: User | None = None, at: datetime = NOW) -> Review:
    """Submit by the author or another owner, then one approval by somebody else."""
    submit_version(version_id=version.pk, by=version.author or owner(), at=at)
    return say(version, by or approver(), at=at)


def ratify(raw: bytes = LAW, *, at: datetime = NOW) -> ConstitutionVersion:
    """The constitution in force, written by one person and ratified by another."""
    version = law.import_constitution(raw=raw, by=owner(), at=at)
    law.submit_version(version_id=version.pk, by=version.author, at=at)
    ratifier = approver()
    for finding in version.findings:
        if finding["code"] == "VAGUE_WORD":
            law.acknowledge(version_id=version.pk, finding_key=finding["key"], by=ratifier, at=at)
    law.vote(
        version_id=version.pk,
        by=ratifier,
        verdict="approve",
        comment="",
        seen_sha256=version.sha256,
        method="session",
        at=at,
    )
    return version


def put_into_production(version: AgentVersion | None = None, *, at: datetime = NOW) -> Release:
    """Ratify, import, approve and release, unless some of it is given."""
    if law.current() is None:
        ratify(at=at)
    version = version or bring_in(at=at)
    approve(version, at=at)
    return release(version_id=version.pk, environment="production", by=owner(), at=at)
