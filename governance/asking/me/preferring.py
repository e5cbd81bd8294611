"""How a person wants to be told."""

from datetime import datetime, time

from django.db import transaction

from governance.asking.models import Preference
from governance.audit.services import append
from governance.people.models import User
from governance.people.services import actor_of


@transaction.atomic
def set_digest_hour(*, by: User, digest_at: time | None, at: datetime) -> Preference:
    """The hour of the daily digest on one's own clock; nothing for the usual hour."""
    kept, _ = Preference.objects.select_for_update().get_or_create(user=by)
    if kept.digest_at != digest_at:
        before, kept.digest_at = kept.digest_at, digest_at
        kept.save(update_fields=["digest_at"])
        append(
            stream=by.subject,
            kind="user.digest_hour_changed",
            by=actor_of(by),
            at=at,
            data={"before": _shown(before), "after": _shown(digest_at)},
        )
    return kept


def _shown(hour: time | None) -> str:
    return f"{hour:%H:%M}" if hour else ""
