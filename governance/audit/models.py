"""The tamper-evident history: one hash chain per stream."""

from typing import ClassVar

from django.db import models

GENESIS = b"\x00" * 32


class Stream(models.Model):
    """The head of one chain: how many events it holds, and the hash of the last one.

    Its row is locked and advanced in the transaction that changes the subject.
    """

    name = models.CharField(max_length=160, primary_key=True)
    length = models.PositiveBigIntegerField(default=0)
    head = models.BinaryField(default=GENESIS)

    def __str__(self) -> str:
        return self.name


class AuditEvent(models.Model):
    """One link of a chain. ``body`` holds the canonical bytes that were hashed."""

    stream = models.ForeignKey(Stream, models.PROTECT, related_name="events")
    number = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=80)
    actor = models.CharField(max_length=160)
    subject = models.CharField(max_length=160)
    at = models.DateTimeField()
    body = models.BinaryField()
    previous = models.BinaryField()
    digest = models.BinaryField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["stream", "number"], name="%(app_label)s_%(class)s_one_per_number"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["kind", "-id"], name="auditevent_kind"),
            models.Index(fields=["actor", "-id"], name="auditevent_actor"),
            models.Index(fields=["at"], name="auditevent_at"),
        ]

    def __str__(self) -> str:
        return f"{self.stream_id}#{self.number} {self.kind}"
