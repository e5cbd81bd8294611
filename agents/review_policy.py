"""Whose votes a change needs: its class, the agent's tier and the environment choose the policy.

The file has no say in it: the class is computed beside the version that is approved now, and
the tier is the portal's own. An approval that is to hold everywhere takes what the strictest
environment asks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.changes import ChangeClass
from agents.comparing import Comparison
from agents.models import Environment, ReviewBasis, ReviewRule
from governance.asking.defaults import DEFAULTS
from governance.asking.models import AskKind, Policy
from governance.base.errors import Conflict
from governance.people.models import Team
from governance.review.models import Review

# What is judged again without a change: its words are the same, the law they stand under is not.
REAFFIRMED = ChangeClass.WORDING


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an approval takes: a number of votes, one of each of the teams among them.

    ``policy`` lends its name and its ladder; there is none in a portal without policies.
    """

    policy: Policy | None
    votes: int
    teams: tuple[Team, ...] = ()

    @property
    def rank(self) -> tuple[int, int]:
        return self.votes, len(self.teams)

    @property
    def words(self) -> str:
        """``2 votes, one of them from Security``."""
        noun = "vote" if self.votes == 1 else "votes"
        named = " and ".join(team.name for team in self.teams)
        one_each = "one each" if len(self.teams) > 1 else "one of them" if self.votes > 1 else "it"
        return f"{self.votes} {noun}" + (f", {one_each} from {named}" if named else "")


class ReviewRules:
    """The rules and policies as they are now, read once."""

    def __init__(self) -> None:
        rules = ReviewRule.objects.select_related("policy").prefetch_related("policy__teams")
        self._rules = {
            (rule.change_class, rule.tier, rule.environment_id): rule.policy for rule in rules
        }
        usual = Policy.objects.filter(kind=AskKind.REVIEW, is_default=True)
        self._usual = usual.prefetch_related("teams").first()
        self.environments = list(Environment.objects.all())

    def requirement(
        self, classes: Iterable[str], *, tier: str, environment: Environment | None = None
    ) -> Requirement:
        """What changes of these classes take, in one environment or in all of them."""
        everywhere: list[Environment | None] = [*self.environments] or [None]
        places = [environment] if environment else everywhere
        return strictest([self._one(one, tier, place) for one in classes for place in places])

    def _one(self, change_class: str, tier: str, place: Environment | None) -> Requirement:
        """The rule that names most decides: the environment goes before the tier."""
        here = place.pk if place else None
        for key in ((tier, here), ("", here), (tier, None), ("", None)):
            if policy := self._rules.get((change_class, *key)):
                return requirement_of(policy)
        return requirement_of(self._usual)


def requirement_of(policy: Policy | None) -> Requirement:
    """What one policy asks for; what a new portal starts with where there is none."""
    if policy is None:
        return Requirement(None, DEFAULTS[AskKind.REVIEW][1])
    return Requirement(policy, policy.required_votes, tuple(policy.teams.all()))


def strictest(requirements: Sequence[Requirement]) -> Requirement:
    """The most votes that any of them asks for, and every team that any of them names."""
    top = max(requirements, key=lambda one: one.rank)
    teams = {team.pk: team for one in requirements for team in one.teams}
    ordered = sorted(teams.values(), key=lambda team: team.name)
    return Requirement(top.policy, top.votes, tuple(ordered))


def policy_for(
    comparison: Comparison, *, tier: str, environment: Environment | None = None
) -> Requirement:
    """What this change takes, in one environment or, where none is named, in every one."""
    return ReviewRules().requirement(classes_of(comparison), tier=tier, environment=environment)


def classes_of(comparison: Comparison) -> tuple[ChangeClass, ...]:
    """The class; and while nothing was ever approved, the whole is new besides."""
    if comparison.approved or comparison.change_class is ChangeClass.NEW:
        return (comparison.change_class,)
    return comparison.change_class, ChangeClass.NEW


def environment_of(review: Review) -> Environment | None:
    """The one environment that an approval is good for; nothing where it holds everywhere."""
    found = ReviewBasis.objects.filter(review=review).select_related("environment").first()
    return found.environment if found else None


def check_good_for(review: Review, environment: Environment | None) -> None:
    """Refuse an approval that was given for another environment only."""
    only = environment_of(review)
    if environment is not None and only is not None and only != environment:
        raise Conflict(
            f"This version is approved for {only.name.lower()} only. Submit it for "
            f"{environment.name.lower()} as well.",
            code="other_environment",
        )
