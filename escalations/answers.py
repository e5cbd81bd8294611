"""What a runner is told about its case: the answer, as JSON and as the six-field block.

Built from rows that are loaded at once: the API and the waiting handler say the same.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Subquery

from agents.ledger.matchers import in_words
from agents.ledger.scoping import read_pattern
from agents.models import Permit
from agents.suspensions import suspensions_on
from escalations.models import Ballot, Decision, Escalation, Message, Outcome, Status, Verdict
from governance.base.canonical import stamp
from governance.base.errors import NotThere

DO_NOT_PROCEED = "Do not proceed."
WHAT_NOW: dict[str, str] = {
    Status.OPEN: "Nobody has decided yet.",
    Status.INFO_REQUESTED: "Nobody has decided yet: people asked you something first.",
    Status.WITHDRAWN: "You withdrew the question. Nobody decided.",
    Status.DISMISSED: "The case was dismissed. Nobody decided.",
}
NEXT: dict[str, str] = {
    Status.OPEN: "wait",
    Status.INFO_REQUESTED: "answer",
    Status.WITHDRAWN: "stop",
    Status.DISMISSED: "stop",
}
RELATED = (
    "agent",
    "runner",
    "decision__ballot__option",
    "decision__decided_by",
    "outcome",
    "superseded_by",
)


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with all that its answer needs, read in at most three queries.

    ``suspended`` is the reason why the act that was permitted must not be done now: its agent is
    suspended, or the permit was revoked.
    """

    case: Escalation
    ballots: Sequence[Ballot] = ()
    permit: Permit | None = None
    questions: Sequence[Message] = field(default=())
    suspended: str = ""

    @property
    def revision(self) -> int:
        return self.case.revision

    @property
    def status(self) -> str:
        return self.case.status

    @property
    def decision(self) -> Decision | None:
        return getattr(self.case, "decision", None)

    @property
    def is_revoked(self) -> bool:
        """Whether people took back what was left of the permit."""
        return self.permit is not None and self.permit.revoked_at is not None

    @property
    def outcome(self) -> Outcome | None:
        return getattr(self.case, "outcome", None)


def load_case(escalation_id: int) -> CaseFile:
    """Read one case for :func:`answer_of`; the caller has checked who asks."""
    case = Escalation.objects.select_related(*RELATED).filter(pk=escalation_id).first()
    if case is None:
        raise NotThere("There is no such case.")
    return file_of(case)


def file_of(case: Escalation) -> CaseFile:
    """The case with its votes and permit once decided, its questions while one waits."""
    if case.status == Status.DECIDED:
        ballots = list(
            case.ballots.select_related(
                "voter", "option", "on_behalf_of", "standing__source__escalation"
            )
        )
        permit = _permit_of(case) if case.has_action else None
        return CaseFile(case, ballots=ballots, permit=permit, suspended=_stopped(permit))
    if case.status == Status.INFO_REQUESTED:
        return CaseFile(case, questions=_unanswered(case))
    return CaseFile(case)


def _permit_of(case: Escalation) -> Any:
    """The permit with ``stopped_by``: why its agent was suspended since, read in one query."""
    stops = suspensions_on(case.agent, version_id=case.version_id)
    found = Permit.objects.filter(source=case.subject)
    return found.annotate(stopped_by=Subquery(stops.values("reason")[:1])).first()


def _stopped(permit: Any) -> str:
    """Why a permit that has uses left must not be used."""
    if permit is None or permit.spent_at:
        return ""
    if permit.revoked_at:
        return f"Revoked: {permit.revoked_because}"
    return _suspended(permit.stopped_by)


def suspended_because(case: Escalation) -> str:
    """Why the agent of a case, or the version that asked, may not act now."""
    suspension = suspensions_on(case.agent, version_id=case.version_id).first()
    return _suspended(suspension.reason if suspension else None)


def _suspended(reason: str | None) -> str:
    return f"Suspended: {reason}" if reason else ""


def _unanswered(case: Escalation) -> list[Message]:
    """What people asked since the runner last said something."""
    thread = list(case.messages.select_related("author"))
    said = [place for place, message in enumerate(thread) if message.runner_id]
    return [message for message in thread[said[-1] + 1 if said else 0 :] if message.is_question]


def agreeing(ballot: Ballot, ballots: Sequence[Ballot]) -> list[Ballot]:
    """The votes that say the same as this one, in order; they make the decision together."""
    return [other for other in ballots if same_choice(other, ballot)]


def same_choice(one: Ballot, other: Ballot) -> bool:
    """Whether two votes choose the same: verdict, option and, where there is none, approach."""
    if (one.verdict, one.option_id) != (other.verdict, other.option_id):
        return False
    if one.verdict == Verdict.OTHER_APPROACH:
        return one.approach.split() == other.approach.split()
    return True


def joint_constraints(ballots: Sequence[Ballot]) -> list[str]:
    """What all deciders together demand: nobody's constraint is lost."""
    return list(dict.fromkeys(line for ballot in ballots for line in ballot.constraints))


def decision_text(ballot: Ballot) -> str:
    """The verdict as a sentence."""
    if ballot.option:
        return f"Approved: {ballot.option.label}"
    if ballot.verdict == Verdict.OTHER_APPROACH:
        return "None of the options: take another approach."
    return f"Rejected: {ballot.reason}" if ballot.reason else "Rejected."


def proceeds(file: CaseFile) -> bool:
    """True only for a decision by people that does not reject, of an agent not suspended since."""
    decision = file.decision
    is_approved = decision is not None and decision.ballot.verdict != Verdict.REJECTED
    return is_approved and not file.suspended


def answer_of(file: CaseFile) -> dict[str, Any]:
    """The answer as JSON; every state but an approving decision says ``proceed: false``."""
    case = file.case
    return {
        "ref": case.ref,
        "id": case.pk,
        "status": str(case.status),
        "revision": case.revision,
        "url": settings.PORTAL_URL + case.get_absolute_url(),
        "agent": case.agent.slug,
        "run": case.run,
        "risk": str(case.risk),
        "blocking": case.blocking,
        "request_sha256": case.request_sha256,
        "proceed": proceeds(file),
        "next": next_step(file),
        "message": file.suspended or WHAT_NOW.get(case.status, ""),
        "settled_reason": case.settled_reason,
        "questions": [_question(message) for message in file.questions],
        **_decided(file),
        "permit": _permit(file.permit),
        "outcome": file.outcome.result if file.outcome else None,
        **links_of(file),
    }


def links_of(file: CaseFile) -> dict[str, Any]:
    """The cases before and after this one: edited questions, and broken promises."""
    case = file.case
    newer = getattr(case, "superseded_by", None) if case.status == Status.WITHDRAWN else None
    return {
        "supersedes": _ref(case.supersedes_id),
        "superseded_by": newer.ref if newer else None,
        "follows_up": _ref(case.follows_up_id),
        "follow_ups": [_ref(pk) for pk in _follow_ups(file)],
    }


def _follow_ups(file: CaseFile) -> list[int]:
    lines = file.outcome.constraints if file.outcome else []
    if not any(line["kept"] is False for line in lines):
        return []
    return list(file.case.follow_ups.order_by("pk").values_list("pk", flat=True))


def _ref(pk: int | None) -> str | None:
    return f"ESC-{pk}" if pk else None


def next_step(file: CaseFile) -> str:
    """What the runner does now: wait, answer, consume, proceed or stop."""
    if file.decision is None:
        return NEXT[file.status]
    if not proceeds(file):
        return "stop"
    if file.permit is None:
        return "proceed"
    return "proceed" if file.permit.spent_at else "consume"


def words_of(
    ballot: Ballot, votes: Sequence[Ballot], *, use_before: datetime | None
) -> dict[str, Any]:
    """What the deciders say, as the answer tells it and the receipt signs it."""
    return {
        "verdict": str(ballot.verdict),
        "option": ballot.option.key if ballot.option else None,
        "decision": decision_text(ballot),
        "approach": ballot.approach,
        "constraints": joint_constraints(votes),
        "context": ballot.context,
        "constitutional_notes": ballot.constitutional_notes,
        "next_steps": ballot.next_steps,
        "reason": ballot.reason,
        "decided_at": stamp(ballot.at),
        "use_before": _moment(use_before),
    }


_UNSAID: dict[str, Any] = {
    **dict.fromkeys(("verdict", "option", "decision", "approach", "context", "reason")),
    **dict.fromkeys(("constitutional_notes", "decided_at", "use_before", "receipt")),
    "constraints": [],
    "next_steps": [],
    "decided_by": [],
}


def _decided(file: CaseFile) -> dict[str, Any]:
    decision = file.decision
    if decision is None:
        return _UNSAID
    votes = agreeing(decision.ballot, file.ballots)
    return {
        **words_of(decision.ballot, votes, use_before=decision.use_before),
        "decided_by": [voter_of(vote) for vote in votes],
        "receipt": decision.receipt,
    }


def standing_words(vote: Ballot) -> dict[str, Any]:
    """Whether a standing decision answered in the voter's name, and the case that it stands on."""
    standing = vote.standing
    return {
        "standing": standing is not None,
        "source": standing.source.escalation.ref if standing else None,
    }


def voter_of(vote: Ballot) -> dict[str, Any]:
    """Who decided, how they came to it, and what they had proved."""
    return {
        "name": str(vote.voter),
        "method": vote.method,
        "level": str(vote.level),
        "on_behalf_of": str(vote.on_behalf_of) if vote.on_behalf_of else None,
        "by_owner": vote.by_owner,
        **standing_words(vote),
    }


def _question(message: Message) -> dict[str, Any]:
    return {
        "text": message.text,
        "wants": "edited_question" if message.wants_edit else "answer",
        "asked_by": str(message.author),
        "at": stamp(message.at),
    }


def _permit(permit: Permit | None) -> dict[str, Any] | None:
    if permit is None:
        return None
    return {
        "scope": str(permit.scope),
        "use_before": stamp(permit.use_before),
        "spent_at": _moment(permit.spent_at),
        "uses": permit.uses,
        "most_uses": permit.most_uses,
        "run": permit.run,
        "pattern": permit.pattern,
        "pattern_text": "" if permit.pattern is None else in_words(read_pattern(permit.pattern)),
        "revoked_at": _moment(permit.revoked_at),
        "revoked_because": permit.revoked_because,
    }


def _moment(at: datetime | None) -> str | None:
    return stamp(at) if at else None


def answer_markdown(file: CaseFile) -> str:
    """The block of six fields that the agents of the family read."""
    decision = file.decision
    if decision is None:
        return _undecided(file)
    ballot = decision.ballot
    constraints = joint_constraints(agreeing(ballot, file.ballots))
    stop = "" if proceeds(file) else f" {DO_NOT_PROCEED}"
    if file.suspended:
        stop = f" {file.suspended}{stop}"
    return markdown_lines(
        DECISION=decision_text(ballot) + stop,
        APPROACH=ballot.approach or (ballot.option.description if ballot.option else ""),
        CONSTRAINTS=constraints,
        CONTEXT=ballot.context or ballot.reason,
        CONSTITUTIONAL_NOTES=ballot.constitutional_notes,
        NEXT_STEPS=ballot.next_steps,
    )


_BEFORE = {False: "People ask", True: "People ask you to edit your question and ask it anew"}


def _undecided(file: CaseFile) -> str:
    asked = [f"{_BEFORE[message.wants_edit]}: {message.text}" for message in file.questions]
    return markdown_lines(
        DECISION=f"None. {WHAT_NOW[file.status]} {DO_NOT_PROCEED}",
        APPROACH="",
        CONSTRAINTS=[],
        CONTEXT=file.case.settled_reason,
        CONSTITUTIONAL_NOTES="",
        NEXT_STEPS=asked,
    )


def markdown_lines(**fields: str | list[str]) -> str:
    """Named fields of a block; no text inside one can begin another."""
    return "".join(f"{name}:{_value(value)}\n" for name, value in fields.items())


def _value(value: str | list[str]) -> str:
    """Lists as bullets; further lines are indented, so that no text can begin a field."""
    if not value:
        return " none"
    if isinstance(value, list):
        return "".join(f"\n- {_indented(line)}" for line in value)
    return f" {_indented(value)}"


def _indented(text: str) -> str:
    return "\n  ".join(text.splitlines())


def request_of(case: Escalation) -> dict[str, Any]:
    """The stored canonical request as JSON: what people were shown."""
    request: dict[str, Any] = json.loads(bytes(case.request))
    return request
