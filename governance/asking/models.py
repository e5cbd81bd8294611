"""Questions to people: policies with their ladders, open asks, the outbox, review links."""

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.people.models import Role


class AskKind(models.TextChoices):
    CASE = "case", "Case"
    REVIEW = "review", "Review of a version"
    AMENDMENT = "amendment", "Amendment of the constitution"
    CONFIGURATION = "configuration", "Change of the configuration"


class Policy(models.Model):
    """Who decides, in which order, how often they are reminded, and how many votes it takes.

    Copied into the ask when that is opened: later edits do not move a running question.
    """

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)
    kind = models.CharField(max_length=20, choices=AskKind.choices)
    is_default = models.BooleanField(default=False)
    required_votes = models.PositiveSmallIntegerField(default=1)
    teams = models.ManyToManyField(
        "people.Team",
        related_name="policies",
        blank=True,
        help_text="Each of these teams gives one of the approvals.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["kind", "name"]
        verbose_name_plural = "policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(is_default=True),
                name="%(app_label)s_%(class)s_one_default_per_kind",
            ),
            models.CheckConstraint(
                condition=Q(required_votes__gte=1), name="%(app_label)s_%(class)s_somebody_votes"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Audience(models.TextChoices):
    ROLE = "role", "Everybody with a role"
    TEAM = "team", "A team"
    PERSON = "person", "One person"


class Rung(models.Model):
    """One step of the ladder: whom to tell, how long after the step before, how often again."""

    policy = models.ForeignKey(Policy, models.CASCADE, related_name="rungs")
    position = models.PositiveSmallIntegerField()
    audience = models.CharField(max_length=10, choices=Audience.choices)
    role = models.CharField(max_length=20, choices=Role.choices, blank=True)
    team = models.ForeignKey("people.Team", models.PROTECT, null=True, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    delay = models.DurationField(default=timedelta(0))
    repeat_every = models.DurationField(default=timedelta(hours=4))
    repeat_cap = models.DurationField(default=timedelta(hours=24))

    class Meta:
        ordering: ClassVar[list[str]] = ["policy", "position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["policy", "position"],
                # Checked at commit, so that two steps can change places in one save.
                deferrable=models.Deferrable.DEFERRED,
                name="%(app_label)s_%(class)s_one_per_position",
            ),
            models.CheckConstraint(
                condition=Q(audience="role", team=None, person=None) & ~Q(role="")
                | Q(audience="team", team__isnull=False, person=None, role="")
                | Q(audience="person", person__isnull=False, team=None, role=""),
                name="%(app_label)s_%(class)s_names_its_audience",
            ),
            models.CheckConstraint(
                condition=Q(repeat_every__gt=timedelta(0)) & Q(repeat_cap__gte=F("repeat_every")),
                name="%(app_label)s_%(class)s_repeats_for_ever",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy}, step {self.position}"


class AskQuerySet(models.QuerySet["Ask"]):
    def open(self) -> "AskQuerySet":
        """Asks that wait for people."""
        return self.filter(closed_at=None)

    def due(self, *, at: datetime) -> "AskQuerySet":
        """Open asks whose next step or reminder is to be made, the longest waiting first."""
        return self.open().filter(next_action_at__lte=at).order_by("next_action_at", "id")


class Ask(models.Model):
    """One open question to people, whatever it is about.

    ``ladder`` is a list of ``{position, audience, role, team, person, delay_s, repeat_s, cap_s}``;
    ``step`` is the index of the step reached, -1 before the first; ``repeats`` counts reminders
    on this step. ``excluded`` are the people who may not answer it (authors, owners). ``about``
    is a line for the mail, such as the agent and the risk. An action is due at ``due_at`` too.
    """

    kind = models.CharField(max_length=20, choices=AskKind.choices)
    subject = models.CharField(max_length=160)
    title = models.CharField(max_length=200)
    about = models.CharField(max_length=200, blank=True)
    path = models.CharField(max_length=300)
    fingerprint = models.CharField(max_length=64)
    policy_name = models.CharField(max_length=80)
    required_votes = models.PositiveSmallIntegerField()
    ladder = models.JSONField()
    excluded = ArrayField(models.BigIntegerField(), default=list, blank=True)
    step = models.SmallIntegerField(default=-1)
    repeats = models.PositiveIntegerField(default=0)
    next_action_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )
    claimed_at = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_because = models.CharField(max_length=40, blank=True)

    objects = AskQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["subject"],
                condition=Q(closed_at=None),
                name="%(app_label)s_%(class)s_one_open_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, next_action_at__isnull=False, closed_because="")
                | Q(closed_at__isnull=False, next_action_at=None) & ~Q(closed_because=""),
                name="%(app_label)s_%(class)s_open_means_a_next_action",
            ),
            models.CheckConstraint(
                condition=Q(claimed_at=None, claimed_by=None)
                | Q(claimed_at__isnull=False, claimed_by__isnull=False),
                name="%(app_label)s_%(class)s_claimed_by_somebody",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["next_action_at", "id"], condition=Q(closed_at=None), name="ask_due"
            ),
            models.Index(fields=["subject"], name="ask_subject"),
        ]

    def __str__(self) -> str:
        return self.title

    def no_later_than_due(self, planned: datetime, *, at: datetime) -> datetime:
        """The planned moment of the next action, or the day the answer is due, if that is first."""
        return min(planned, self.due_at) if self.due_at and self.due_at > at else planned


class Sighting(models.Model):
    """Somebody looked at what is asked: a CSRF-protected POST by a signed-in person."""

    ask = models.ForeignKey(Ask, models.CASCADE, related_name="sightings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    first_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["ask", "user"], name="%(app_label)s_%(class)s_one_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} saw {self.ask}"


class NotificationState(models.TextChoices):
    PENDING = "pending", "Waiting"
    SENDING = "sending", "Being sent"
    ACCEPTED = "accepted", "Accepted by the mail server"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


NOTIFICATION_TRANSITIONS: dict[str, set[str]] = {
    NotificationState.PENDING: {NotificationState.SENDING, NotificationState.CANCELLED},
    NotificationState.SENDING: {
        NotificationState.ACCEPTED,
        NotificationState.PENDING,
        NotificationState.FAILED,
        NotificationState.CANCELLED,
    },
    NotificationState.ACCEPTED: set(),
    NotificationState.FAILED: set(),
    NotificationState.CANCELLED: set(),
}


class Reason(models.TextChoices):
    ASKED = "asked", "First notice"
    REMINDER = "reminder", "Reminder"
    NEWS = "news", "News"
    SETTLED = "settled", "Settled"


class Notification(models.Model):
    """An outbox row, written in the transaction of what it tells.

    Claimed with a lease by dispatch; ``dedupe_key`` makes a second row for the same notice
    impossible; a retried mail carries the same ``Message-ID``.
    """

    ask = models.ForeignKey(Ask, models.CASCADE, related_name="notifications")
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    reason = models.CharField(max_length=20, choices=Reason.choices)
    step = models.SmallIntegerField()
    dedupe_key = models.CharField(max_length=200, unique=True)
    message_id = models.UUIDField(default=uuid.uuid4, unique=True)
    state = models.CharField(
        max_length=12, choices=NotificationState.choices, default=NotificationState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state="sending", lease_until__isnull=False)
                | ~Q(state="sending") & Q(lease_until=None),
                name="%(app_label)s_%(class)s_sending_has_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "sending"], settled_at=None)
                | Q(state__in=["accepted", "failed", "cancelled"], settled_at__isnull=False),
                name="%(app_label)s_%(class)s_settled_has_a_time",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["due_at", "id"],
                condition=Q(state__in=["pending", "sending"]),
                name="notification_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} to {self.recipient_id}"


class ReviewLink(models.Model):
    """The one link per ask and recipient. The token is derived from the id, never stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    ask = models.ForeignKey(Ask, models.CASCADE, related_name="links")
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["ask", "recipient"], name="%(app_label)s_%(class)s_one_per_recipient"
            ),
        ]

    def __str__(self) -> str:
        return f"link for {self.recipient_id}"


class Heartbeat(models.Model):
    """When a loop last completed a whole cycle."""

    name = models.CharField(max_length=40, primary_key=True)
    completed_at = models.DateTimeField()
    handled = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name
