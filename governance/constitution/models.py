"""The law: constitutions, their immutable versions, principles and ratifications."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse


class Constitution(models.Model):
    """The law that a family of agents obeys. ``main`` is the one that agents are held to."""

    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.title

    @property
    def subject(self) -> str:
        return f"constitution:{self.slug}"


class ConstitutionVersion(models.Model):
    """One immutable text of the law: the bytes as they came, and what was read from them.

    ``findings`` is a list of ``{key, code, severity, line, message, fix}``. ``co_authors`` are
    those who wrote the draft that this one began with: none of them may vote on it either.
    """

    constitution = models.ForeignKey(Constitution, models.PROTECT, related_name="versions")
    sequence = models.PositiveIntegerField()
    raw = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    declared_version = models.CharField(max_length=40, blank=True)
    declared_ratified = models.DateField(null=True)
    declared_amended = models.DateField(null=True)
    findings = models.JSONField(default=list)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    co_authors = ArrayField(models.BigIntegerField(), default=list, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-sequence"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["constitution", "sequence"], name="%(app_label)s_%(class)s_one_per_number"
            ),
            models.UniqueConstraint(
                fields=["constitution", "sha256"], name="%(app_label)s_%(class)s_one_per_text"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title}, version {self.sequence}"

    def get_absolute_url(self) -> str:
        return reverse("constitution-version", args=[self.sequence])

    @property
    def subject(self) -> str:
        return f"constitution_version:{self.pk}"

    @property
    def writers(self) -> set[int]:
        """The people whose words these are."""
        return {self.author_id, *self.co_authors}


class Level(models.TextChoices):
    MUST = "must", "MUST"
    SHOULD = "should", "SHOULD"


class Principle(models.Model):
    """One article of one version; ``key`` stays the same over versions."""

    version = models.ForeignKey(ConstitutionVersion, models.PROTECT, related_name="principles")
    key = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField()
    number = models.CharField(max_length=20, blank=True)
    title = models.CharField(max_length=200)
    text = models.TextField()
    level = models.CharField(max_length=10, choices=Level.choices)
    non_negotiable = models.BooleanField(default=False)
    aliases = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    line = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar[list[str]] = ["version", "position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "key"], name="%(app_label)s_%(class)s_one_per_key"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Acknowledgement(models.Model):
    """Somebody read one finding of a version and accepts it, before it is ratified."""

    version = models.ForeignKey(
        ConstitutionVersion, models.PROTECT, related_name="acknowledgements"
    )
    finding_key = models.CharField(max_length=40)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "finding_key"], name="%(app_label)s_%(class)s_once"
            ),
        ]

    def __str__(self) -> str:
        return self.finding_key


class AmendmentLevel(models.TextChoices):
    MAJOR = "major", "MAJOR"
    MINOR = "minor", "MINOR"
    PATCH = "patch", "PATCH"


class Amendment(models.Model):
    """What a review of the law compared: the law in force with the version that may replace it.

    ``computed_level`` is what the difference amounts to; ``level`` is what counts, and where it
    differs ``override_reason`` says why. ``touched`` are the keys of all principles that differ,
    by every name they have or had; ``touches_all`` is set where a NON-NEGOTIABLE principle
    differs or nothing was law before.
    """

    review = models.OneToOneField("review.Review", models.PROTECT, related_name="amendment")
    version = models.ForeignKey(ConstitutionVersion, models.PROTECT, related_name="amendments")
    base = models.ForeignKey(ConstitutionVersion, models.PROTECT, related_name="+", null=True)
    computed_level = models.CharField(max_length=5, choices=AmendmentLevel.choices)
    level = models.CharField(max_length=5, choices=AmendmentLevel.choices)
    override_reason = models.TextField(blank=True)
    touched = ArrayField(models.CharField(max_length=200), default=list)
    touches_all = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(level=models.F("computed_level"))
                | ~models.Q(override_reason=""),
                name="%(app_label)s_%(class)s_override_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.get_level_display()}"


class Ratification(models.Model):
    """From this moment on the version is the law; the newest row counts. Never changed.

    ``level``, ``touched`` and ``touches_all`` are the amendment's; approvals that it makes stale
    live on until ``grace_until``. Ratifications from before there were levels have none of them.
    """

    constitution = models.ForeignKey(Constitution, models.PROTECT, related_name="ratifications")
    version = models.ForeignKey(ConstitutionVersion, models.PROTECT, related_name="ratifications")
    review = models.OneToOneField("review.Review", models.PROTECT, related_name="ratification")
    level = models.CharField(max_length=5, choices=AmendmentLevel.choices, blank=True)
    touched = ArrayField(models.CharField(max_length=200), default=list)
    touches_all = models.BooleanField(default=True)
    grace_until = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.version} since {self.at:%Y-%m-%d}"
