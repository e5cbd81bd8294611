"""What a question copies of its policy when it is opened."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.asking.defaults import DEFAULTS, SPECIAL_CASES, Steps
from governance.asking.models import AskKind, Policy, PolicyVersion
from governance.asking.policies.ladders import starting_ladder
from governance.asking.policies.matching import Facts, pick, why_not
from governance.asking.policies.rules import Rules
from governance.asking.policies.versions import record_version


@dataclass(frozen=True, slots=True)
class Terms:
    """The copy. ``version`` is None only where the portal has no policy of the kind at all."""

    name: str
    version: PolicyVersion | None
    votes: int
    ladder: list[dict[str, Any]]
    rules: Rules
    in_digest: bool = False
    wakes_people: bool = False

    def as_content(self) -> dict[str, Any]:
        """The part of it that a version of a policy has too."""
        return {
            "name": self.name,
            "votes": self.votes,
            "ladder": self.ladder,
            "rules": self.rules.as_dict(),
            "in_digest": self.in_digest,
            "wakes_people": self.wakes_people,
        }


def terms_for(kind: AskKind, policy: Policy | None, facts: Facts | None, *, at: datetime) -> Terms:
    """Of the policy that is named; else of the one that fits the facts; else of the default."""
    if policy is None and facts is not None:
        policy, _ = pick(kind, facts)
    elif policy is None:
        policy = Policy.objects.filter(kind=kind, is_default=True).first()
    if policy is None:
        return starting_terms(kind, facts)
    version = record_version(policy, by=None, at=at)
    content = version.content
    return Terms(
        name=policy.name,
        version=version,
        votes=content["votes"],
        ladder=content["ladder"],
        rules=Rules.of(content["rules"]),
        in_digest=content["in_digest"],
        wakes_people=content["wakes_people"],
    )


def starting_terms(kind: AskKind, facts: Facts | None) -> Terms:
    """As a new portal starts, where its policies are gone."""
    name, votes, ladder = DEFAULTS[kind]
    fields: dict[str, Any] = {"name": name}
    if kind == AskKind.CASE and facts is not None:
        fields, ladder = _special(facts) or (fields, ladder)
    return Terms(
        name=fields["name"],
        version=None,
        votes=votes,
        ladder=starting_ladder(ladder),
        rules=Rules.of(fields),
        in_digest=fields.get("in_digest", False),
        wakes_people=fields.get("wakes_people", False),
    )


def _special(facts: Facts) -> tuple[dict[str, Any], Steps] | None:
    fitting = (one for one in SPECIAL_CASES if not why_not(one[0], facts, {}))
    return next(fitting, None)
