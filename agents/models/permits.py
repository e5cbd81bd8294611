"""What a case does to acts: the right to do one, and the halt while nobody has decided."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from agents.models.definitions import Agent


class Permit(models.Model):
    """The right to do the act that the deciders saw: exactly that, once, unless they chose wider.

    ``scope`` is ``once``, ``uses``, ``until``, ``run`` or ``pattern``; ``most_uses`` bounds all of
    them, ``run`` names the run, ``pattern`` is a matcher as in a rule, and holds in
    ``environment``. ``spent_at`` is set when no use is left. ``source`` names the decision
    (``escalation:ESC-12``); the permit is bound to the digest of the canonical request and to the
    runner that asked. ``act_sha256`` is of the act alone, in its environment: the guard knows the
    act, not the request. Empty in permits from before it. ``reconcile_at`` is when somebody has to
    look whether it was used and reported; empty once there is nothing to look for.
    """

    source = models.CharField(max_length=160, unique=True)
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="permits")
    runner = models.ForeignKey("people.Runner", models.PROTECT, related_name="permits")
    request_sha256 = models.CharField(max_length=64)
    act_sha256 = models.CharField(max_length=64, blank=True)
    granted_at = models.DateTimeField()
    use_before = models.DateTimeField()
    spent_at = models.DateTimeField(null=True)
    scope = models.CharField(max_length=10, default="once")
    environment = models.CharField(max_length=40, blank=True)
    run = models.CharField(max_length=200, blank=True)
    pattern = models.JSONField(null=True)
    most_uses = models.PositiveSmallIntegerField(default=1)
    uses = models.PositiveSmallIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    revoked_because = models.CharField(max_length=500, blank=True)
    reconcile_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(spent_at=None, uses__lt=models.F("most_uses"))
                | Q(spent_at__isnull=False, uses=models.F("most_uses")),
                name="%(app_label)s_%(class)s_spent_when_used_up",
            ),
            models.CheckConstraint(
                condition=Q(scope="once", most_uses=1, run="", pattern__isnull=True)
                | Q(scope__in=["uses", "until"], run="", pattern__isnull=True)
                | Q(scope="run", pattern__isnull=True) & ~Q(run="")
                | Q(scope="pattern", pattern__isnull=False) & ~Q(environment=""),
                name="%(app_label)s_%(class)s_says_its_scope",
            ),
            models.CheckConstraint(
                condition=Q(uses__lte=models.F("most_uses")),
                name="%(app_label)s_%(class)s_within_its_uses",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="%(app_label)s_%(class)s_revoked_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(spent_at=None) | Q(spent_at__lt=models.F("use_before")),
                name="%(app_label)s_%(class)s_spent_in_time",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["runner", "act_sha256"], condition=Q(spent_at=None), name="permit_unspent"
            ),
            models.Index(
                fields=["reconcile_at", "id"],
                condition=Q(reconcile_at__isnull=False),
                name="permit_to_reconcile",
            ),
            models.Index(
                fields=["runner", "agent"],
                condition=Q(scope="pattern", spent_at=None, revoked_at=None),
                name="permit_of_a_pattern",
            ),
        ]

    def __str__(self) -> str:
        return f"permit of {self.source}"

    def state(self, *, at: datetime) -> str:
        """``spent``, ``revoked``, ``expired`` or ``unspent`` at this moment."""
        if self.spent_at:
            return "spent"
        if self.revoked_at:
            return "revoked"
        return "expired" if at >= self.use_before else "unspent"


class PermitUse(models.Model):
    """One act done by a permit. The same ``idempotency_key`` again is the same use."""

    permit = models.ForeignKey(Permit, models.PROTECT, related_name="used")
    number = models.PositiveSmallIntegerField()
    act_sha256 = models.CharField(max_length=64, blank=True)
    idempotency_key = models.CharField(max_length=200, blank=True)
    receipt = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["permit", "number"], name="%(app_label)s_%(class)s_one_per_number"
            ),
            models.UniqueConstraint(
                fields=["permit", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="%(app_label)s_%(class)s_one_per_idempotency_key",
            ),
        ]

    def __str__(self) -> str:
        return f"use {self.number} of {self.permit}"


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
