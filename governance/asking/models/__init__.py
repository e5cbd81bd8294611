"""Questions to people: policies with their ladders, open asks, the outbox, review links."""

from governance.asking.models.asks import (
    Ask,
    AskQuerySet,
    Comment,
    Sighting,
    Snooze,
    SnoozeQuerySet,
    Watcher,
)
from governance.asking.models.loops import Heartbeat, Repair
from governance.asking.models.notices import (
    NOTIFICATION_TRANSITIONS,
    Bounce,
    Channel,
    Held,
    Notification,
    NotificationState,
    Preference,
    PushSubscription,
    Reason,
    ReviewLink,
)
from governance.asking.models.policies import (
    AskKind,
    Audience,
    Authentication,
    OptionAuthority,
    PermitScope,
    Policy,
    PolicyVersion,
    Rung,
)

__all__ = [
    "NOTIFICATION_TRANSITIONS",
    "Ask",
    "AskKind",
    "AskQuerySet",
    "Audience",
    "Authentication",
    "Bounce",
    "Channel",
    "Comment",
    "Heartbeat",
    "Held",
    "Notification",
    "NotificationState",
    "OptionAuthority",
    "PermitScope",
    "Policy",
    "PolicyVersion",
    "Preference",
    "PushSubscription",
    "Reason",
    "Repair",
    "ReviewLink",
    "Rung",
    "Sighting",
    "Snooze",
    "SnoozeQuerySet",
    "Watcher",
]
