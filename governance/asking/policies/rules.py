"""What an ask keeps of its policy besides the ladder and the number of votes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from governance.asking.models import Authentication, Policy

LOW_RISK = "low"


@dataclass(frozen=True, slots=True)
class Rules:
    """How a question may be answered. What an older ask did not keep yet has the mildest value.

    ``teams`` give one approval each; ``authorities`` tells for an option's key, or the authority
    that it names, who may choose it: ``{"role": str, "team": int | None}``.
    """

    authentication: str = Authentication.SIGNED_IN.value
    reason_required: bool = False
    one_rejection_ends: bool = True
    teams: list[int] = field(default_factory=list)
    authorities: dict[str, dict[str, Any]] = field(default_factory=dict)
    owner_may_answer: bool = False
    permit_scopes: list[str] = field(default_factory=list)
    standing_risks: list[str] = field(default_factory=list)
    standing_uses: int = 0
    standing_days: int = 0

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Rules":
        """From ``Ask.rules``."""
        names = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in names})

    def as_dict(self) -> dict[str, Any]:
        """For ``Ask.rules``."""
        return asdict(self)


def owner_answers(rules: Rules, facts: Mapping[str, Any]) -> bool:
    """Whether the agent's own owner may answer: by policy, low risk, and no act is asked for."""
    is_mild = facts.get("risk") == LOW_RISK and facts.get("with_action") is False
    return rules.owner_may_answer and is_mild


def rules_of(policy: Policy | None) -> Rules:
    """The rules that a question asked now would keep."""
    if policy is None:
        return Rules()
    return Rules(
        authentication=str(policy.authentication),
        reason_required=policy.reason_required,
        one_rejection_ends=policy.one_rejection_ends,
        teams=sorted(policy.teams.values_list("pk", flat=True)),
        authorities={
            one.option: {"role": one.role, "team": one.team_id}
            for one in policy.option_authorities.all()
        },
        owner_may_answer=policy.owner_may_answer,
        permit_scopes=sorted(policy.permit_scopes),
        standing_risks=sorted(policy.standing_risks),
        standing_uses=policy.standing_uses,
        standing_days=policy.standing_days,
    )
