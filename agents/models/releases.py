"""What runs where: environments, releases, suspensions."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from agents.models.definitions import Agent, AgentVersion, Family


class Environment(models.Model):
    """A place where agents run.

    Into a protected one nobody releases what he wrote himself; with a ``team``, only its members
    release. ``full_matrix`` asks that no principle of the constitution matrix is unknown.
    """

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    protected = models.BooleanField(default=False)
    team = models.ForeignKey(
        "people.Team", models.PROTECT, related_name="environments", null=True, blank=True
    )
    full_matrix = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["slug"]

    def __str__(self) -> str:
        return self.name


class ReleaseKind(models.TextChoices):
    RELEASE = "release", "Release"
    ROLLBACK = "rollback", "Rollback"
    BREAK_GLASS = "break_glass", "Break-glass"


class Release(models.Model):
    """Points an environment at an approved version; the newest row counts. Never changed.

    One kind has no approval: break-glass, which names a reason and ends at ``expires_at``.
    """

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="releases")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="releases")
    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="releases")
    review = models.ForeignKey("review.Review", models.PROTECT, related_name="releases", null=True)
    kind = models.CharField(max_length=12, choices=ReleaseKind.choices, default=ReleaseKind.RELEASE)
    reason = models.TextField(blank=True)
    expires_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(kind="break_glass", review=None, expires_at__isnull=False)
                & ~Q(reason="")
                | ~Q(kind="break_glass") & Q(review__isnull=False, expires_at=None),
                name="%(app_label)s_%(class)s_approved_or_broken_glass",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["agent", "environment", "-id"], name="release_current")
        ]

    def __str__(self) -> str:
        return f"{self.version} in {self.environment}"


class Suspension(models.Model):
    """Nothing of the family, agent or version is served until it is lifted."""

    family = models.ForeignKey(
        Family, models.PROTECT, related_name="suspensions", null=True, blank=True
    )
    agent = models.ForeignKey(
        Agent, models.PROTECT, related_name="suspensions", null=True, blank=True
    )
    version = models.ForeignKey(AgentVersion, models.PROTECT, null=True, blank=True)
    reason = models.TextField()
    at = models.DateTimeField()
    suspended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None)
                | Q(lifted_at__isnull=False, lifted_by__isnull=False),
                name="%(app_label)s_%(class)s_lifted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(family__isnull=False, agent=None, version=None)
                | Q(family=None, agent__isnull=False),
                name="%(app_label)s_%(class)s_of_one_thing",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["agent"], condition=Q(lifted_at=None), name="suspension_active"),
            models.Index(
                fields=["family"], condition=Q(lifted_at=None), name="suspension_of_family"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent or self.family} suspended"

    @property
    def subject(self) -> str:
        return f"suspension:{self.pk}"

    @property
    def stream(self) -> str:
        """The stream of the history that tells of it: the agent's or the family's."""
        return self.agent.subject if self.agent else f"family:{self.family_id}"
