"""Who sees which imports."""

from typing import Any

from django.db.models import QuerySet

from agents.models import ImportRun
from governance.base.errors import NotThere
from governance.people.models import Runner
from governance.people.permissions import Permission, has


def runs_for(principal: Any) -> QuerySet[ImportRun]:
    """All imports for people who may see things; for a runner its own."""
    if isinstance(principal, Runner):
        return ImportRun.objects.filter(runner=principal)
    return ImportRun.objects.all() if has(principal, Permission.VIEW) else ImportRun.objects.none()


def run_for(principal: Any, run_id: int) -> ImportRun:
    """One import, or :class:`NotThere` for strangers as for imports that do not exist."""
    found = runs_for(principal).select_related("by", "runner", "family").filter(pk=run_id)
    run = found.first()
    if run is None:
        raise NotThere("There is no such import for you.", code="unknown_import")
    return run
