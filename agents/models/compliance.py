"""The constitution matrix: who judged a version against which principle, and waivers."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from agents.models.definitions import AgentVersion


class MatrixVerdict(models.TextChoices):
    PASS = "pass", "Pass"
    FAIL = "fail", "Fail"
    NOT_APPLICABLE = "not_applicable", "Not applicable"


class Judgement(models.Model):
    """A person's judgement of one version against one principle; the newest row counts.

    ``principle_sha256`` is the fingerprint of the principle's text as it was judged: a
    judgement of another text says nothing. ``line`` points at the evidence in the version.
    """

    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="judgements")
    principle = models.CharField(max_length=120)
    principle_sha256 = models.CharField(max_length=64)
    verdict = models.CharField(max_length=16, choices=MatrixVerdict.choices)
    evidence = models.TextField(blank=True)
    line = models.PositiveIntegerField(null=True, blank=True)
    judged_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["version", "principle", "-id"], name="judgement_current")
        ]

    def __str__(self) -> str:
        return f"{self.principle}: {self.get_verdict_display()}"


class Waiver(models.Model):
    """Excuses one version from one principle until it expires; granted by a second person."""

    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="waivers")
    principle = models.CharField(max_length=120)
    principle_sha256 = models.CharField(max_length=64)
    reason = models.TextField()
    expires_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )
    granted_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(granted_at=None, granted_by=None)
                | Q(granted_at__isnull=False, granted_by__isnull=False),
                name="%(app_label)s_%(class)s_granted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_by=None)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="%(app_label)s_%(class)s_ended_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(granted_by=None) | ~Q(granted_by=models.F("asked_by")),
                name="%(app_label)s_%(class)s_second_person",
            ),
        ]

    def __str__(self) -> str:
        return f"waiver of {self.principle}"

    @property
    def subject(self) -> str:
        return f"waiver:{self.pk}"
