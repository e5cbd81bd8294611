"""A version beside the one it would replace: what changes, and how much that matters."""

from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet

from agents.changes import ChangeClass, Diff
from agents.classify import Classification, classify
from agents.contract import ParsedDefinition
from agents.diffing.semantic import semantic_diff
from agents.models import Agent, AgentVersion, Environment, ReviewBasis
from agents.parsing import parse_definition
from governance.review.models import Review, ReviewStatus

LABELS: dict[str, str] = {
    ChangeClass.NEW: "New",
    ChangeClass.COSMETIC: "Cosmetic",
    ChangeClass.WORDING: "Wording",
    ChangeClass.BEHAVIOUR: "Behaviour",
    ChangeClass.PRIVILEGE: "Privilege",
}
CHANGE_TONES: dict[str, str] = {
    ChangeClass.NEW: "info",
    ChangeClass.COSMETIC: "neutral",
    ChangeClass.WORDING: "neutral",
    ChangeClass.BEHAVIOUR: "warn",
    ChangeClass.PRIVILEGE: "bad",
}
_FIRST = Classification(ChangeClass.NEW, ("Nothing came before this version.",))


@dataclass(frozen=True, slots=True)
class Comparison:
    """``approved`` says whether people have approved the base."""

    base: AgentVersion | None
    approved: bool
    diff: Diff
    classification: Classification

    @property
    def change_class(self) -> ChangeClass:
        return self.classification.change_class

    @property
    def label(self) -> str:
        return LABELS[self.change_class]

    @property
    def tone(self) -> str:
        return CHANGE_TONES[self.change_class]

    @property
    def sentence(self) -> str:
        """The class and what it is compared with, as a line for mails and pages."""
        if self.base is None:
            return "New: nothing came before this version."
        which = "approved version" if self.approved else "version"
        first = self.classification.reasons[0]
        return f"{self.label}, beside {which} {self.base.sequence}: {first}"


def compare(parsed: ParsedDefinition, base: AgentVersion | None, *, approved: bool) -> Comparison:
    """What a definition changes in the base; without one it is new."""
    if base is None:
        return Comparison(None, False, Diff(), _FIRST)
    diff = semantic_diff(read(base), parsed)
    return Comparison(base, approved, diff, classify(diff))


def compare_with_base(parsed: ParsedDefinition, agent: Agent | None) -> Comparison:
    """What a definition that comes in now would change in its agent."""
    base, approved = base_of(agent) if agent else (None, False)
    return compare(parsed, base, approved=approved)


def comparison_of(version: AgentVersion, *, environment: Environment | None = None) -> Comparison:
    """What a version changes in the one that it would replace now, there or everywhere."""
    base, approved = base_of(version.agent, before=version, environment=environment)
    return compare(read(version), base, approved=approved)


def comparison_with(version: AgentVersion, base: AgentVersion | None) -> Comparison:
    """What a version changes in another one."""
    return compare(read(version), base, approved=base is not None and was_approved(base))


def was_approved(version: AgentVersion) -> bool:
    """Whether people have approved it, whatever became of that since."""
    return Review.objects.filter(subject=version.subject, status=ReviewStatus.APPROVED).exists()


def read(version: AgentVersion) -> ParsedDefinition:
    """The definition read anew: what an older release read of it cannot be compared."""
    return parse_definition(bytes(version.raw), filename=version.filename)


def base_of(
    agent: Agent, *, before: AgentVersion | None = None, environment: Environment | None = None
) -> tuple[AgentVersion | None, bool]:
    """The newest approved version with True; else the version before, with False."""
    without = before.pk if before else None
    approved = newest_approved(agent, without=without, environment=environment)
    if approved:
        return approved, True
    earlier = agent.versions.order_by("-sequence")
    if before:
        earlier = earlier.filter(sequence__lt=before.sequence)
    return earlier.first(), False


def good_in(
    approvals: QuerySet[Review], environment: Environment | OuterRef | None
) -> QuerySet[Review]:
    """Those that hold there; without an environment, those that hold everywhere."""
    elsewhere = ReviewBasis.objects.filter(environment__isnull=False)
    if environment is not None:
        elsewhere = elsewhere.exclude(environment=environment)
    return approvals.exclude(pk__in=elsewhere.values("review"))


def newest_approved(
    agent: Agent, *, without: int | None = None, environment: Environment | None = None
) -> AgentVersion | None:
    """The version that was approved last, whatever became of that approval since.

    What was approved for another environment only was judged by the policy of that one.
    """
    subjects = [
        f"agent_version:{pk}" for pk in agent.versions.values_list("pk", flat=True) if pk != without
    ]
    approvals = Review.objects.filter(subject__in=subjects, status=ReviewStatus.APPROVED)
    approvals = good_in(approvals, environment).order_by("-closed_at", "-id")
    subject = approvals.values_list("subject", flat=True).first()
    return agent.versions.get(pk=int(subject.partition(":")[2])) if subject else None


def base_moved(version: AgentVersion, review: Review) -> bool:
    """Whether another version was approved since the review was opened.

    What is judged again as it is was compared with nothing but itself.
    """
    basis = ReviewBasis.objects.filter(review=review).select_related("environment").first()
    if basis is None or basis.base_id == version.pk:
        return False
    newest = newest_approved(version.agent, without=version.pk, environment=basis.environment)
    return newest is not None and newest.pk != basis.base_id
