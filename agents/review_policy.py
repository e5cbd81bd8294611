"""Whose votes a change needs: the class of the change and the agent's tier choose the policy.

The file has no say in it: the class is computed beside the version that is approved now, and
the tier is the portal's own.
"""

from agents.changes import ChangeClass
from agents.comparing import Comparison
from agents.models import ReviewRule
from governance.asking.defaults import DEFAULTS
from governance.asking.models import AskKind, Policy


def policy_for(comparison: Comparison, *, tier: str) -> Policy | None:
    """The strictest policy of the classes that count; ``None`` where the portal has none."""
    policies = [_policy(change_class, tier) for change_class in classes_of(comparison)]
    return max(policies, key=votes_of)


def classes_of(comparison: Comparison) -> tuple[ChangeClass, ...]:
    """The class; and while nothing was ever approved, the whole is new besides."""
    if comparison.approved or comparison.change_class is ChangeClass.NEW:
        return (comparison.change_class,)
    return comparison.change_class, ChangeClass.NEW


def votes_of(policy: Policy | None) -> int:
    """How many approvals a policy takes."""
    return policy.required_votes if policy else DEFAULTS[AskKind.REVIEW][1]


def _policy(change_class: ChangeClass, tier: str) -> Policy | None:
    """The rule of this tier, else of every agent, else the default policy of reviews."""
    rules = ReviewRule.objects.filter(change_class=change_class, tier__in=[tier, ""])
    rule = rules.select_related("policy").order_by("-tier").first()
    if rule:
        return rule.policy
    return Policy.objects.filter(kind=AskKind.REVIEW, is_default=True).first()
