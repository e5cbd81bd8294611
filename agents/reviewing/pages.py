"""The table of what each change needs, class by tier by environment; the form to submit one."""

from dataclasses import dataclass
from typing import Any

from agents.changes import ChangeClass
from agents.comparing import CHANGE_TONES, LABELS
from agents.models import AgentVersion, Environment, Tier
from agents.permissions import check_may_submit
from agents.review_policy import Requirement, ReviewRules
from agents.reviewing.forms import SubmitForm
from agents.standing import check_submittable
from governance.base.errors import sentence_of
from governance.people.models import User

# The gravest first, as people look for it.
CLASSES = tuple(sorted(ChangeClass, key=lambda one: -one.rank))


@dataclass(frozen=True, slots=True)
class Row:
    """One class and tier: what it takes everywhere, and in each environment."""

    change_class: ChangeClass
    tiers: str
    everywhere: Requirement
    cells: tuple[Requirement, ...]

    @property
    def label(self) -> str:
        return LABELS[self.change_class]

    @property
    def tone(self) -> str:
        return CHANGE_TONES[self.change_class]

    @property
    def needs(self) -> tuple[Requirement, ...]:
        return (self.everywhere, *self.cells)


def review_policies() -> dict[str, Any]:
    """Every rule as it decides now; tiers that need the same share a row."""
    rules = ReviewRules()
    return {
        "environments": rules.environments,
        "rows": [row for one in CLASSES for row in _rows(rules, one)],
    }


def _rows(rules: ReviewRules, change_class: ChangeClass) -> list[Row]:
    by_tier = {tier: _row(rules, change_class, tier, rules.environments) for tier in Tier}
    if len({row.needs for row in by_tier.values()}) == 1:
        any_row = by_tier[Tier.LOW]
        return [Row(change_class, "Every risk", any_row.everywhere, any_row.cells)]
    return list(by_tier.values())


def _row(
    rules: ReviewRules, change_class: ChangeClass, tier: Tier, environments: list[Environment]
) -> Row:
    classes = (change_class.value,)
    return Row(
        change_class,
        str(tier.label),
        rules.requirement(classes, tier=tier),
        tuple(rules.requirement(classes, tier=tier, environment=place) for place in environments),
    )


def submit_panel(version: AgentVersion, user: User, *, law: str) -> dict[str, Any]:
    """The form that submits a version, and why this person or this version may not."""
    settled = sentence_of(check_submittable, version, law=law)
    return {
        "why_no_submission": sentence_of(check_may_submit, user, version.agent) or settled,
        "can_be_submitted": not settled,
        "submit_form": SubmitForm(),
    }
