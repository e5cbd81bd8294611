"""Changes that loosen something: asked for by one administrator, confirmed by another."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.base.transitions import check_transition


class ChangeState(models.TextChoices):
    OPEN = "open", "Waits for a second administrator"
    CONFIRMED = "confirmed", "Confirmed"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Taken back"


CHANGE_TRANSITIONS: dict[str, set[str]] = {
    ChangeState.OPEN: {ChangeState.CONFIRMED, ChangeState.REFUSED, ChangeState.WITHDRAWN},
    ChangeState.CONFIRMED: set(),
    ChangeState.REFUSED: set(),
    ChangeState.WITHDRAWN: set(),
}
CHANGE_TONES: dict[str, str] = {
    ChangeState.OPEN: "waiting",
    ChangeState.CONFIRMED: "warn",
    ChangeState.REFUSED: "good",
    ChangeState.WITHDRAWN: "neutral",
}


class ConfigurationChange(models.Model):
    """One change, as a whole: what the thing is now, and what it would be.

    ``kind`` and ``object_id`` name the thing; a new one has no id yet. ``before`` has to hold
    still when it is confirmed. ``sentences`` say what it loosens.
    """

    kind = models.CharField(max_length=20)
    object_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=160)
    title = models.CharField(max_length=200)
    before = models.JSONField()
    after = models.JSONField()
    sentences = ArrayField(models.TextField())
    state = models.CharField(max_length=10, choices=ChangeState.choices, default=ChangeState.OPEN)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )
    settled_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["subject"],
                condition=Q(state="open"),
                name="%(app_label)s_%(class)s_one_open_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(state="open", settled_by=None, settled_at=None)
                | ~Q(state="open") & Q(settled_by__isnull=False, settled_at__isnull=False),
                name="%(app_label)s_%(class)s_settled_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["confirmed", "refused"]) | ~Q(settled_by=F("asked_by")),
                name="%(app_label)s_%(class)s_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state="withdrawn") | Q(settled_by=F("asked_by")),
                name="%(app_label)s_%(class)s_own_to_take_back",
            ),
            models.CheckConstraint(
                condition=~Q(sentences=[]), name="%(app_label)s_%(class)s_loosens_something"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def stream(self) -> str:
        """The subject of its question, and its stream in the history."""
        return f"configuration:{self.pk}"

    @property
    def tone(self) -> str:
        return CHANGE_TONES[self.state]

    def move_to(self, state: ChangeState) -> None:
        """Change the state, or refuse."""
        check_transition(CHANGE_TRANSITIONS, what="The request", now=self.state, to=state)
        self.state = state
