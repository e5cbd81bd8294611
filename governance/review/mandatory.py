"""Reviews that must end with a verdict, because what they judge runs already."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from governance.asking.models import Ask
from governance.asking.outbox import tell as tell_people
from governance.asking.poke import poke_dispatch
from governance.audit.actors import Actor
from governance.audit.services import append
from governance.base.errors import Conflict
from governance.people.models import User
from governance.review.models import Review, ReviewStatus
from governance.review.services import locked_review

LONGEST_ABOUT = 200


@transaction.atomic
def require_verdict(
    *,
    review_id: int,
    excluded: Collection[int],
    about: str,
    tell: Sequence[User],
    by: Actor,
    at: datetime,
) -> Review:
    """From now on nobody takes this open review back, and the ``excluded`` do not vote on it.

    Votes given before stay. ``about`` leads its mails; ``tell`` get one at once, whoever the
    policy names.
    """
    review = locked_review(review_id)
    if review.status != ReviewStatus.IN_REVIEW:
        raise Conflict("This review is closed.", code="closed")
    review.mandatory = True
    review.excluded = sorted({*review.excluded, *excluded})
    review.save(update_fields=["mandatory", "excluded"])
    append(
        stream=review.stream,
        kind="review.made_mandatory",
        by=by,
        at=at,
        data={"about": review.subject, "excluded": review.excluded},
    )
    _tell(review, about, tell, at)
    return review


def _tell(review: Review, about: str, tell: Sequence[User], at: datetime) -> None:
    ask = Ask.objects.open().select_for_update(no_key=True).get(subject=review.stream)
    ask.excluded = review.excluded
    if not ask.about.startswith(about):
        ask.about = f"{about} {ask.about}".strip()[:LONGEST_ABOUT]
    ask.save(update_fields=["excluded", "about"])
    tell_people(ask, [one for one in tell if one.pk not in ask.excluded], why="mandatory", at=at)
    poke_dispatch()
