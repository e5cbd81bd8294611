"""Which lists a person sees."""

from typing import Any

from agents.models import Batch
from governance.base.errors import NotThere
from governance.people.permissions import Permission, has


def batch_for(user: Any, batch_id: int) -> Batch:
    """One list, or :class:`NotThere` for strangers as for lists that do not exist."""
    found = Batch.objects.select_related("family", "created_by").filter(pk=batch_id).first()
    if found is None or not has(user, Permission.VIEW):
        raise NotThere("There is no such list.", code="unknown_batch")
    return found
