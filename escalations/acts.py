"""The act that a case asks for, as the guard knows it."""

from agents.ledger.actions import act_digest
from escalations.answers import request_of
from escalations.models import Escalation


def act_sha256_of(case: Escalation) -> str:
    """The fingerprint of the act in its environment; empty for a question without one."""
    action = request_of(case).get("action")
    if not action:
        return ""
    return act_digest(
        environment=case.environment,
        kind=action.get("kind", ""),
        target=action.get("target", ""),
        arguments=action.get("arguments"),
    )
