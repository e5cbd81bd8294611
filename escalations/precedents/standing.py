"""A standing decision answers a case in the name of the person who made it.

Called at the end of raising, in its transaction: the case, its ask and the answer are there
together or not at all, and nobody is woken for a question that is answered already. Whatever
goes wrong here is undone by its savepoint, and the case stays open: people are asked.
"""

from datetime import datetime

import structlog
from django.db import transaction

from escalations.answers import agreeing, joint_constraints
from escalations.cases import locked_ask
from escalations.deciding import conclude
from escalations.models import Ballot, Decision, Escalation, StandingDecision
from escalations.precedents.matching import answered_option, why_not
from escalations.rendering import template_version
from governance.asking.models import Ask, Reason
from governance.asking.outbox import tell
from governance.audit.services import append
from governance.people.services import actor_of

METHOD = "standing"
# More of one agent are not looked at: the newest count.
MOST = 50
log = structlog.get_logger()


def answer(case: Escalation, at: datetime) -> Decision | None:
    """The decision of a case that was raised just now, where a standing decision answers it."""
    try:
        with transaction.atomic():
            return _answer(case, at)
    except Exception:
        # It stays open, as if there were no standing decision.
        log.exception("standing_decision_failed", case=case.pk)
        case.refresh_from_db()
        return None


def _answer(case: Escalation, at: datetime) -> Decision | None:
    usable = StandingDecision.objects.usable(at=at).filter(agent=case.agent_id)
    numbers = list(usable.order_by("-pk").values_list("pk", flat=True)[:MOST])
    if not numbers or not case.is_unresolved:
        return None
    ask = locked_ask(case)
    for number in numbers:
        standing = _locked(number)
        if not why_not(standing, case, ask, at=at):
            return _decide(standing, case, ask, at)
    return None


def _locked(number: int) -> StandingDecision:
    """Its uses are counted under this lock; lock order: case, ask, standing decision, history."""
    rows = StandingDecision.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related(
        "author", "source__ballot__option", "source__escalation__version"
    ).get(pk=number)


def _decide(standing: StandingDecision, case: Escalation, ask: Ask, at: datetime) -> Decision:
    standing.uses += 1
    standing.save(update_fields=["uses"])
    _record(standing, case, at)
    ballot = _vote(standing, case, at)
    ballot.save(force_insert=True)
    decision = conclude(case, ballot, [ballot])
    tell(ask, [standing.author], why=f"{METHOD}:{standing.pk}", at=at, reason=Reason.NEWS)
    return decision


def _vote(standing: StandingDecision, case: Escalation, at: datetime) -> Ballot:
    """The author's vote on the source case, cast again; its constraints are those of all."""
    said, source = standing.source.ballot, standing.source.escalation
    votes = agreeing(said, list(source.ballots.order_by("pk")))
    return Ballot(
        escalation=case,
        voter=standing.author,
        verdict=said.verdict,
        option=answered_option(standing, case),
        approach=said.approach,
        constraints=joint_constraints(votes),
        context=said.context,
        constitutional_notes=said.constitutional_notes,
        next_steps=said.next_steps,
        reason=said.reason or standing.reason,
        request_sha256=case.request_sha256,
        template_version=template_version(),
        method=METHOD,
        level=said.level,
        standing=standing,
        at=at,
    )


def _record(standing: StandingDecision, case: Escalation, at: datetime) -> None:
    by = actor_of(standing.author)
    data = {
        "standing": standing.pk,
        "source": standing.source.escalation.ref,
        "case": case.ref,
        "use": standing.uses,
        "most_uses": standing.most_uses,
    }
    append(stream=case.subject, kind="standing.answered", by=by, at=at, data=data)
    append(stream=standing.subject, kind="standing.used", by=by, at=at, data=data)
