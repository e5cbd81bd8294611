"""Whether a list is still what it was opened over; at the same number of queries for any list."""

from collections.abc import Sequence

from django.db.models import Subquery

from agents.comparing import good_in
from agents.models import AgentVersion, ReviewBasis, version_subject
from governance.base.errors import Conflict
from governance.constitution.services import current_sha256
from governance.review.models import Review, ReviewStatus

OPEN_ANEW = "Withdraw this list and open it again."


def why_list_is_dead(whole: Review) -> str:
    """Why no vote on the list counts any more; empty while it is as it was opened."""
    if whole.status != ReviewStatus.IN_REVIEW:
        return ""
    if whole.constitution_sha256 != current_sha256():
        return f"The constitution changed since this list was opened. {OPEN_ANEW}"
    if gone := _left_the_list(whole):
        return f"{gone} was submitted on its own and left this list. {OPEN_ANEW}"
    if moved := _moved(whole):
        return f"Another version of {moved} was approved since this list was opened. {OPEN_ANEW}"
    return ""


def check_still_as_listed(whole: Review) -> None:
    """Refuse a vote on a list of which something moved."""
    if sentence := why_list_is_dead(whole):
        raise Conflict(sentence, code="list_moved")


def _left_the_list(whole: Review) -> str:
    gone = whole.parts.exclude(status=ReviewStatus.IN_REVIEW).order_by("id")
    return gone.values_list("title", flat=True).first() or ""


def _moved(whole: Review) -> str:
    """The agent of which another version is the approved one by now, and not the base."""
    bases = ReviewBasis.objects.filter(review__part_of=whole).order_by("review")
    listed = {
        agent: (base, version, slug)
        for agent, base, version, slug in bases.values_list(
            "version__agent", "base", "version", "version__agent__slug"
        )
        if base != version
    }
    newest = newest_approvals(list(listed))
    return next(
        (
            slug
            for agent, (base, version, slug) in listed.items()
            if newest.get(agent, base) not in {base, version}
        ),
        "",
    )


def newest_approvals(agent_ids: Sequence[int]) -> dict[int, int]:
    """The version of each agent that was approved everywhere last, whatever became of that."""
    approvals = Review.objects.filter(subject=version_subject("pk"), status=ReviewStatus.APPROVED)
    newest = good_in(approvals, None).order_by("-closed_at", "-id")
    found = (
        AgentVersion.objects.filter(agent__in=agent_ids)
        .annotate(
            approved_at=Subquery(newest.values("closed_at")[:1]),
            approval=Subquery(newest.values("id")[:1]),
        )
        .filter(approval__isnull=False)
        .order_by("agent_id", "-approved_at", "-approval")
        .distinct("agent_id")
    )
    return dict(found.values_list("agent_id", "pk"))
