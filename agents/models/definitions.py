"""Agents, their immutable versions, and the parsed contract."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse

from agents.changes import ChangeClass

# The columns of a version that only its own pages read.
HEAVY = ("raw", "text", "contract", "frontmatter")
# The same, and the findings, where another row names the version.
HEAVY_OF_VERSION = tuple(f"version__{name}" for name in (*HEAVY, "findings"))
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
    """How much harm an agent or an act may do, the mildest first."""

    LOW = "low", "Low risk"
    MEDIUM = "medium", "Medium risk"
    HIGH = "high", "High risk"


class Agent(models.Model):
    """The named agent; what it is, is said by its versions."""

    family = models.ForeignKey(Family, models.PROTECT, related_name="agents")
    slug = models.SlugField(max_length=120, unique=True)
    name = models.CharField(max_length=200)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="agents")
    team = models.ForeignKey(
        "people.Team", models.PROTECT, related_name="agents", null=True, blank=True
    )
    tier = models.CharField(max_length=10, choices=Tier.choices, default=Tier.MEDIUM)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["slug"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["family", "slug"], name="agent_of_family")
        ]

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
    ``provenance`` says where the text came from: ``{repository, branch, commit, pull_request,
    author_name, author_email}``, each a string and each optional. ``co_authors`` are the people
    besides ``author`` who wrote it; none of them may approve it.
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
    provenance = models.JSONField(default=dict)
    co_authors = ArrayField(models.BigIntegerField(), default=list, blank=True)
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
            models.Index(fields=["agent", "sha256"], name="agentversion_sha256"),
            # An import asks for thousands of hashes at once, whichever agent they are of.
            models.Index(fields=["sha256"], name="agentversion_bytes"),
        ]

    def __str__(self) -> str:
        return f"{self.agent} version {self.sequence}"

    def get_absolute_url(self) -> str:
        return reverse("agent-version", args=[self.agent.slug, self.sequence])

    @property
    def subject(self) -> str:
        return f"agent_version:{self.pk}"


def newest_version(column: str, *, of: str) -> Subquery:
    """A column of the newest version of the agent that the outer query has as ``of``."""
    newest = AgentVersion.objects.filter(agent=OuterRef(of)).order_by("-sequence")
    return Subquery(newest.values(column)[:1])


def version_subject(of: str) -> Concat:
    """What reviews call the version that the outer query has as ``of``."""
    return Concat(Value("agent_version:"), Cast(OuterRef(of), models.CharField()))


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
