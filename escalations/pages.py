"""What the page of a case shows: the stored request, and apart from it what the portal knows."""

import json
from datetime import datetime
from typing import Any

from agents.models import Permit
from escalations import scopes
from escalations.answers import (
    CaseFile,
    agreeing,
    decision_text,
    file_of,
    joint_constraints,
    request_of,
    suspended_because,
)
from escalations.following.follow_ups import STOP_AGENT
from escalations.following.pages import following_of, outcome_lines
from escalations.forms import AskRunnerForm, DecideForm, DismissForm, RevokeForm, ScopeForm
from escalations.inbox import next_action, stopped
from escalations.law import principles_named
from escalations.liveness import Liveness, liveness
from escalations.models import VERDICT_TONES, Escalation, Message, Outcome
from escalations.panel import options_for, policy_text, proof_for, shown, voter_in_words, why_me
from escalations.permissions import may_ask, may_decide
from escalations.precedents.pages import beside
from escalations.schema import ConstitutionalImpact
from governance.asking.models import Ask, Authentication
from governance.asking.policies.explaining import explanation
from governance.asking.policies.rules import Rules
from governance.asking.services import ladder_view
from governance.asking.together.pages import together_of
from governance.audit.models import AuditEvent
from governance.base.canonical import canonical
from governance.history.services import names_of
from governance.people.models import User
from governance.people.permissions import Permission, has

OUTCOME_TONES = {"succeeded": "good", "failed": "bad", "unknown": "warn"}
PERMIT_LOOKS = {
    "unspent": ("waiting", "Not used yet"),
    "spent": ("good", "Used"),
    "expired": ("neutral", "Expired"),
    "revoked": ("bad", "Revoked"),
}
# Kind of event: what it says, its icon, its tone.
SAYINGS: dict[str, tuple[str, str, str]] = {
    "escalation.raised": ("asked", "message", "waiting"),
    "escalation.changes_requested": ("asked for an edited question", "message", "info"),
    "escalation.asked_back": ("asked the runner a question", "message", "info"),
    "escalation.answered": ("answered the question", "message", "info"),
    "escalation.voted": ("voted", "person", "info"),
    "escalation.decided": ("decided", "check-circle", "good"),
    "standing.made": ("let the decision stand for later cases", "clock", "info"),
    "standing.answered": ("answered with a standing decision", "clock", "info"),
    "precedent.marked": ("held it up as a precedent", "check", "info"),
    "precedent.withdrawn": ("held it up as a precedent no more", "cross", ""),
    "proposal.made": ("proposed a rule to the owner: five equal answers", "edit", "waiting"),
    "escalation.withdrawn": ("withdrew the question", "cross-circle", ""),
    "escalation.dismissed": ("dismissed the case: nobody decided", "cross-circle", ""),
    "escalation.outcome_reported": ("reported the outcome", "receipt", ""),
    "ask.opened": ("opened the question to people", "bell", ""),
    "ask.step": ("reached the next step and told its people", "bell", ""),
    "ask.reminded": ("reminded people", "bell", "waiting"),
    "ask.step_reached_nobody": ("reached nobody on a step, and climbed", "bell", "bad"),
    "ask.step_asleep": ("found a step asleep, and climbed", "clock", "waiting"),
    "ask.nudged": ("asked everybody to look at it", "bell", "waiting"),
    "notice.held": ("holds a notice back", "clock", ""),
    "ask.act_opened": ("opened the details of the act", "eye", ""),
    "ask.seen": ("saw what is asked", "eye", ""),
    "ask.claimed": ("looks at it", "eye", "info"),
    "ask.claim_released": ("looks at it no more", "eye", ""),
    "ask.handed_over": ("handed the question over", "person", "info"),
    "ask.snoozed": ("is not reminded for a while", "clock", ""),
    "ask.snooze_ended": ("is reminded again", "bell", ""),
    "ask.commented": ("said something to colleagues", "message", ""),
    "ask.closed": ("closed the question to people", "check", ""),
    "notice.accepted": ("sent a mail", "mail", ""),
    "notice.failed": ("could not send a mail", "mail", "bad"),
    "notice.cancelled": ("cancelled a mail", "mail", ""),
    "permit.granted": ("permitted the act", "shield", "good"),
    "permit.spent": ("used the permit", "shield", ""),
    "permit.revoked": ("took the permit back", "shield", "bad"),
    "permit.looked_after": ("reminded people of the permit", "bell", "waiting"),
}

# Events that name somebody, and the word before the name.
WITH_RECIPIENT = {
    "notice.accepted": "to",
    "notice.failed": "to",
    "notice.cancelled": "to",
    "notice.held": "for",
    "ask.handed_over": "to",
}


def case_page(
    case: Escalation,
    user: User,
    *,
    at: datetime,
    form: DecideForm | None = None,
    scope_form: ScopeForm | None = None,
    level: str = Authentication.SIGNED_IN,
) -> dict[str, Any]:
    """The whole context of ``escalations/case.html``."""
    file = file_of(case)
    asks = Ask.objects.filter(subject=case.subject).select_related("claimed_by", "policy_version")
    ask = asks.order_by("-pk").first()
    ladder = ladder_view(ask) if ask else []
    allowed, refusal = may_decide(user, case, ask)
    asking, _ = may_ask(user)
    is_open = case.is_unresolved
    rules = Rules.of(ask.rules if ask else {})
    gone = is_open and liveness(case, at=at) is Liveness.GONE
    return {
        "case": shown_case(file, at),
        "options": options_for(user, case, rules) if is_open else _options(case),
        "ask": _ask(ask, ladder) if ask and is_open else None,
        "explanation": explanation(ask, at=at, zone=user.time_zone) if ask else [],
        "together": together_of(user, ask, at=at),
        "policy_text": policy_text(ask, case, list(case.ballots.all())) if ask else "",
        "messages_thread": [_message(message) for message in case.messages.all()],
        "form": form or DecideForm(case=case, rules=rules),
        "scope_form": scope_form or scope_form_of(case, user, rules) if is_open else None,
        "proof": proof_for(case, rules, level) if allowed and is_open else "",
        "ask_form": AskRunnerForm() if is_open and asking else None,
        "revoke_form": _revoke_form(user, file),
        "dismiss_form": DismissForm(auto_id="dismiss_%s") if gone and asking else None,
        "why_me": why_me(user, case, ask, ladder) if allowed else refusal,
        "may_decide": allowed and is_open,
        "suspended": _suspended(file),
        "stop_agent": _where_to_stop(file, user),
        "refusal": refusal,
        "seen_by": _seen_by(ask),
        "timeline": timeline(case),
        "following": following_of(file, at=at),
        "beside": beside(case, user),
    }


def _suspended(file: CaseFile) -> str:
    """Why the agent may not act; a permit that was taken back says so where it stands."""
    if file.case.is_unresolved:
        return suspended_because(file.case)
    return "" if file.is_revoked else file.suspended


def _where_to_stop(file: CaseFile, user: User) -> str:
    """Where to suspend the agent, if people chose to stop it and nobody has suspended it yet."""
    option = file.decision.ballot.option if file.decision else None
    wants = file.case.follows_up_id and option is not None and option.key == STOP_AGENT
    if not wants or not has(user, Permission.SUSPEND) or suspended_because(file.case):
        return ""
    return f"{file.case.agent.get_absolute_url()}#suspend-title"


def _options(case: Escalation) -> list[dict[str, Any]]:
    return [shown(option) for option in case.options.all()]


def _revoke_form(user: User, file: CaseFile) -> RevokeForm | None:
    """Where there is still something to take back, and this person may."""
    permit = file.permit
    if permit is None or permit.spent_at or permit.revoked_at or not has(user, Permission.SUSPEND):
        return None
    return RevokeForm(auto_id="revoke_%s")


def scope_form_of(
    case: Escalation, user: User, rules: Rules, *args: Any, **kwargs: Any
) -> ScopeForm | None:
    """The form of a permit's reach, where there is an act and the policy offers a choice."""
    if not (case.has_action and rules.permit_scopes):
        return None
    form = ScopeForm(*args, case=case, rules=rules, zone=user.time_zone, **kwargs)
    return form if form.is_offered else None


def shown_case(file: CaseFile, at: datetime) -> dict[str, Any]:
    """The stored request of a case, and what the portal knows of it."""
    case, request = file.case, request_of(file.case)
    impact = request.get("constitutional_impact", {})
    return {
        **{name: getattr(case, name) for name in _COLUMNS},
        "get_status_display": case.get_status_display(),
        "agent_version": case.version,
        "stopped": stopped(case),
        "is_open": case.is_unresolved,
        "by_portal": case.follows_up_id is not None,
        "risk_reasons": _risk_reasons(case),
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
        "runner_state": str(liveness(case, at=at)),
        "decision": _decision(file),
        "permit": _permit(file.permit, at),
        "outcome": _outcome(file.outcome),
    }


def _risk_reasons(case: Escalation) -> list[str]:
    """A question of the portal's own claims nothing for the runner."""
    reasons: list[str] = case.risk_reasons
    if case.follows_up_id is None:
        return reasons
    others = [reason for reason in reasons if "runner claims" not in reason]
    return ["A promise was broken: the portal asks about that as high risk.", *others]


_COLUMNS = (
    *("id", "ref", "title", "status", "tone", "agent", "runner", "environment", "project"),
    *("instance", "run", "risk", "blocking", "opened_at", "wait_until"),
    *("findings", "request_sha256", "settled_at", "settled_reason"),
)


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
        "decided_by": ", ".join(voter_in_words(vote) for vote in voters),
        "decided_at": decision.at,
        "use_before": decision.use_before,
        "receipt": decision.receipt,
    }


def _permit(permit: Permit | None, at: datetime) -> dict[str, Any] | None:
    if permit is None:
        return None
    state = permit.state(at=at)
    tone, label = PERMIT_LOOKS[state]
    return {
        "status": state,
        "tone": tone,
        "get_status_display": label,
        "reach": scopes.scope_in_words(scopes.of_permit(permit), run=permit.run),
        "uses": permit.uses,
        "most_uses": permit.most_uses,
        "revoked_because": permit.revoked_because,
    }


def _outcome(outcome: Outcome | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    return {
        "status": outcome.result,
        "tone": OUTCOME_TONES[outcome.result],
        "get_status_display": outcome.get_result_display(),
        "at": outcome.at,
        "text": outcome.summary,
        "constraints": outcome_lines(outcome),
    }


def _ask(ask: Ask, ladder: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "rung": max(ask.step, 0) + 1,
        "next_action_at": ask.next_action_at,
        "next_action": next_action(ask),
        "ladder": ladder,
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "author": str(message.author or message.runner),
        "from_runner": message.runner_id is not None,
        "at": message.at,
        "text": message.text,
        "wants_edit": message.wants_edit,
    }


def _seen_by(ask: Ask | None) -> list[dict[str, Any]]:
    if ask is None:
        return []
    seen = ask.sightings.select_related("user").order_by("first_at")
    return [{"name": str(sighting.user), "at": sighting.first_at} for sighting in seen]


def timeline(case: Escalation) -> list[dict[str, Any]]:
    """The history of the case in words, the oldest first."""
    events = list(AuditEvent.objects.filter(stream=case.subject).order_by("number"))
    to = {event.pk: _to_whom(event) for event in events}
    names = names_of({*(event.actor for event in events), *filter(None, to.values())})
    return [_saying(event, names, to[event.pk]) for event in events]


def _to_whom(event: AuditEvent) -> str:
    """Who got what the event tells of."""
    if event.kind not in WITH_RECIPIENT:
        return ""
    data = json.loads(bytes(event.body))["data"]
    return str(data.get("recipient") or data.get("to") or "")


def _saying(event: AuditEvent, names: dict[str, str], to: str) -> dict[str, Any]:
    plain = event.kind.partition(".")[2].replace("_", " ")
    text, icon, tone = SAYINGS.get(event.kind, (plain, "clock", ""))
    if name := names.get(to):
        text = f"{text} {WITH_RECIPIENT[event.kind]} {name}"
    actor = names.get(event.actor) or "The portal"
    return {"at": event.at, "actor": actor, "text": text, "icon": icon, "tone": tone}
