"""A promise that was broken is a question of its own: what now, with the agent stopped."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from escalations.answers import decision_text
from escalations.models import Escalation, Outcome
from escalations.raising import LONGEST_TITLE, RESERVED_KEY, open_case
from escalations.schema import read_payload
from governance.audit.actors import Actor, system
from governance.base.canonical import canonical, sha256_hex

FOLLOW_UP: Actor = system("follow-up")
STOP_AGENT = "stop-agent"
OPTIONS: list[dict[str, Any]] = [
    {
        "key": "accept",
        "label": "Accept and go on",
        "description": "What happened is accepted. The agent goes on with its work.",
    },
    {
        "key": "undo",
        "label": "Undo it",
        "description": "The agent takes back what it did, as far as that is possible.",
    },
    {
        "key": STOP_AGENT,
        "label": "Stop this agent",
        "description": (
            "The agent stops this work. Suspend it on its page as well, so that nobody starts it."
        ),
    },
]


def open_follow_up(case: Escalation, outcome: Outcome, *, at: datetime) -> Escalation | None:
    """Ask people what to do where the runner reports a constraint as broken.

    In the transaction of the outcome, which exists once, so that the question is asked once.
    """
    broken = [line for line in outcome.constraints if line["kept"] is False]
    if not broken:
        return None
    body = _body(case, outcome, broken)
    return open_case(
        runner=case.runner,
        agent=case.agent,
        payload=read_payload(body),
        idempotency_key=f"{RESERVED_KEY}follow-up:{case.ref}",
        body_sha256=sha256_hex(canonical(body)),
        source_format="portal",
        at=at,
        by=FOLLOW_UP,
        follows_up=case,
    )


def _body(
    case: Escalation, outcome: Outcome, broken: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    promised = [line["constraint"] for line in outcome.constraints]
    return {
        "agent": case.agent.slug,
        "version": case.version.sha256 if case.version else None,
        "environment": case.environment,
        "project": case.project,
        "instance": case.instance,
        "run": case.run,
        "title": f"Broken: {broken[0]['constraint']}"[:LONGEST_TITLE],
        "task": f"Say what to do after {case.ref}: {case.title}",
        "problem": (
            f"{case.ref} was decided ({decision_text(case.decision.ballot)}) on conditions. "
            f"The runner reports as broken: {_listed(line['constraint'] for line in broken)}"
        ),
        "attempted": [outcome.summary] if outcome.summary else [],
        "options": OPTIONS,
        "impact": f"The act of {case.ref} is done; it {outcome.get_result_display().lower()}.",
        "extra": {
            "Promised": promised,
            "Broken": [line["constraint"] for line in broken],
            "Evidence": [line["evidence"] for line in broken if line["evidence"]],
            "Decided_in": case.ref,
        },
        "risk": "high",
        "blocking": True,
    }


def _listed(lines: Any) -> str:
    return "; ".join(lines)
