"""What came in together: one run of the importer, and what became of each file."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from agents.models.definitions import Family


class ImportRun(models.Model):
    """One upload, folder or command.

    ``results`` is a list of ``{file, result, agent, sequence, findings, sentence}``; ``counts``
    says how many files there are of each result (new, changed, unchanged, refused).
    """

    family = models.ForeignKey(Family, models.PROTECT, related_name="import_runs", null=True)
    source = models.CharField(max_length=20)
    name = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    runner = models.ForeignKey("people.Runner", models.PROTECT, related_name="+", null=True)
    at = models.DateTimeField()
    counts = models.JSONField(default=dict)
    results = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(by__isnull=False) | models.Q(runner__isnull=False),
                name="%(app_label)s_%(class)s_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"Import {self.pk}"
