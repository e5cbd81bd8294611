"""What people do with rules, in as few words as tests need."""

from datetime import datetime
from typing import Any

from agents.ledger.services import judge_rule
from agents.models import RuleStance
from governance.people.models import User
from tests.agents import acts
from tests.factories import NOW

DEPENDENCIES = "never-add-external-dependencies-without-approval"
ESCALATE = "always-escalate-when-requirements-are-unclear"
PRESET = [{"preset": "dependencies"}]


def judge(by: User | None = None, **changes: Any) -> RuleStance:
    said: dict[str, Any] = {
        "agent_slug": "worker",
        "key": DEPENDENCIES,
        "rule_class": "gated",
        "mode": "observe",
        "matchers": PRESET,
        "reason": "",
        "at": NOW,
    }
    return judge_rule(**said | changes, by=by or acts.approver())


def asked_to_loosen(*, at: datetime = NOW, **changes: Any) -> RuleStance:
    """An enforced rule, and a request that waits for a second person."""
    judge(at=at, **changes)
    judge(mode="enforce", at=at, **changes)
    return judge(reason="Too loud.", at=at, **changes)
