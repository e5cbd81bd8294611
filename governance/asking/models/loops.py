"""When the loops of the engine last turned, and what its auditor had to repair."""

from typing import ClassVar

from django.db import models


class Heartbeat(models.Model):
    """When a loop last completed a whole cycle."""

    name = models.CharField(max_length=40, primary_key=True)
    completed_at = models.DateTimeField()
    handled = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class Repair(models.Model):
    """Something that must never be and was found by the auditor. ``mended`` says whether it is."""

    what = models.CharField(max_length=40)
    subject = models.CharField(max_length=160)
    sentence = models.CharField(max_length=300)
    mended = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.what}: {self.subject}"
