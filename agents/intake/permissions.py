"""Who sees which imports."""

from typing import Any

from django.db.models import QuerySet

from agents.models import ImportRun
from governance.people.models import Runner
from governance.people.permissions import Permission, has


def runs_for(principal: Any) -> QuerySet[ImportRun]:
    """All imports for people who may see things; for a runner its own."""
    if isinstance(principal, Runner):
        return ImportRun.objects.filter(runner=principal)
    return ImportRun.objects.all() if has(principal, Permission.VIEW) else ImportRun.objects.none()
