"""The outbox: what is to be sent and what became of it; the links in the mails."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.asking.models.asks import Ask
from governance.people.models import User


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
    NUDGE = "nudge", "Nudge by a colleague"
    MENTION = "mention", "Mentioned by a colleague"
    NEWS = "news", "News"
    SETTLED = "settled", "Settled"
    DIGEST = "digest", "Daily digest"


class Channel(models.TextChoices):
    MAIL = "mail", "Mail"
    PUSH = "push", "Web push"
    CHAT = "chat", "Chat"


class Held(models.TextChoices):
    """Why a notice did not go out at once."""

    QUIET_HOURS = "quiet_hours", "Quiet hours"
    LIMIT = "limit", "Mails an hour"


class Notification(models.Model):
    """An outbox row, written in the transaction of what it tells.

    Claimed with a lease by dispatch; ``dedupe_key`` makes a second row for the same notice
    impossible; a retried mail carries the same ``Message-ID``. A digest is about no single ask.
    A chat message goes to a room, not to a person. What went out in the mail of another notice
    names it in ``bundled_into`` and shares its lease and its end. ``held`` says why ``due_at`` is
    later than ``created_at``.
    """

    ask = models.ForeignKey(Ask, models.CASCADE, related_name="notifications", null=True)
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True)
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.MAIL)
    bundled_into = models.ForeignKey("self", models.CASCADE, null=True, related_name="bundled")
    reason = models.CharField(max_length=20, choices=Reason.choices)
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+"
    )
    step = models.SmallIntegerField()
    dedupe_key = models.CharField(max_length=200, unique=True)
    message_id = models.UUIDField(default=uuid.uuid4, unique=True)
    state = models.CharField(
        max_length=12, choices=NotificationState.choices, default=NotificationState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    held = models.CharField(max_length=12, choices=Held.choices, blank=True)
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
            models.CheckConstraint(
                condition=Q(reason="digest", ask=None) | ~Q(reason="digest") & Q(ask__isnull=False),
                name="%(app_label)s_%(class)s_only_a_digest_has_no_ask",
            ),
            models.CheckConstraint(
                condition=Q(channel="chat", recipient=None)
                | ~Q(channel="chat") & Q(recipient__isnull=False),
                name="%(app_label)s_%(class)s_chat_has_no_recipient",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["due_at", "id"],
                condition=Q(state__in=["pending", "sending"]),
                name="notification_due",
            ),
            models.Index(
                fields=["recipient", "settled_at"],
                condition=Q(state="accepted"),
                name="notification_told",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} to {self.recipient_id}"

    @property
    def question(self) -> Ask:
        """What it is about; a digest is about no single question and has none to give."""
        if self.ask is None:
            raise ValueError(f"notice {self.pk} is about no single question")
        return self.ask

    @property
    def person(self) -> User:
        """Whom it tells; a message to a room tells nobody in particular."""
        if self.recipient is None:
            raise ValueError(f"notice {self.pk} goes to nobody in particular")
        return self.recipient


class Bounce(models.Model):
    """An address that a mail server refused, at once or later by a report."""

    notification = models.ForeignKey(
        Notification, models.CASCADE, null=True, related_name="bounces"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="bounces")
    address = models.EmailField()
    is_permanent = models.BooleanField()
    text = models.CharField(max_length=500)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.address}: {self.text[:40]}"


class PushSubscription(models.Model):
    """A browser that shows notices of one person (W3C Push API)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="push_subscriptions"
    )
    endpoint = models.URLField(max_length=500, unique=True)
    p256dh = models.CharField(max_length=120)
    auth = models.CharField(max_length=60)
    label = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return self.label or f"browser {self.pk}"


class Preference(models.Model):
    """How one person wants to be told. The digest comes at an hour of their own time zone."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="preference"
    )
    digest_at = models.TimeField(null=True, blank=True)
    last_digest_on = models.DateField(null=True)

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"


class ReviewLink(models.Model):
    """The one link per ask and recipient. Token and word are derived from the id, never stored.

    ``word_failures`` counts wrong words: after a few of them the word opens nothing any more, and
    the recipient signs in instead.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    ask = models.ForeignKey(Ask, models.CASCADE, related_name="links")
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    word_failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["ask", "recipient"], name="%(app_label)s_%(class)s_one_per_recipient"
            ),
        ]

    def __str__(self) -> str:
        return f"link for {self.recipient_id}"
