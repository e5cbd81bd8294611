"""Cases: the question of a runner, the choices, the thread, the runner's signs of life."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from agents.models import Tier
from governance.base.transitions import check_transition


class Status(models.TextChoices):
    OPEN = "open", "Open"
    INFO_REQUESTED = "info_requested", "Waiting for the runner's answer"
    DECIDED = "decided", "Decided"
    WITHDRAWN = "withdrawn", "Withdrawn by the runner"
    DISMISSED = "dismissed", "Dismissed: nobody decided"


TRANSITIONS: dict[str, set[str]] = {
    Status.OPEN: {Status.INFO_REQUESTED, Status.DECIDED, Status.WITHDRAWN, Status.DISMISSED},
    Status.INFO_REQUESTED: {Status.OPEN, Status.DECIDED, Status.WITHDRAWN, Status.DISMISSED},
    Status.DECIDED: set(),
    Status.WITHDRAWN: set(),
    Status.DISMISSED: set(),
}


TONES: dict[str, str] = {
    Status.OPEN: "waiting",
    Status.INFO_REQUESTED: "info",
    Status.DECIDED: "good",
    Status.WITHDRAWN: "neutral",
    Status.DISMISSED: "neutral",
}


# How the subject of a question about a case begins, before the number of the case.
SUBJECT = "escalation:ESC-"
UNRESOLVED = (Status.OPEN, Status.INFO_REQUESTED)


def subject_of(pk: int) -> str:
    """What history, questions to people and permits call a case."""
    return f"{SUBJECT}{pk}"


class EscalationQuerySet(models.QuerySet["Escalation"]):
    def unresolved(self) -> "EscalationQuerySet":
        """Cases that wait for people or for the runner's answer."""
        return self.filter(status__in=UNRESOLVED)


class Escalation(models.Model):
    """A case. ``request`` holds the canonical bytes that people are shown and decide on.

    ``revision`` grows with every change that the runner can see; waiting is for a revision.
    ``body_sha256`` is of what the runner sent, for the idempotency check. ``triggers`` and
    ``principles`` are the keys that the portal found the question to touch. Equal questions share
    a ``group_key``. ``supersedes`` is the case whose question was edited into this one;
    ``follows_up`` the one whose constraint was broken. ``search`` is kept by the database.
    """

    agent = models.ForeignKey("agents.Agent", models.PROTECT, related_name="escalations")
    version = models.ForeignKey(
        "agents.AgentVersion", models.PROTECT, related_name="escalations", null=True
    )
    runner = models.ForeignKey("people.Runner", models.PROTECT, related_name="escalations")
    environment = models.CharField(max_length=40)
    project = models.CharField(max_length=200, blank=True)
    instance = models.CharField(max_length=200, blank=True)
    run = models.CharField(max_length=200, blank=True)
    title = models.CharField(max_length=200)
    request = models.BinaryField()
    request_sha256 = models.CharField(max_length=64)
    source_format = models.CharField(max_length=20)
    findings = models.JSONField(default=list)
    risk = models.CharField(max_length=10, choices=Tier.choices)
    risk_reasons = models.JSONField(default=list)
    blocking = models.BooleanField(default=True)
    has_action = models.BooleanField(default=False)
    wait_until = models.DateTimeField(null=True)
    triggers = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    principles = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    action_kind = models.CharField(max_length=80, blank=True)
    group_key = models.CharField(max_length=64, blank=True)
    supersedes = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="superseded_by"
    )
    follows_up = models.ForeignKey("self", models.PROTECT, null=True, related_name="follow_ups")
    search = SearchVectorField(null=True, editable=False)
    idempotency_key = models.CharField(max_length=200)
    body_sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.OPEN)
    revision = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    settled_reason = models.TextField(blank=True)

    objects = EscalationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["runner", "idempotency_key"],
                name="%(app_label)s_%(class)s_one_per_idempotency_key",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "info_requested"], settled_at=None)
                | Q(status__in=["decided", "withdrawn", "dismissed"], settled_at__isnull=False),
                name="%(app_label)s_%(class)s_settled_has_a_time",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["-id"],
                condition=Q(status__in=["open", "info_requested"]),
                name="escalation_unresolved",
            ),
            models.Index(fields=["runner", "-id"], name="escalation_runner"),
            models.Index(fields=["agent", "-id"], name="escalation_agent"),
            models.Index(
                fields=["group_key", "-id"],
                condition=~Q(group_key=""),
                name="escalation_group",
            ),
            models.Index(fields=["runner", "run", "-id"], name="escalation_run"),
            models.Index(
                fields=["settled_at"],
                condition=Q(settled_at__isnull=False),
                name="escalation_settled",
            ),
            GinIndex(fields=["search"], name="escalation_search"),
            GinIndex(fields=["triggers"], name="escalation_triggers"),
            GinIndex(fields=["principles"], name="escalation_principles"),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("case", args=[self.pk])

    @property
    def ref(self) -> str:
        return f"ESC-{self.pk}"

    @property
    def subject(self) -> str:
        return subject_of(self.pk)

    @property
    def tone(self) -> str:
        return TONES[self.status]

    @property
    def is_unresolved(self) -> bool:
        return self.status in UNRESOLVED

    def move_to(self, status: str) -> None:
        """Change the status as the table allows, or raise ``InvalidTransition``."""
        check_transition(TRANSITIONS, what=self.ref, now=self.status, to=status)
        self.status = status


class Option(models.Model):
    """One of the choices that the runner offered."""

    escalation = models.ForeignKey(Escalation, models.PROTECT, related_name="options")
    position = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=80)
    label = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    pros = models.JSONField(default=list)
    cons = models.JSONField(default=list)
    consequence = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["escalation", "key"], name="%(app_label)s_%(class)s_one_per_key"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Message(models.Model):
    """The thread: what people ask the runner, and what it answers. Never changed.

    A question that ``wants_edit`` is answered by an edited question that supersedes the case.
    """

    escalation = models.ForeignKey(Escalation, models.PROTECT, related_name="messages")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    runner = models.ForeignKey("people.Runner", models.PROTECT, null=True, related_name="+")
    text = models.TextField()
    is_question = models.BooleanField(default=False)
    wants_edit = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(author__isnull=False, runner=None)
                | Q(author=None, runner__isnull=False),
                name="%(app_label)s_%(class)s_one_speaker",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:60]


class Presence(models.Model):
    """The last sign of life of the runner that asked. Operational, not part of the case.

    In PostgreSQL, so that a flushed cache makes nobody look gone. ``fetched_at`` is when the
    answer was first handed out after the case was settled: until then it is kept for the next
    session of the runner.
    """

    escalation = models.OneToOneField(
        Escalation, models.CASCADE, related_name="presence", primary_key=True
    )
    last_seen_at = models.DateTimeField()
    fetched_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["escalation"], condition=Q(fetched_at=None), name="presence_unfetched"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.escalation_id} seen {self.last_seen_at}"
