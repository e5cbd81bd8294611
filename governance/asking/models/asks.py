"""Open questions to people, and who looked at them."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.asking.models.policies import AskKind


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
    ``rules`` is the rest of the policy's copy (see ``policies.rules_of``), ``facts`` is what the
    policy was matched on, ``owner`` the agent's owner for the steps that name them.
    ``unreached`` says why nobody got the last notices: the next sweep climbs at once. Equal open
    questions share a ``group_key``.
    """

    kind = models.CharField(max_length=20, choices=AskKind.choices)
    subject = models.CharField(max_length=160)
    title = models.CharField(max_length=200)
    about = models.CharField(max_length=200, blank=True)
    path = models.CharField(max_length=300)
    fingerprint = models.CharField(max_length=64)
    policy_name = models.CharField(max_length=80)
    policy_version = models.ForeignKey(
        "asking.PolicyVersion", models.PROTECT, null=True, related_name="asks"
    )
    rules = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    group_key = models.CharField(max_length=64, blank=True)
    wakes_people = models.BooleanField(default=False)
    in_digest = models.BooleanField(default=False)
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
    unreached = models.CharField(max_length=200, blank=True)
    nudged_at = models.DateTimeField(null=True)
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
            models.Index(
                fields=["group_key", "id"],
                condition=Q(closed_at=None) & ~Q(group_key=""),
                name="ask_group",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def no_later_than_due(self, planned: datetime, *, at: datetime) -> datetime:
        """The planned moment of the next action, or the day the answer is due, if that is first."""
        return min(planned, self.due_at) if self.due_at and self.due_at > at else planned


class Sighting(models.Model):
    """Somebody looked at what is asked: a CSRF-protected POST by a signed-in person.

    ``action_opened_at`` is when they opened the details of the act, where there are any.
    """

    ask = models.ForeignKey(Ask, models.CASCADE, related_name="sightings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    first_at = models.DateTimeField()
    action_opened_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["ask", "user"], name="%(app_label)s_%(class)s_one_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} saw {self.ask}"


class SnoozeQuerySet(models.QuerySet["Snooze"]):
    def running(self, *, at: datetime) -> "SnoozeQuerySet":
        """Those that hold reminders back at this moment."""
        return self.filter(until__gt=at, ended_at=None)


class Snooze(models.Model):
    """One person is not reminded of one question until a time; everybody else is, as before."""

    ask = models.ForeignKey(Ask, models.CASCADE, related_name="snoozes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    until = models.DateTimeField()
    reason = models.CharField(max_length=500)
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = SnoozeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(until__gt=models.F("at")), name="%(app_label)s_%(class)s_ends_later"
            ),
            models.UniqueConstraint(
                fields=["ask", "user"],
                condition=Q(ended_at=None),
                name="%(app_label)s_%(class)s_one_per_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} until {self.until:%Y-%m-%d %H:%M}"


class Watcher(models.Model):
    """Somebody who wants the news of a subject, whether or not they may answer."""

    subject = models.CharField(max_length=160)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    since = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["subject", "user"], name="%(app_label)s_%(class)s_one_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} watches {self.subject}"


class Comment(models.Model):
    """A word among colleagues about a question. The runner never sees it. Never changed."""

    ask = models.ForeignKey(Ask, models.PROTECT, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.TextField()
    mentioned = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return self.text[:60]
