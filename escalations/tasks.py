from celery import shared_task
from django.utils import timezone

from escalations.following.reconciling import reconcile


@shared_task(name="escalations.reconcile")
def reconcile_permits() -> None:
    """Remind of permits that nobody used or reported; it decides and spends nothing."""
    reconcile(at=timezone.now())
