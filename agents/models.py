"""Agents, their immutable versions, the parsed contract, environments, releases, permits."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from agents.changes import ChangeClass

CHANGE_CLASSES = [(one.value, one.value.capitalize()) for one in ChangeClass]


class Family(models.Model):
    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        verbose_name_plural = "families"

    def __str__(self) -> str:
        return self.name


class Tier(models.TextChoices):
    LOW = "low", "Low risk"
    MEDIUM = "medium", "Medium risk"
    HIGH = "high", "High risk"


class Agent(models.Model):
    """The named agent; what it is, is said by its versions."""

    family = models.ForeignKey(Family, models.PROTECT, related_name="agents")
    slug = models.SlugField(max_length=120, unique=True)
    name = models.CharField(max_length=200)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="agents")
    tier = models.CharField(max_length=10, choices=Tier.choices, default=Tier.MEDIUM)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["slug"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("agent", args=[self.slug])

    @property
    def subject(self) -> str:
        return f"agent:{self.slug}"


class AgentVersion(models.Model):
    """One immutable text of an agent: the bytes as they came, and what was read from them.

    ``sequence`` is given by the portal; the version named in the file is shown, never trusted.
    ``tools`` is null where the file names none: then the agent inherits every tool.
    ``change_class`` says what it changes beside ``base``, as things stood when it came in; a
    review compares anew. Both are empty in versions from before there were classes.
    """

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="versions")
    sequence = models.PositiveIntegerField()
    filename = models.CharField(max_length=300, blank=True)
    raw = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    encoding = models.CharField(max_length=20)
    repaired = models.BooleanField(default=False)
    frontmatter = models.JSONField(default=dict)
    description = models.TextField(blank=True)
    declared_version = models.CharField(max_length=80, blank=True)
    model = models.CharField(max_length=120, blank=True)
    tools = ArrayField(models.CharField(max_length=200), null=True)
    contract = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    change_class = models.CharField(max_length=10, choices=CHANGE_CLASSES, blank=True)
    base = models.ForeignKey("self", models.PROTECT, related_name="+", null=True, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, blank=True
    )
    proposed_by = models.ForeignKey(
        "people.Runner", models.PROTECT, related_name="+", null=True, blank=True
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["agent", "sequence"], name="%(app_label)s_%(class)s_one_per_number"
            ),
            models.CheckConstraint(
                condition=Q(author__isnull=False) | Q(proposed_by__isnull=False),
                name="%(app_label)s_%(class)s_has_an_author",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["agent", "sha256"], name="agentversion_sha256")
        ]

    def __str__(self) -> str:
        return f"{self.agent} version {self.sequence}"

    def get_absolute_url(self) -> str:
        return reverse("agent-version", args=[self.agent.slug, self.sequence])

    @property
    def subject(self) -> str:
        return f"agent_version:{self.pk}"


class Part(models.Model):
    """What every parsed part of a version has: a key that stays over versions, and its line."""

    key = models.CharField(max_length=160)
    position = models.PositiveSmallIntegerField()
    text = models.TextField(blank=True)
    line = models.PositiveIntegerField()

    class Meta:
        abstract = True
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "key"], name="%(app_label)s_%(class)s_one_per_key"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Rule(Part):
    """A NEVER, ALWAYS or MUST line."""

    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="rules")
    modality = models.CharField(max_length=10)


class TriggerKind(models.TextChoices):
    GENERAL = "general", "General"
    DOMAIN = "domain", "Domain-specific"
    CLOSING = "closing", "Closing paragraph"


class Trigger(Part):
    """A situation in which the agent must escalate."""

    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="triggers")
    kind = models.CharField(max_length=10, choices=TriggerKind.choices)
    title = models.CharField(max_length=300)


class PrincipleClaim(Part):
    """A constitutional principle that the file says it obeys, and what it means there."""

    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="principle_claims")
    name = models.CharField(max_length=200)


class WorkflowStep(Part):
    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="workflow_steps")
    number = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=300)


class Coordination(Part):
    """An edge to a peer; ``people`` marks one that leads to human beings."""

    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="coordinations")
    peer = models.CharField(max_length=200)
    peer_kind = models.CharField(max_length=10, choices=[("agent", "Agent"), ("people", "People")])


class QualityStandard(Part):
    """A bar the agent must meet; with a number where the text holds one (``200 ms``)."""

    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="quality_standards")
    comparator = models.CharField(max_length=4, blank=True)
    value = models.DecimalField(max_digits=16, decimal_places=4, null=True)
    unit = models.CharField(max_length=20, blank=True)


class Environment(models.Model):
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        ordering: ClassVar[list[str]] = ["slug"]

    def __str__(self) -> str:
        return self.name


class Release(models.Model):
    """Points an environment at an approved version; the newest row counts. Never changed."""

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="releases")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="releases")
    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="releases")
    review = models.ForeignKey("review.Review", models.PROTECT, related_name="releases")
    released_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["agent", "environment", "-id"], name="release_current")
        ]

    def __str__(self) -> str:
        return f"{self.version} in {self.environment}"


class ReviewBasis(models.Model):
    """What a review compared its version with, and the class that chose its policy."""

    review = models.OneToOneField("review.Review", models.PROTECT, related_name="+")
    version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="review_bases")
    base = models.ForeignKey(AgentVersion, models.PROTECT, related_name="+", null=True)
    change_class = models.CharField(max_length=10, choices=CHANGE_CLASSES)

    class Meta:
        verbose_name_plural = "review bases"

    def __str__(self) -> str:
        return f"{self.version}: {self.get_change_class_display()}"


class ReviewRule(models.Model):
    """Which policy judges changes of a class; without a tier, of every agent."""

    change_class = models.CharField(max_length=10, choices=CHANGE_CLASSES)
    tier = models.CharField(max_length=10, choices=Tier.choices, blank=True)
    policy = models.ForeignKey(
        "asking.Policy", models.PROTECT, related_name="+", limit_choices_to={"kind": "review"}
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["change_class", "tier"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["change_class", "tier"], name="%(app_label)s_%(class)s_one_per_class"
            ),
        ]

    def __str__(self) -> str:
        tier = self.get_tier_display() if self.tier else "every agent"
        return f"{self.get_change_class_display()}, {tier}"


class Suspension(models.Model):
    """Nothing of the agent (or only one version of it) is served until it is lifted."""

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="suspensions")
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
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["agent"], condition=Q(lifted_at=None), name="suspension_active")
        ]

    def __str__(self) -> str:
        return f"{self.agent} suspended"

    @property
    def subject(self) -> str:
        return f"suspension:{self.pk}"


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
