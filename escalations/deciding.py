"""People decide: votes under the lock of the case, and exactly one decision."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from agents.ledger.actions import act_digest
from agents.permits import grant_permit
from escalations.answers import agreeing, request_of, same_choice, standing_words, words_of
from escalations.cases import locked_ask, locked_case, settle, tell
from escalations.models import Ballot, Decision, Escalation, Option, Status, Verdict
from escalations.permissions import check_may_decide
from governance.asking.models import Ask
from governance.asking.services import close_ask
from governance.audit.receipts import sign
from governance.audit.services import append
from governance.base.canonical import sha256_hex
from governance.base.errors import Conflict, InvalidInput, NotPermitted, TooLarge
from governance.people.models import Role, User
from governance.people.services import actor_of

LONGEST_TEXT = 10_000
MOST_LINES = 50
BY_API = "api"
_SAID = ("approach", "constraints", "context", "constitutional_notes", "next_steps", "reason")


@transaction.atomic(durable=True)
def decide(
    *,
    escalation_id: int,
    by: User,
    verdict: str,
    seen_sha256: str,
    method: str,
    at: datetime,
    option_key: str = "",
    approach: str = "",
    constraints: Iterable[str] = (),
    context: str = "",
    constitutional_notes: str = "",
    next_steps: Iterable[str] = (),
    reason: str = "",
    shown_as: str = BY_API,
) -> Decision | None:
    """One person's vote; the decision once the policy is met, None while more votes are needed.

    ``seen_sha256`` is of the request that was shown, ``shown_as`` names the template that showed
    it. The same vote again returns the same; a different one, or one on a settled case, is a
    :class:`Conflict`.
    """
    case = locked_case(escalation_id)
    check_may_decide(by, case)
    ballot = Ballot(
        escalation=case,
        voter=by,
        verdict=verdict,
        approach=_text(approach),
        constraints=_lines(constraints),
        context=_text(context),
        constitutional_notes=_text(constitutional_notes),
        next_steps=_lines(next_steps),
        reason=_text(reason),
        request_sha256=seen_sha256,
        template_version=shown_as,
        method=method,
        at=at,
    )
    ballot.option = _option(case, verdict, option_key)
    _check_complete(ballot)
    earlier = case.ballots.filter(voter=by).first()
    if earlier:
        return _again(case, earlier, ballot)
    _check_open(case, ballot)
    _check_option_demands(case, ballot)
    ask = locked_ask(case)
    check_may_decide(by, case, ask)
    ballot.save(force_insert=True)
    return _count(case, ask, ballot)


def _count(case: Escalation, ask: Ask, ballot: Ballot) -> Decision | None:
    """Decide when enough people chose the same; one rejection is enough to stop."""
    votes = agreeing(ballot, list(case.ballots.select_related("voter").order_by("id")))
    if ballot.verdict != Verdict.REJECTED and len(votes) < ask.required_votes:
        _record(case, ballot, "escalation.voted", {"needed": ask.required_votes})
        tell(case)
        return None
    return conclude(case, ballot, votes)


def conclude(case: Escalation, ballot: Ballot, votes: list[Ballot]) -> Decision:
    """Settle a locked case with a vote that meets the policy; its permit, receipt and news."""
    permits = case.has_action and ballot.verdict == Verdict.APPROVED_OPTION
    use_before = ballot.at + _permit_lifetime() if permits else None
    settle(case, Status.DECIDED, at=ballot.at)
    decision = Decision.objects.create(
        escalation=case,
        ballot=ballot,
        decided_by=ballot.voter,
        at=ballot.at,
        use_before=use_before,
        receipt=_receipt(case, ballot, votes, use_before),
    )
    by = actor_of(ballot.voter)
    because = "answered_by_a_standing_decision" if ballot.standing_id else "decided"
    close_ask(subject=case.subject, because=because, by=by, at=ballot.at)
    if use_before:
        grant_permit(
            source=case.subject,
            agent=case.agent,
            runner=case.runner,
            request_sha256=case.request_sha256,
            act_sha256=_act_sha256(case),
            at=ballot.at,
            use_before=use_before,
            by=by,
        )
    receipt_sha256 = sha256_hex(decision.receipt.encode())
    _record(case, ballot, "escalation.decided", {"receipt_sha256": receipt_sha256})
    tell(case)
    return decision


def _receipt(
    case: Escalation, ballot: Ballot, votes: list[Ballot], use_before: datetime | None
) -> str:
    return sign(
        audience=f"runner:{case.runner.slug}",
        subject=case.subject,
        at=ballot.at,
        claims={
            "ref": case.ref,
            "agent": case.agent.slug,
            "request_sha256": case.request_sha256,
            **words_of(ballot, votes, use_before=use_before),
            "decided_by": [
                {
                    "id": vote.voter_id,
                    "name": str(vote.voter),
                    "method": vote.method,
                    **(standing_words(vote) if vote.standing_id else {}),
                }
                for vote in votes
            ],
            "action": request_of(case).get("action") if use_before else None,
        },
    )


def _record(case: Escalation, ballot: Ballot, kind: str, more: dict[str, Any]) -> None:
    append(
        stream=case.subject,
        kind=kind,
        by=actor_of(ballot.voter),
        at=ballot.at,
        data={
            "ballot": ballot.pk,
            "verdict": str(ballot.verdict),
            "option": ballot.option.key if ballot.option else None,
            "request_sha256": ballot.request_sha256,
            "template_version": ballot.template_version,
            "method": ballot.method,
            **more,
        },
    )


def _act_sha256(case: Escalation) -> str:
    """What the guard knows of the act that is permitted."""
    action = request_of(case).get("action") or {}
    return act_digest(
        environment=case.environment,
        kind=action.get("kind", ""),
        target=action.get("target", ""),
        arguments=action.get("arguments"),
    )


def _permit_lifetime() -> timedelta:
    lifetime: timedelta = settings.PERMIT_LIFETIME
    return lifetime


def _again(case: Escalation, earlier: Ballot, ballot: Ballot) -> Decision | None:
    """The person has voted already: the same vote changes nothing, another one is refused."""
    same = same_choice(earlier, ballot) and all(
        getattr(earlier, name) == getattr(ballot, name) for name in _SAID
    )
    if not same:
        raise Conflict(f"You have voted on {case.ref} already, and differently.", code="voted")
    return getattr(case, "decision", None)


def _check_open(case: Escalation, ballot: Ballot) -> None:
    if case.status == Status.DECIDED:
        decided_by = case.decision.decided_by
        raise Conflict(f"{decided_by} has decided {case.ref} already.", code="decided")
    if not case.is_unresolved:
        label = case.get_status_display().lower()
        raise Conflict(f"{case.ref} is settled already: {label}.", code="settled")
    if ballot.request_sha256 != case.request_sha256:
        raise Conflict(
            "What you saw is not what is asked. Open the case again and read it.",
            code="not_what_was_shown",
        )


def _option(case: Escalation, verdict: str, key: str) -> Option | None:
    if verdict not in Verdict.values:
        raise InvalidInput(f"A verdict is one of {', '.join(Verdict.values)}.")
    if verdict != Verdict.APPROVED_OPTION:
        if key:
            raise InvalidInput("Only an approval names an option.")
        return None
    option = case.options.filter(key=key).first() if key else None
    if option is None:
        raise InvalidInput("Choose one of the options that the case offers.", code="no_such_option")
    return option


def _check_complete(ballot: Ballot) -> None:
    if ballot.verdict == Verdict.OTHER_APPROACH and not ballot.approach:
        raise InvalidInput("Say what to do instead.", code="approach_needed")
    if ballot.verdict == Verdict.REJECTED and not ballot.reason:
        raise InvalidInput("Say why the agent must not proceed.", code="reason_needed")


def _check_option_demands(case: Escalation, ballot: Ballot) -> None:
    """A runner's option may demand more of the decider than the portal does, never less."""
    if ballot.option is None:
        return
    asked = request_of(case).get("options", [])
    option: dict[str, Any] = next((one for one in asked if one.get("key") == ballot.option.key), {})
    if option.get("requires_comment") and not ballot.reason:
        raise InvalidInput("This option asks for your reason.", code="reason_needed")
    authority = option.get("authority", "").strip().lower()
    if authority in Role.values and authority not in ballot.voter.roles:
        label = Role(authority).label.lower()
        raise NotPermitted(
            f"This option asks for somebody who is {label} as well.", code="authority"
        )


def _text(value: str) -> str:
    text = value.replace("\r\n", "\n").strip()
    if len(text) > LONGEST_TEXT:
        raise TooLarge(f"A text has at most {LONGEST_TEXT} characters.")
    if "\x00" in text:
        raise InvalidInput("Text must not hold the NUL character.", code="nul_character")
    return text


def _lines(values: Iterable[str]) -> list[str]:
    """Each line once, without empty ones."""
    lines = list(dict.fromkeys(filter(None, map(_text, values))))
    if len(lines) > MOST_LINES:
        raise TooLarge(f"At most {MOST_LINES} lines, please.")
    return lines
