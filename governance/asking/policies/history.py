"""The versions of a policy for people: who saved each, and what it changed."""

from itertools import pairwise
from typing import NamedTuple

from governance.asking.models import Policy, PolicyVersion
from governance.asking.policies.describing import Changed, differences

SHOWN = 20


class VersionRow(NamedTuple):
    """``changed`` is what differs from the version before; None in the oldest one."""

    version: PolicyVersion
    changed: list[Changed] | None


def newest_versions(policy: Policy) -> list[VersionRow]:
    """The latest versions, the newest first."""
    found = list(policy.versions.select_related("saved_by")[: SHOWN + 1])
    rows = [
        VersionRow(newer, differences(older.content, newer.content))
        for newer, older in pairwise(found)
    ]
    if found and len(found) <= SHOWN:
        rows.append(VersionRow(found[-1], None))
    return rows
