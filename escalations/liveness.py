"""Whether the runner of a case is there: by its stored sign of life only, never by a cache."""

from datetime import datetime, timedelta

from django.db import models

from escalations.models import Escalation, Presence

# A long poll is held for a minute at most, a stream looks every fifteen seconds.
LISTENING_FOR = timedelta(seconds=90)
GONE_AFTER = timedelta(minutes=15)


class Liveness(models.TextChoices):
    LISTENING = "listening", "Listening"
    PARKED = "parked", "Parked"
    GONE = "gone", "Gone"


SENTENCES: dict[str, str] = {
    Liveness.LISTENING: "The runner waits for the answer at this moment.",
    Liveness.PARKED: "The runner does not listen at this moment. The answer is kept for it.",
    Liveness.GONE: (
        "The runner has shown no sign of life for a while. The answer is kept for its next session."
    ),
}


def liveness(case: Escalation, *, at: datetime) -> Liveness:
    """``listening``, ``parked`` or ``gone`` at this moment."""
    presence = getattr(case, "presence", None)
    return liveness_of(presence.last_seen_at if presence else None, at=at)


def liveness_of(last_seen_at: datetime | None, *, at: datetime) -> Liveness:
    """The same by the moment of the last sign of life."""
    if last_seen_at is None or at - last_seen_at >= GONE_AFTER:
        return Liveness.GONE
    return Liveness.LISTENING if at - last_seen_at < LISTENING_FOR else Liveness.PARKED


def is_gone(case: Escalation, *, at: datetime) -> bool:
    """Whether the runner has shown no sign of life for a while, as it is stored now."""
    seen = Presence.objects.filter(pk=case.pk).values_list("last_seen_at", flat=True).first()
    return liveness_of(seen, at=at) is Liveness.GONE
