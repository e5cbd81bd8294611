"""What the page of a case shows: the stored request, and apart from it what the portal knows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from agents.models import Permit
from escalations.acting import is_gone
from escalations.answers import (
    CaseFile,
    agreeing,
    decision_text,
    file_of,
    joint_constraints,
    request_of,
    suspended_because,
)
from escalations.cases import NO_SUCH_CASE
from escalations.forms import AskRunnerForm, DecideForm, DismissForm
from escalations.inbox import next_action, stopped
from escalations.law import principles_named
from escalations.models import VERDICT_TONES, Ballot, Escalation, Message, Outcome
from escalations.permissions import may_ask, may_decide
from escalations.schema import ConstitutionalImpact
from governance.asking.models import Ask
from governance.asking.services import ladder_view
from governance.asking.together.claims import claim_of
from governance.audit.models import AuditEvent
from governance.base.canonical import canonical
from governance.base.errors import NotThere
from governance.history.services import names_of
from governance.people.models import User

LISTENING = timedelta(seconds=90)
OUTCOME_TONES = {"succeeded": "good", "failed": "bad", "unknown": "warn"}
PERMIT_LOOKS = {
    "unspent": ("waiting", "Not used yet"),
    "spent": ("good", "Used"),
    "expired": ("neutral", "Expired"),
}
# Kind of event: what it says, its icon, its tone.
SAYINGS: dict[str, tuple[str, str, str]] = {
    "escalation.raised": ("asked", "message", "waiting"),
    "escalation.asked_back": ("asked the runner a question", "message", "info"),
    "escalation.answered": ("answered the question", "message", "info"),
    "escalation.voted": ("voted", "person", "info"),
    "escalation.decided": ("decided", "check-circle", "good"),
    "escalation.withdrawn": ("withdrew the question", "cross-circle", ""),
    "escalation.dismissed": ("dismissed the case: nobody decided", "cross-circle", ""),
    "escalation.outcome_reported": ("reported the outcome", "receipt", ""),
    "ask.opened": ("opened the question to people", "bell", ""),
    "ask.step": ("reached the next step and told its people", "bell", ""),
    "ask.reminded": ("reminded people", "bell", "waiting"),
    "ask.seen": ("saw what is asked", "eye", ""),
    "ask.claimed": ("looks at it", "eye", "info"),
    "ask.claim_released": ("looks at it no more", "eye", ""),
    "ask.closed": ("closed the question to people", "check", ""),
    "notice.accepted": ("sent a mail", "mail", ""),
    "notice.failed": ("could not send a mail", "mail", "bad"),
    "notice.cancelled": ("cancelled a mail", "mail", ""),
    "permit.granted": ("permitted the act, once", "shield", "good"),
    "permit.spent": ("used the permit", "shield", ""),
}


def case_for_page(escalation_id: int) -> Escalation:
    """The case with what its page needs."""
    found = Escalation.objects.select_related(
        "agent",
        "version__proposed_by",
        "runner__owner",
        "presence",
        "outcome",
        "decision__ballot__option",
        "decision__decided_by",
    ).prefetch_related("options", "messages__author", "messages__runner")
    case = found.filter(pk=escalation_id).first()
    if case is None:
        raise NotThere(NO_SUCH_CASE)
    return case


def case_page(
    case: Escalation, user: User, *, at: datetime, form: DecideForm | None = None
) -> dict[str, Any]:
    """The whole context of ``escalations/case.html``."""
    file = file_of(case)
    asks = Ask.objects.filter(subject=case.subject).select_related("claimed_by")
    ask = asks.order_by("-pk").first()
    ladder = ladder_view(ask, at=at) if ask else []
    allowed, refusal = may_decide(user, case, ask)
    asking, _ = may_ask(user)
    is_open = case.is_unresolved
    gone = is_open and is_gone(case, at=at)
    return {
        "case": _case(file, at),
        "options": case.options.all(),
        "ask": _ask(ask, ladder) if ask and is_open else None,
        "claim": claim_of(user, ask, at=at),
        "policy_text": _policy_text(ask, file) if ask else "",
        "messages_thread": [_message(message) for message in case.messages.all()],
        "form": form or DecideForm(case=case),
        "ask_form": AskRunnerForm() if is_open and asking else None,
        "dismiss_form": DismissForm(auto_id="dismiss_%s") if gone and asking else None,
        "why_me": _why_me(user, ask, ladder) if allowed else refusal,
        "may_decide": allowed and is_open,
        "suspended": suspended_because(case) if is_open else file.suspended,
        "refusal": refusal,
        "seen_by": _seen_by(ask),
        "timeline": timeline(case),
    }


def _case(file: CaseFile, at: datetime) -> dict[str, Any]:
    case, request = file.case, request_of(file.case)
    impact = request.get("constitutional_impact", {})
    return {
        **{name: getattr(case, name) for name in _COLUMNS},
        "get_status_display": case.get_status_display(),
        "agent_version": case.version,
        "stopped": stopped(case),
        "is_open": case.is_unresolved,
        "problem": request.get("problem") or request.get("task") or case.title,
        "task": request.get("task", ""),
        "attempted": request.get("attempted", []),
        "impact": request.get("impact", ""),
        "trigger": request.get("trigger", ""),
        "recommendation": request.get("recommendation", ""),
        "constitutional_impact_text": impact.get("text", ""),
        "principles": principles_named(ConstitutionalImpact(**impact)) if impact else [],
        "extra": request.get("extra", {}),
        "unknown": request.get("unknown", {}),
        "action": request.get("action"),
        "action_json": canonical(request.get("action")).decode(),
        "request_json": bytes(case.request).decode(),
        "last_seen_at": case.presence.last_seen_at,
        "runner_state": _runner_state(case, at),
        "decision": _decision(file),
        "permit": _permit(file.permit, at),
        "outcome": _outcome(file.outcome),
    }


_COLUMNS = (
    *("id", "ref", "title", "status", "tone", "agent", "runner", "environment", "project"),
    *("instance", "run", "risk", "risk_reasons", "blocking", "opened_at", "wait_until"),
    *("findings", "request_sha256", "settled_at", "settled_reason"),
)


def _runner_state(case: Escalation, at: datetime) -> str:
    if at - case.presence.last_seen_at < LISTENING:
        return "listening"
    return "gone" if is_gone(case, at=at) else "parked"


def _decision(file: CaseFile) -> dict[str, Any] | None:
    decision = file.decision
    if decision is None:
        return None
    ballot = decision.ballot
    voters = agreeing(ballot, file.ballots)
    said = ("approach", "context", "constitutional_notes", "next_steps", "reason")
    return {
        **{name: getattr(ballot, name) for name in said},
        "verdict": ballot.verdict,
        "verdict_tone": VERDICT_TONES[ballot.verdict],
        "verdict_label": ballot.get_verdict_display(),
        "option_label": ballot.option.label if ballot.option else "",
        "decision": decision_text(ballot),
        "constraints": joint_constraints(voters),
        "decided_by": ", ".join(_voter(vote) for vote in voters),
        "decided_at": decision.at,
        "use_before": decision.use_before,
        "receipt": decision.receipt,
    }


def _voter(vote: Ballot) -> str:
    how = " by mail link" if vote.method == "mail_link" else ""
    return f"{vote.voter}{how}"


def _permit(permit: Permit | None, at: datetime) -> dict[str, Any] | None:
    if permit is None:
        return None
    state = permit.state(at=at)
    tone, label = PERMIT_LOOKS[state]
    return {"status": state, "tone": tone, "get_status_display": label}


def _outcome(outcome: Outcome | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    return {
        "status": outcome.result,
        "tone": OUTCOME_TONES[outcome.result],
        "get_status_display": outcome.get_result_display(),
        "at": outcome.at,
        "text": outcome.summary,
        "constraints": outcome.constraints,
    }


def _ask(ask: Ask, ladder: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "rung": max(ask.step, 0) + 1,
        "next_action_at": ask.next_action_at,
        "next_action": next_action(ask),
        "ladder": ladder,
    }


def _policy_text(ask: Ask, file: CaseFile) -> str:
    if ask.required_votes == 1:
        return "One person decides."
    voted = file.case.ballots.count() if file.decision is None else len(file.ballots)
    return f"{ask.required_votes} people must choose the same; {voted} voted so far."


def _why_me(user: User, ask: Ask | None, ladder: Sequence[dict[str, Any]]) -> str:
    teams = set(user.teams.values_list("pk", flat=True))
    for rung, shown in zip(ask.ladder if ask else [], ladder, strict=False):
        named = rung["role"] in user.roles or rung["person"] == user.pk or rung["team"] in teams
        if named:
            return (
                f"Step {shown['position']} asks you: {shown['who'][0].lower()}{shown['who'][1:]}."
            )
    return "Nobody asked you by name, but you may decide."


def _message(message: Message) -> dict[str, Any]:
    return {
        "author": str(message.author or message.runner),
        "from_runner": message.runner_id is not None,
        "at": message.at,
        "text": message.text,
    }


def _seen_by(ask: Ask | None) -> list[dict[str, Any]]:
    if ask is None:
        return []
    seen = ask.sightings.select_related("user").order_by("first_at")
    return [{"name": str(sighting.user), "at": sighting.first_at} for sighting in seen]


def timeline(case: Escalation) -> list[dict[str, Any]]:
    """The history of the case in words, the oldest first."""
    events = list(AuditEvent.objects.filter(stream=case.subject).order_by("number"))
    names = names_of({event.actor for event in events})
    return [_saying(event, names) for event in events]


def _saying(event: AuditEvent, names: dict[str, str]) -> dict[str, Any]:
    plain = event.kind.partition(".")[2].replace("_", " ")
    text, icon, tone = SAYINGS.get(event.kind, (plain, "clock", ""))
    actor = names.get(event.actor) or "The portal"
    return {"at": event.at, "actor": actor, "text": text, "icon": icon, "tone": tone}
