"""What past decisions are good for: precedents, standing decisions, proposals of rules."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from escalations.models.cases import Escalation
from escalations.models.decisions import Decision


class About(models.TextChoices):
    TRIGGER = "trigger", "Trigger"
    PRINCIPLE = "principle", "Principle"


class Precedent(models.Model):
    """A decision that people hold up for a trigger or a principle. Advice, never an answer."""

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="precedents")
    about = models.CharField(max_length=10, choices=About.choices)
    key = models.CharField(max_length=120)
    note = models.TextField(blank=True)
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    marked_at = models.DateTimeField()
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["decision", "about", "key"],
                condition=Q(withdrawn_at=None),
                name="%(app_label)s_%(class)s_marked_once",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_by=None)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
                name="%(app_label)s_%(class)s_withdrawn_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision.escalation.ref} for {self.about} {self.key}"


class StandingQuerySet(models.QuerySet["StandingDecision"]):
    def usable(self, *, at: datetime) -> "StandingQuerySet":
        """Those that may still answer."""
        return self.filter(revoked_at=None, expires_at__gt=at, uses__lt=F("most_uses"))


class StandingDecision(models.Model):
    """A person's decision that later equal questions of one agent may cite, a few times.

    It answers in the name of ``author``, who made ``source``. It answers equal questions
    (``group_key``) or those that touch a ``trigger``, in ``environments`` and for ``risks``; an
    act must be exactly the one that was decided (``act_sha256``, empty for a question without an
    act).
    """

    source = models.ForeignKey(Decision, models.PROTECT, related_name="standing")
    agent = models.ForeignKey("agents.Agent", models.PROTECT, related_name="standing_decisions")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.TextField()
    trigger = models.CharField(max_length=120, blank=True)
    environments = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    group_key = models.CharField(max_length=64, blank=True)
    act_sha256 = models.CharField(max_length=64, blank=True)
    risks = ArrayField(models.CharField(max_length=10), default=list)
    most_uses = models.PositiveSmallIntegerField()
    uses = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    revoked_because = models.CharField(max_length=500, blank=True)

    objects = StandingQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(uses__lte=F("most_uses")) & Q(most_uses__gte=1),
                name="%(app_label)s_%(class)s_is_used_up",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("made_at")),
                name="%(app_label)s_%(class)s_expires_later",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="%(app_label)s_%(class)s_revoked_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(trigger="") | ~Q(group_key=""),
                name="%(app_label)s_%(class)s_names_what_it_answers",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["agent", "-id"], condition=Q(revoked_at=None), name="standing_of_agent"
            ),
        ]

    def __str__(self) -> str:
        return f"standing decision of {self.author} for {self.agent}"

    def get_absolute_url(self) -> str:
        return reverse("standing-decision", args=[self.pk])

    @property
    def subject(self) -> str:
        return f"standing:{self.pk}"


class Proposal(models.Model):
    """Equal answers again and again: the owner may make a rule of them. Proposes, changes nothing.

    ``answer_sha256`` is of verdict, option and constraints; ``cases`` are those it stands on.
    """

    agent = models.ForeignKey("agents.Agent", models.PROTECT, related_name="proposals")
    group_key = models.CharField(max_length=64)
    answer_sha256 = models.CharField(max_length=64)
    cases = models.ManyToManyField(Escalation, related_name="+")
    made_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    taken = models.BooleanField(null=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["agent", "group_key", "answer_sha256"],
                name="%(app_label)s_%(class)s_made_once",
            ),
            models.CheckConstraint(
                condition=Q(settled_at=None, settled_by=None, taken=None)
                | Q(settled_at__isnull=False, settled_by__isnull=False, taken__isnull=False),
                name="%(app_label)s_%(class)s_settled_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"proposal of a rule for {self.agent}"
