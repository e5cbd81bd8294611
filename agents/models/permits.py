"""What a case does to acts: the right to do one, and the halt while nobody has decided."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from agents.models.definitions import Agent


class Permit(models.Model):
    """The single-use right to do exactly the act that the deciders saw.

    ``source`` names the decision (``escalation:ESC-12``); the permit is bound to the digest of
    the canonical request and to the runner that asked. ``act_sha256`` is of the act alone, in its
    environment: the guard knows the act, not the request. Empty in permits from before it.
    """

    source = models.CharField(max_length=160, unique=True)
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="permits")
    runner = models.ForeignKey("people.Runner", models.PROTECT, related_name="permits")
    request_sha256 = models.CharField(max_length=64)
    act_sha256 = models.CharField(max_length=64, blank=True)
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
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["runner", "act_sha256"], condition=Q(spent_at=None), name="permit_unspent"
            )
        ]

    def __str__(self) -> str:
        return f"permit of {self.source}"

    def state(self, *, at: datetime) -> str:
        """``spent``, ``expired`` or ``unspent`` at this moment."""
        if self.spent_at:
            return "spent"
        return "expired" if at >= self.use_before else "unspent"


class Halt(models.Model):
    """The instance of an agent that asked stands still while its blocking case is open.

    Without an instance the run stands still; without a run all that the runner runs of the agent.
    """

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="halts")
    runner = models.ForeignKey("people.Runner", models.PROTECT, related_name="halts")
    instance = models.CharField(max_length=200, blank=True)
    run = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=160)
    since = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["source"],
                condition=Q(lifted_at=None),
                name="%(app_label)s_%(class)s_one_open_per_source",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["runner", "agent"], condition=Q(lifted_at=None), name="halt_open")
        ]

    def __str__(self) -> str:
        return f"halt of {self.source}"
