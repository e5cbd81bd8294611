"""What reviews of versions were judged by, and reviews of many versions at once."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.urls import reverse

from agents.models.definitions import CHANGE_CLASSES, AgentVersion, Family, Tier
from agents.models.releases import Environment


class ReviewBasis(models.Model):
    """What a review compared its version with, and the class that chose its policy.

    With an ``environment`` the approval is good for that one only.
    """

    review = models.OneToOneField("review.Review", models.PROTECT, related_name="+")
    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="review_bases")
    base = models.ForeignKey(AgentVersion, models.PROTECT, related_name="+", null=True)
    change_class = models.CharField(max_length=10, choices=CHANGE_CLASSES)
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="+", null=True)

    class Meta:
        verbose_name_plural = "review bases"

    def __str__(self) -> str:
        return f"{self.version}: {self.get_change_class_display()}"


class ReviewRule(models.Model):
    """Which policy judges changes of a class; without tier or environment, of every one."""

    change_class = models.CharField(max_length=10, choices=CHANGE_CLASSES)
    tier = models.CharField(max_length=10, choices=Tier.choices, blank=True)
    environment = models.ForeignKey(
        Environment, models.PROTECT, related_name="review_rules", null=True, blank=True
    )
    policy = models.ForeignKey(
        "asking.Policy", models.PROTECT, related_name="+", limit_choices_to={"kind": "review"}
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["change_class", "tier"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["change_class", "tier", "environment"],
                nulls_distinct=False,
                name="%(app_label)s_%(class)s_one_per_case",
            ),
        ]

    def __str__(self) -> str:
        tier = self.get_tier_display() if self.tier else "every agent"
        place = f", {self.environment}" if self.environment_id else ""
        return f"{self.get_change_class_display()}, {tier}{place}"


class BatchKind(models.TextChoices):
    BASELINE = "baseline", "Baseline adoption"
    REAFFIRMATION = "reaffirmation", "Re-affirmation"


class Batch(models.Model):
    """One review over an explicit list of versions; ``sha256`` is the digest of that list.

    The list is ``[{"agent", "sequence", "sha256"}, ...]`` by agent and number, as RFC 8785 JSON.
    """

    kind = models.CharField(max_length=16, choices=BatchKind.choices)
    family = models.ForeignKey(Family, models.PROTECT, related_name="batches", null=True)
    title = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("batch", args=[self.pk])

    @property
    def subject(self) -> str:
        return f"batch:{self.pk}"


class BatchItem(models.Model):
    """One version of the list; its own review is part of the batch's."""

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="items")
    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="batch_items")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["batch", "version"], name="%(app_label)s_%(class)s_listed_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} in {self.batch}"


class Opened(models.Model):
    """A person opened one part of a version's comparison (``text``, ``findings``, ``matrix``)."""

    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="opened")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    part = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "opened parts"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "user", "part"], name="%(app_label)s_%(class)s_first_time"
            ),
        ]

    def __str__(self) -> str:
        return self.part
