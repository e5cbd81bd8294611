"""Amendments of a stated level and reach: what the law itself would compute is not asked."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from governance.base.roles import as_owner
from governance.constitution import services as law
from governance.constitution.models import Ratification
from tests.agents import acts
from tests.factories import NOW

GRACE = timedelta(days=14)
LATER = NOW + timedelta(days=1)


def retell(ratification: Ratification, **columns: Any) -> Ratification:
    """Give a ratification another level or reach, as only the owner of the tables could."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        Ratification.objects.filter(pk=ratification.pk).update(**columns)
    ratification.refresh_from_db()
    return ratification


def law_number(number: int) -> bytes:
    return acts.LAW.replace(b"**Version**: 1.0.0", b"**Version**: 1.0.%d" % number)


def ratify_as_it_is(raw: bytes, *, at: datetime = LATER) -> Ratification:
    """Ratify a text whatever level it has beside the law in force."""
    version = law.import_constitution(raw=raw, by=acts.owner(), at=at)
    law.submit_version(
        version_id=version.pk, by=version.author, at=at, override_reason="As the test says."
    )
    law.vote(
        version_id=version.pk,
        by=acts.approver(),
        verdict="approve",
        comment="",
        seen_sha256=version.sha256,
        method="session",
        at=at,
    )
    return version.ratifications.latest("id")


def amend(
    number: int = 1,
    *,
    level: str = "minor",
    touched: tuple[str, ...] = (),
    touches_all: bool = False,
    grace: timedelta | None = GRACE,
    at: datetime = LATER,
) -> Ratification:
    """Ratify the law under another number."""
    return retell(
        ratify_as_it_is(law_number(number), at=at),
        level=level,
        touched=list(touched),
        touches_all=touches_all,
        grace_until=at + grace if grace is not None else None,
    )
