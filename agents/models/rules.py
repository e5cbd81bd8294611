"""The rule ledger: what each rule of an agent amounts to, and what it would have stopped."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from agents.models.definitions import Agent


class RuleClass(models.TextChoices):
    ENFORCED = "enforced", "Enforced"
    GATED = "gated", "Gated"
    REVIEWED = "reviewed", "Reviewed"
    ADVISORY = "advisory", "Advisory"


class RuleMode(models.TextChoices):
    OBSERVE = "observe", "Observe"
    ENFORCE = "enforce", "Enforce"


class RuleStance(models.Model):
    """What people say a rule is; the newest confirmed row of an agent's rule key counts.

    ``matchers`` is a list of structured matchers; ``rule_sha256`` is the fingerprint of the
    sentence that was judged: a rule reworded since needs a new look. A row waits while
    ``confirmed_at`` is empty; loosening is confirmed by somebody else than who asked for it.
    One that was refused or taken back is closed instead.
    """

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="rule_stances")
    key = models.CharField(max_length=160)
    rule_sha256 = models.CharField(max_length=64)
    rule_class = models.CharField(max_length=10, choices=RuleClass.choices)
    mode = models.CharField(max_length=10, choices=RuleMode.choices, blank=True)
    matchers = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    loosens = models.BooleanField(default=False)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )
    confirmed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )
    closed_at = models.DateTimeField(null=True)
    closed_because = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmed_by=None)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
                name="%(app_label)s_%(class)s_confirmed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(loosens=False)
                | Q(confirmed_by=None)
                | ~Q(confirmed_by=models.F("asked_by")),
                name="%(app_label)s_%(class)s_second_person_loosens",
            ),
            models.CheckConstraint(
                condition=Q(rule_class__in=["enforced", "gated"]) & ~Q(mode="")
                | Q(rule_class__in=["reviewed", "advisory"], mode=""),
                name="%(app_label)s_%(class)s_mode_where_it_bites",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by=None)
                | Q(closed_at__isnull=False, closed_by__isnull=False, confirmed_at=None),
                name="%(app_label)s_%(class)s_closed_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["agent", "key"],
                condition=Q(confirmed_at=None, closed_at=None),
                name="%(app_label)s_%(class)s_one_waits",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["agent", "key", "-id"], name="rulestance_current")
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.get_rule_class_display()}"


class RuleObservation(models.Model):
    """How often one rule of an agent spoke on one day (UTC), by what it said."""

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="rule_observations")
    key = models.CharField(max_length=160)
    day = models.DateField()
    answer = models.CharField(max_length=20)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["agent", "key", "day", "answer"], name="%(app_label)s_%(class)s_per_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} on {self.day}"
