"""The right to do one act, granted by a decision."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from agents.models.definitions import Agent


class Permit(models.Model):
    """The single-use right to do exactly the act that the deciders saw.

    ``source`` names the decision (``escalation:ESC-12``); the permit is bound to the digest of
    the canonical request and to the runner that asked.
    """

    source = models.CharField(max_length=160, unique=True)
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="permits")
    runner = models.ForeignKey("people.Runner", models.PROTECT, related_name="permits")
    request_sha256 = models.CharField(max_length=64)
    granted_at = models.DateTimeField()
    use_before = models.DateTimeField()
    spent_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(spent_at=None) | Q(spent_at__lt=models.F("use_before")),
                name="%(app_label)s_%(class)s_spent_in_time",
            ),
        ]

    def __str__(self) -> str:
        return f"permit of {self.source}"

    def state(self, *, at: datetime) -> str:
        """``spent``, ``expired`` or ``unspent`` at this moment."""
        if self.spent_at:
            return "spent"
        return "expired" if at >= self.use_before else "unspent"
