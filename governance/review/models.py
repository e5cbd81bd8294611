"""How any version becomes approved: reviews and votes, whatever the version is of."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.asking.models import AskKind
from governance.base.transitions import check_transition


class ReviewStatus(models.TextChoices):
    IN_REVIEW = "in_review", "In review"
    APPROVED = "approved", "Approved"
    CHANGES_REQUESTED = "changes_requested", "Changes requested"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"


S = ReviewStatus
TRANSITIONS: dict[str, set[str]] = {
    S.IN_REVIEW: {S.APPROVED, S.CHANGES_REQUESTED, S.REJECTED, S.WITHDRAWN},
    S.APPROVED: set(),
    S.CHANGES_REQUESTED: set(),
    S.REJECTED: set(),
    S.WITHDRAWN: set(),
}
TONES: dict[str, str] = {
    S.IN_REVIEW: "waiting",
    S.APPROVED: "good",
    S.CHANGES_REQUESTED: "warn",
    S.REJECTED: "bad",
    S.WITHDRAWN: "neutral",
}


class Review(models.Model):
    """The approval of one version.

    Bound to the version's sha256, to the constitution version it is judged under and to the
    number of votes the policy asked for when it was opened. A version that is in no review is
    a draft; an edited text is another version with a review of its own. ``required_teams`` are
    slugs of teams: each gives one of the approvals. A review that is ``part_of`` another, of a
    list of versions, has no votes of its own and ends as that one does. A ``mandatory`` one
    judges what runs already: it is never taken back.
    """

    kind = models.CharField(max_length=20, choices=AskKind.choices, default=AskKind.REVIEW)
    subject = models.CharField(max_length=160)
    title = models.CharField(max_length=200)
    path = models.CharField(max_length=300)
    version_sha256 = models.CharField(max_length=64)
    constitution_sha256 = models.CharField(max_length=64, blank=True)
    policy_name = models.CharField(max_length=80)
    required_votes = models.PositiveSmallIntegerField()
    required_teams = ArrayField(models.SlugField(max_length=80), default=list, blank=True)
    excluded = ArrayField(models.BigIntegerField(), default=list, blank=True)
    part_of = models.ForeignKey("self", models.PROTECT, related_name="parts", null=True)
    due_at = models.DateTimeField(null=True, blank=True)
    mandatory = models.BooleanField(default=False)
    status = models.CharField(
        max_length=20, choices=ReviewStatus.choices, default=ReviewStatus.IN_REVIEW
    )
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=160)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["subject"],
                condition=Q(status="in_review"),
                name="%(app_label)s_%(class)s_one_open_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(status="in_review", closed_at=None)
                | ~Q(status="in_review") & Q(closed_at__isnull=False),
                name="%(app_label)s_%(class)s_closed_has_a_time",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subject", "-id"], name="review_subject")
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def tone(self) -> str:
        return TONES[self.status]

    @property
    def stream(self) -> str:
        """The subject of its ask, and the name of its stream in the history."""
        return f"review:{self.pk}"

    @property
    def voted_on(self) -> int:
        """The review that has the votes: for a part of a list, that of the list."""
        return self.part_of_id or self.pk

    def move_to(self, status: str) -> None:
        """Change the status as the table allows, or raise ``InvalidTransition``."""
        check_transition(
            TRANSITIONS, what=f"The review of {self.title}", now=self.status, to=status
        )
        self.status = status


class Verdict(models.TextChoices):
    APPROVE = "approve", "Approve"
    REQUEST_CHANGES = "request_changes", "Request changes"
    REJECT = "reject", "Reject"


class Vote(models.Model):
    """One person's vote on one review; never changed. ``teams`` are the voter's at that time."""

    review = models.ForeignKey(Review, models.PROTECT, related_name="votes")
    voter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="votes")
    verdict = models.CharField(max_length=20, choices=Verdict.choices)
    comment = models.TextField(blank=True)
    version_sha256 = models.CharField(max_length=64)
    constitution_sha256 = models.CharField(max_length=64, blank=True)
    teams = ArrayField(models.SlugField(max_length=80), default=list, blank=True)
    method = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["review", "voter"], name="%(app_label)s_%(class)s_one_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.voter_id}"


class Comment(models.Model):
    """A remark on what is under review: on a line of the text, on a part of it, or on all.

    ``part`` names a part by kind and key (``rule:never-add-dependencies``). The words never
    change; ``resolved_at`` says that it was dealt with.
    """

    review = models.ForeignKey(Review, models.PROTECT, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="comments")
    line = models.PositiveIntegerField(null=True, blank=True)
    part = models.CharField(max_length=180, blank=True)
    text = models.TextField()
    at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(resolved_at=None, resolved_by=None)
                | Q(resolved_at__isnull=False, resolved_by__isnull=False),
                name="%(app_label)s_%(class)s_resolved_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"Comment {self.pk}"
