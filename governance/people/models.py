"""People and machines: users, teams, runners and their keys."""

from datetime import datetime
from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from governance.audit.actors import system
from governance.audit.services import append


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    APPROVER = "approver", "Approver"
    AUDITOR = "auditor", "Auditor"
    ADMINISTRATOR = "administrator", "Administrator"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who signs in with this address; lower-cased, since mail ignores case."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """An administrator of the installation; four eyes bind this one as well.

        Whoever may run commands here need not prove the address before the first sign-in.
        """
        with transaction.atomic():
            user = self.create_user(
                email, password, is_superuser=True, roles=[Role.ADMINISTRATOR], **fields
            )
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
            append(
                stream=user.subject,
                kind="user.created",
                by=system("command"),
                at=timezone.now(),
                data={"roles": user.roles, "superuser": True},
            )
        return user

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email=(email or "").strip().lower())

    def with_role(self, role: str) -> models.QuerySet["User"]:
        """Active people who hold a role, in a stable order."""
        return self.filter(is_active=True, roles__contains=[role]).order_by("id")


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The address is the name to sign in with."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    roles = ArrayField(
        models.CharField(max_length=20, choices=Role.choices), default=list, blank=True
    )
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    time_zone = models.CharField(
        max_length=60, default="UTC", help_text="An IANA name such as Europe/Berlin."
    )
    # What a mail server said about the address before this moment counts no more.
    address_good_since = models.DateTimeField(null=True, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects = UserManager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(Lower("email"), name="people_user_one_per_address"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_staff(self) -> bool:
        """Everyone with a role may open the admin; what they see there is decided per model."""
        return self.is_active and (self.is_superuser or bool(self.roles))

    @property
    def subject(self) -> str:
        return f"user:{self.pk}"


class Team(models.Model):
    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    team = models.ForeignKey(Team, models.CASCADE)
    user = models.ForeignKey(User, models.CASCADE)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["team", "user"], name="%(app_label)s_%(class)s_one_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class QuietHours(models.Model):
    """When a person is not to be told anything, in their own time zone.

    ``weekdays`` are those on which it begins (0 is Monday); what ends at or before its beginning
    ends on the next day.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="quiet_hours")
    weekdays = ArrayField(models.PositiveSmallIntegerField())
    starts = models.TimeField()
    ends = models.TimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        verbose_name_plural = "quiet hours"

    def __str__(self) -> str:
        return f"{self.starts:%H:%M} to {self.ends:%H:%M}"


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def running(self, *, at: datetime) -> "DelegationQuerySet":
        """Absences that hold at this moment."""
        return self.filter(starts_at__lte=at, ends_at__gt=at, ended_at=None)


class Delegation(models.Model):
    """A person is away; a colleague is told and may answer instead. No colleague: told to nobody.

    Whoever answers instead does so in their own name, with their own roles; both are on record.
    """

    person = models.ForeignKey(User, models.CASCADE, related_name="absences")
    delegate = models.ForeignKey(User, models.CASCADE, null=True, related_name="delegations")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-starts_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="%(app_label)s_%(class)s_ends_later",
            ),
            models.CheckConstraint(
                condition=~models.Q(delegate=models.F("person")) | models.Q(delegate__isnull=True),
                name="%(app_label)s_%(class)s_to_somebody_else",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} away until {self.ends_at:%Y-%m-%d %H:%M}"


class Runner(models.Model):
    """A machine that runs agents: it proposes, asks and reports, and never approves.

    ``agents`` holds the slugs it may act for; empty means none.
    """

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80, unique=True)
    owner = models.ForeignKey(User, models.PROTECT, related_name="runners")
    agents = ArrayField(models.SlugField(max_length=120), default=list, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    is_authenticated = True
    is_anonymous = False

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def subject(self) -> str:
        return f"runner:{self.pk}"

    def may_act_for(self, agent: str) -> bool:
        """Whether this runner may ask and report as the agent with this slug."""
        return self.is_active and (agent in self.agents or "*" in self.agents)


class Scope(models.TextChoices):
    READ = "read", "Read definitions, constitution and its own cases"
    PROPOSE = "propose", "Propose versions"
    ESCALATE = "escalate", "Escalate, wait, answer, spend and report"


class RunnerKeyQuerySet(models.QuerySet["RunnerKey"]):
    def usable(self, *, at: datetime) -> "RunnerKeyQuerySet":
        """Keys that open something at this moment."""
        return self.filter(
            revoked_at=None,
            expires_at__gt=at,
            runner__is_active=True,
            runner__owner__is_active=True,
        )


class RunnerKey(models.Model):
    """A runner's credential. Only its SHA-256 is stored; the prefix names it to people."""

    runner = models.ForeignKey(Runner, models.CASCADE, related_name="keys")
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices), default=list)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    objects = RunnerKeyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(revoked_at=None, revoked_by=None)
                | models.Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="%(app_label)s_%(class)s_revoked_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"
