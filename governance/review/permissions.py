"""Who may vote, and who may take a review back: the sentences that people read."""

from typing import Any

from governance.asking.models import AskKind
from governance.base.errors import Conflict, NotPermitted, sentence_of
from governance.people.models import User
from governance.people.permissions import Permission, check
from governance.people.services import actor_of
from governance.review.models import Review, ReviewStatus, Vote

NEEDED: dict[str, Permission] = {
    AskKind.REVIEW: Permission.REVIEW,
    AskKind.AMENDMENT: Permission.RATIFY,
}
PEOPLE_ONLY = "Only people vote on versions; a runner never does."
FOUR_EYES = "You wrote, submitted or broke the glass for this: somebody else has to vote on it."
PART_OF_A_LIST = "This version is reviewed as part of a list. Vote on the whole list."
MANDATORY = "This review follows a break-glass: it ends with a verdict, not before."
NOT_YOURS = "Only somebody who wrote or submitted this text may take its review back."


def check_can_vote(user: Any, review: Review) -> None:
    """Raise unless this is a person with the right to vote who did not write the text.

    A runner holds no permission, and being a superuser adds none.
    """
    if not isinstance(user, User):
        raise NotPermitted(PEOPLE_ONLY, code="people_only")
    check(user, NEEDED[review.kind])
    if user.pk in review.excluded:
        raise NotPermitted(FOUR_EYES, code="four_eyes")
    if review.part_of_id is not None:
        raise Conflict(PART_OF_A_LIST, code="part_of_a_list")


def refusal_to_vote(user: Any, review: Review, votes: list[Vote]) -> str:
    """The sentence on the disabled vote button; empty where this person may vote."""
    if review.status != ReviewStatus.IN_REVIEW:
        return f"This review is closed: {review.get_status_display().lower()}."
    if why_not := sentence_of(check_can_vote, user, review):
        return why_not
    if any(vote.voter_id == user.pk for vote in votes):
        return "You have voted. A vote is never changed."
    return ""


def can_withdraw(user: Any, review: Review) -> bool:
    """Whether this person wrote or submitted what is under review, as a whole."""
    is_theirs = isinstance(user, User) and (
        user.pk in review.excluded or str(actor_of(user)) == review.opened_by
    )
    may_end = review.part_of_id is None and not review.mandatory
    return is_theirs and may_end and review.status == ReviewStatus.IN_REVIEW


def check_can_withdraw(user: Any, review: Review) -> None:
    """Raise unless this person wrote or submitted it and may still propose versions."""
    check(user, Permission.PROPOSE)
    if user.pk not in review.excluded and str(actor_of(user)) != review.opened_by:
        raise NotPermitted(NOT_YOURS)
    if review.mandatory:
        raise Conflict(MANDATORY, code="mandatory")
    if review.part_of_id is not None:
        raise Conflict("This is part of a list. Withdraw the whole list.", code="part_of_a_list")
