"""What people chose, the one decision that came of it, and what the runner did with it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from escalations.models.cases import Escalation, Option
from governance.asking.models import Authentication


class Verdict(models.TextChoices):
    APPROVED_OPTION = "approved_option", "Option approved"
    OTHER_APPROACH = "other_approach", "Another approach"
    REJECTED = "rejected", "Rejected"


VERDICT_TONES: dict[str, str] = {
    Verdict.APPROVED_OPTION: "good",
    Verdict.OTHER_APPROACH: "good",
    Verdict.REJECTED: "bad",
}


OPTION_FITS_VERDICT = Q(verdict="approved_option", option__isnull=False) | ~Q(
    verdict="approved_option"
) & Q(option=None)


class Ballot(models.Model):
    """One person's vote on a case, in the fields that the agent reads. Never changed.

    ``request_sha256`` and ``template_version`` say what was shown to the voter, and how;
    ``level`` what they had proved (``Authentication``). A delegate votes in their own name and
    is recorded ``on_behalf_of`` the person who is away. ``scope`` is how far the act may reach
    where this vote approves one (see ``agents.models.Permit``). ``standing`` is the standing
    decision that answered in the name of its author.
    """

    escalation = models.ForeignKey(Escalation, models.PROTECT, related_name="ballots")
    voter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="ballots")
    verdict = models.CharField(max_length=20, choices=Verdict.choices)
    option = models.ForeignKey(Option, models.PROTECT, null=True, related_name="+")
    approach = models.TextField(blank=True)
    constraints = models.JSONField(default=list)
    context = models.TextField(blank=True)
    constitutional_notes = models.TextField(blank=True)
    next_steps = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    request_sha256 = models.CharField(max_length=64)
    template_version = models.CharField(max_length=20)
    method = models.CharField(max_length=40)
    level = models.CharField(
        max_length=12, choices=Authentication.choices, default=Authentication.SIGNED_IN
    )
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    scope = models.JSONField(default=dict)
    by_owner = models.BooleanField(default=False)
    standing = models.ForeignKey(
        "escalations.StandingDecision", models.PROTECT, null=True, related_name="ballots"
    )
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["escalation", "voter"], name="%(app_label)s_%(class)s_one_per_person"
            ),
            models.CheckConstraint(
                condition=OPTION_FITS_VERDICT, name="%(app_label)s_%(class)s_option_fits_verdict"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.voter_id}"


class Decision(models.Model):
    """The outcome of a case: exactly one, by people, never changed.

    ``ballot`` is the vote that met the policy and carries the answer; ``receipt`` is its signed
    proof.
    """

    escalation = models.OneToOneField(Escalation, models.PROTECT, related_name="decision")
    ballot = models.OneToOneField(Ballot, models.PROTECT, related_name="decision")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="decisions"
    )
    at = models.DateTimeField()
    use_before = models.DateTimeField(null=True)
    receipt = models.TextField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"decision of {self.escalation.ref}"


class Result(models.TextChoices):
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown"


class Outcome(models.Model):
    """What the runner did with the answer; ``constraints`` says for each whether it was kept.

    A list of ``{constraint, kept: true|false|null, evidence}``. Never changed.
    """

    escalation = models.OneToOneField(Escalation, models.PROTECT, related_name="outcome")
    result = models.CharField(max_length=12, choices=Result.choices)
    summary = models.TextField(blank=True)
    constraints = models.JSONField(default=list)
    body_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.get_result_display()}: {self.escalation.ref}"
