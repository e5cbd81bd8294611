from celery import shared_task
from django.utils import timezone

from agents.compliance.reminding import remind_stale


@shared_task(name="agents.remind_stale")
def remind() -> None:
    """Ask about approvals that amendments have touched; it decides nothing."""
    remind_stale(at=timezone.now())
