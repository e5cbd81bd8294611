"""The same answer again and again: the owner is asked, once, whether to make a rule of it."""

from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from escalations.answers import agreeing, joint_constraints
from escalations.cases import ask_about
from escalations.models import Ballot, Decision, Escalation, Proposal, Status, Verdict
from governance.asking.models import Reason
from governance.asking.outbox import tell
from governance.audit.actors import system
from governance.audit.services import append
from governance.base.canonical import digest_of
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import User
from governance.people.permissions import Permission, check
from governance.people.services import actor_of

ENOUGH = 5
# More answers of one group are not looked at.
NEWEST = 50
LONGEST_NOTE = 500
PORTAL = system("proposals")
WHY = "proposal"
log = structlog.get_logger()


def note_answer(decision: Decision, at: datetime) -> Proposal | None:
    """Called with every decision, in its transaction: a proposal after five equal answers.

    Only answers that people gave themselves count; what a standing decision answered is no
    further opinion. Declined once, the same answer is not proposed again. Whatever goes wrong
    here is undone by its savepoint: no decision fails for it.
    """
    try:
        with transaction.atomic():
            return _note(decision, at)
    except Exception:
        log.exception("proposal_failed", case=decision.escalation_id)
        return None


def _note(decision: Decision, at: datetime) -> Proposal | None:
    case = decision.escalation
    if not case.group_key or decision.ballot.standing_id:
        return None
    answered = {one.pk: (one, answer_sha256(one)) for one in _answers(case)}
    _, wanted = answered.get(decision.pk, (decision, ""))
    equal = [one for one, answer in answered.values() if answer == wanted]
    if len(equal) < ENOUGH:
        return None
    proposal, is_new = Proposal.objects.get_or_create(
        agent=case.agent,
        group_key=case.group_key,
        answer_sha256=wanted,
        defaults={"made_at": at},
    )
    if is_new:
        proposal.cases.set([one.escalation_id for one in equal])
        _tell(proposal, case, len(equal), at)
    return proposal if is_new else None


def _answers(case: Escalation) -> list[Decision]:
    """What people answered to equal questions of this agent, the newest."""
    found = Decision.objects.filter(
        escalation__agent=case.agent_id,
        escalation__group_key=case.group_key,
        escalation__status=Status.DECIDED,
        ballot__standing=None,
    )
    return list(
        found.select_related("ballot__option", "escalation")
        .defer("escalation__request", "escalation__search", "escalation__findings")
        .prefetch_related("escalation__ballots")
        .order_by("-pk")[:NEWEST]
    )


def answer_sha256(decision: Decision) -> str:
    """The fingerprint of what was decided: the verdict, the option or approach, the constraints."""
    ballot = decision.ballot
    votes = agreeing(ballot, list(decision.escalation.ballots.all()))
    return digest_of(_answer(ballot, joint_constraints(votes)))


def _answer(ballot: Ballot, constraints: list[str]) -> dict[str, Any]:
    is_other = ballot.verdict == Verdict.OTHER_APPROACH
    return {
        "verdict": str(ballot.verdict),
        "option": ballot.option.key if ballot.option else None,
        "approach": " ".join(ballot.approach.split()) if is_other else "",
        "constraints": sorted(" ".join(line.split()) for line in constraints),
    }


def _tell(proposal: Proposal, case: Escalation, count: int, at: datetime) -> None:
    append(
        stream=case.subject,
        kind="proposal.made",
        by=PORTAL,
        at=at,
        data={"proposal": proposal.pk, "agent": case.agent.slug, "answers": count},
    )
    ask = ask_about(case)
    owner = case.agent.owner
    if ask and owner.is_active:
        tell(ask, [owner], why=f"{WHY}:{proposal.pk}", at=at, reason=Reason.NEWS)


def check_may_settle(by: Any, proposal: Proposal) -> None:
    """The owner of the agent says what becomes of a proposal, whoever that is by now."""
    if not isinstance(by, User):
        raise NotPermitted("Only people change rules.", code="only_people")
    if proposal.agent.owner_id != by.pk:
        raise NotPermitted(f"The owner of {proposal.agent.name} decides this.", code="owner")
    check(by, Permission.PROPOSE)


@transaction.atomic(durable=True)
def settle_proposal(
    *, proposal_id: int, taken: bool, note: str, by: User, at: datetime
) -> Proposal:
    """Take it (and go on to write the rule) or decline it, with a note; changes no rule itself."""
    rows = Proposal.objects.select_for_update(of=("self",), no_key=True)
    proposal = rows.select_related("agent__owner").filter(pk=proposal_id).first()
    if proposal is None:
        raise NotThere("There is no such proposal.")
    check_may_settle(by, proposal)
    if proposal.settled_at:
        raise Conflict("This proposal is settled already.", code="settled")
    note = note.replace("\0", "").strip()[:LONGEST_NOTE]
    if not taken and not note:
        raise InvalidInput("Say why no rule is made of it.", code="reason_needed")
    proposal.settled_at, proposal.settled_by = at, by
    proposal.taken, proposal.note = taken, note
    proposal.save(update_fields=["settled_at", "settled_by", "taken", "note"])
    append(
        stream=proposal.agent.subject,
        kind="proposal.taken" if taken else "proposal.declined",
        by=actor_of(by),
        at=at,
        data={"proposal": proposal.pk},
    )
    return proposal
