"""What must never be of reviews: one that nobody is asked about."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from governance.asking.models import Policy
from governance.asking.watchdogs.auditor import AUDITOR
from governance.asking.watchdogs.checks import Suspect, register
from governance.asking.watchdogs.questions import not_asked
from governance.people.models import Team
from governance.review.models import Review, ReviewStatus
from governance.review.services import ask_people


def not_asked_about(at: datetime, limit: int) -> Iterable[Suspect]:
    """A part of a list is asked about with its list."""
    running = Review.objects.filter(status=ReviewStatus.IN_REVIEW, part_of=None)
    for review in not_asked(running, "review:")[:limit]:
        yield Suspect(
            review.stream, "Nobody was asked about this review.", partial(_ask_again, review.pk)
        )


def _ask_again(review_id: int, at: datetime) -> bool:
    found = Review.objects.filter(pk=review_id, status=ReviewStatus.IN_REVIEW)
    review = found.select_for_update(skip_locked=True).first()
    if review is None or not not_asked(found, "review:").exists():
        return False
    policy = Policy.objects.filter(kind=review.kind, name=review.policy_name).first()
    teams = list(Team.objects.filter(slug__in=review.required_teams))
    ask_people(review, policy, teams, "", AUDITOR, at)
    return True


register("review that nobody is asked about", not_asked_about)
