"""What the tests of asking share."""

import json
from datetime import timedelta

from django.db import transaction

from governance.asking.models import AskKind, Notification, Reason, ReviewLink
from governance.asking.services import open_ask
from governance.audit.actors import Actor
from governance.audit.models import AuditEvent


def ask_for(now, **changes):
    fields = {
        "kind": AskKind.CASE,
        "subject": "escalation:ESC-1",
        "title": "Which authentication?",
        "path": "/cases/ESC-1/",
        "fingerprint": "ab" * 32,
        "excluded": [],
        "by": Actor("runner", "1"),
        "at": now,
    }
    with transaction.atomic():
        return open_ask(**fields | changes)


def notify(ask, user, now, **changes):
    fields = {
        "ask": ask,
        "recipient": user,
        "reason": Reason.ASKED,
        "step": 0,
        "dedupe_key": f"{ask.pk}:0:0:{user.pk}",
        "created_at": now,
        "due_at": now,
    }
    notice = Notification.objects.create(**fields | changes)
    link = ReviewLink.objects.create(
        ask=ask, recipient=user, created_at=now, expires_at=now + timedelta(days=30)
    )
    return notice, link


def events_of(ask):
    """Kind and data of each event on the subject's stream, in order."""
    return [
        (event.kind, json.loads(bytes(event.body))["data"])
        for event in AuditEvent.objects.filter(stream=ask.subject).order_by("number")
    ]


def kinds_of(ask):
    return [kind for kind, _ in events_of(ask)]
