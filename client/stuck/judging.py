"""The one place that says yes: everything but a verified, unexpired approval raises."""

from datetime import datetime, timezone
from typing import Any, Callable, Dict, Mapping

from stuck.answers import PERMITTING, Answer
from stuck.errors import (
    Dismissed,
    Expired,
    NotVerified,
    QuestionOpen,
    Rejected,
    Undecided,
    Withdrawn,
)

Verify = Callable[[str, str, Mapping[str, Any]], Dict[str, Any]]

# What the receipt must say again, word for word, of what the answer says.
SIGNED = (
    "verdict",
    "option",
    "decision",
    "approach",
    "constraints",
    "context",
    "constitutional_notes",
    "next_steps",
    "reason",
    "decided_at",
    "use_before",
    "request_sha256",
)


def judge(answer: Answer, verify: Verify) -> Answer:
    """The same answer if it permits to go on; else raises why not.

    ``verify`` checks a receipt for this runner: token, subject, and the claims it must hold.
    """
    if answer.status == "open":
        raise Undecided(f"{answer.ref} is not decided yet.", answer)
    if answer.status == "info_requested":
        raise QuestionOpen(f"{answer.ref}: an approver asks something.", answer)
    if answer.status == "withdrawn":
        raise Withdrawn(f"{answer.ref} was withdrawn. Do not proceed.{_why(answer)}", answer)
    if answer.status == "dismissed":
        raise Dismissed(f"{answer.ref}: nobody decided. Do not proceed.{_why(answer)}", answer)
    if answer.status != "decided":
        raise NotVerified(f"{answer.ref} is in a state unknown here: {answer.status!r}.", answer)
    return _judge_decision(answer, verify)


def _judge_decision(answer: Answer, verify: Verify) -> Answer:
    said = {name: answer.raw.get(name) for name in SIGNED}
    try:
        verify(answer.receipt, f"escalation:{answer.ref}", said)
    except NotVerified as error:
        raise NotVerified(f"{answer.ref}: {error.sentence} Do not proceed.", answer) from None
    if answer.verdict == "rejected":
        raise Rejected(f"{answer.ref} was rejected. Do not proceed.", answer)
    if answer.verdict not in PERMITTING or not answer.proceed:
        raise NotVerified(f"{answer.ref}: the answer is no clear yes. Do not proceed.", answer)
    if answer.use_before and has_passed(answer.use_before, now=datetime.now(timezone.utc)):
        raise Expired(f"{answer.ref} was to be used before {answer.use_before}. Ask again.", answer)
    return answer


def _why(answer: Answer) -> str:
    return f" {answer.settled_reason}" if answer.settled_reason else ""


def has_passed(moment: str, *, now: datetime) -> bool:
    """Whether an RFC 3339 time is over; one that cannot be read counts as over."""
    try:
        # Python 3.9 reads no Z.
        parsed = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    except ValueError:
        return True
    return parsed.tzinfo is None or parsed <= now
