"""People decide: votes under the lock of the case, and exactly one decision."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from agents.permits import grant_permit
from escalations import scopes
from escalations.acts import act_sha256_of
from escalations.answers import agreeing, request_of, same_choice, voter_of, words_of
from escalations.asked import stands_in_for
from escalations.cases import check_unresolved, latest_ask, locked_case, settle, tell
from escalations.counting import Quorum
from escalations.demands import check_complete, check_demands, check_level, chosen_option
from escalations.models import Ballot, Decision, Escalation, Status, Verdict
from escalations.permissions import answers_as_owner, check_may_decide
from escalations.proposing import note_answer
from escalations.scopes import Scope
from governance.asking.models import Ask, Authentication, PermitScope
from governance.asking.policies.rules import Rules
from governance.asking.services import close_ask
from governance.audit.receipts import sign
from governance.audit.services import append
from governance.base.canonical import sha256_hex
from governance.base.errors import Conflict, InvalidInput, TooLarge
from governance.people.models import Membership, User
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
    level: str = Authentication.SIGNED_IN,
    scope: Scope | None = None,
) -> Decision | None:
    """One person's vote; the decision once the policy is met, None while more votes are needed.

    ``seen_sha256`` is of the request that was shown, ``shown_as`` names the template that showed
    it, ``level`` is what the person has proved (``Authentication``), ``scope`` how far a permit
    may reach. The same vote again returns the same; a different one, or one on a settled case,
    is a :class:`Conflict`. Too low a level is refused with the code ``authentication``.
    """
    case = locked_case(escalation_id)
    ask = latest_ask(case)
    check_may_decide(by, case, ask)
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
        level=str(level),
        by_owner=by.pk == case.agent.owner_id,
        at=at,
    )
    ballot.option = chosen_option(case, verdict, option_key)
    check_complete(ballot)
    return _cast(case, ask, ballot, scope)


def _cast(case: Escalation, ask: Ask, ballot: Ballot, scope: Scope | None) -> Decision | None:
    """Record a first vote, once everything that is asked of it is there."""
    before = list(case.ballots.select_related("voter", "on_behalf_of").order_by("id"))
    if earlier := next((vote for vote in before if vote.voter_id == ballot.voter_id), None):
        return _again(case, earlier, ballot)
    _check_open(case, ballot)
    _check_not_spoken_for(case, ballot.voter, before)
    rules = Rules.of(ask.rules)
    check_level(case, rules, ballot.level)
    check_demands(case, rules, ballot)
    ballot.scope = scopes.kept(_scope(case, rules, ballot, scope))
    ballot.on_behalf_of = stands_in_for(ballot.voter, case, ask, at=ballot.at)
    ballot.save(force_insert=True)
    return _count(case, ask, ballot, before)


def _scope(case: Escalation, rules: Rules, ballot: Ballot, scope: Scope | None) -> Scope | None:
    """Only an approved option permits anything, so nothing else has a scope."""
    if ballot.verdict != Verdict.APPROVED_OPTION:
        return None
    action = request_of(case).get("action")
    return scopes.checked(scope, case=case, rules=rules, action=action, at=ballot.at)


def _count(case: Escalation, ask: Ask, ballot: Ballot, before: list[Ballot]) -> Decision | None:
    """Decide when enough people chose the same; by policy the agent's owner answers alone."""
    votes = agreeing(ballot, [*before, ballot])
    quorum = quorum_of(ask)
    teams = teams_of_voters(votes) if quorum.teams else [()] * len(votes)
    is_met = quorum.is_met(teams, rejecting=ballot.verdict == Verdict.REJECTED)
    if not is_met and not answers_as_owner(ballot.voter, case, ask):
        _record(case, ballot, "escalation.voted", {"needed": quorum.votes})
        tell(case)
        return None
    return conclude(case, ballot, votes)


def quorum_of(ask: Ask) -> Quorum:
    """How many votes the question takes, by the copy of its policy."""
    rules = Rules.of(ask.rules)
    return Quorum(ask.required_votes, tuple(rules.teams), rules.one_rejection_ends)


def teams_of_voters(votes: Sequence[Ballot]) -> list[set[int]]:
    """The teams of each voter. Who stands in for somebody votes with their own teams."""
    found: dict[int, set[int]] = {vote.voter_id: set() for vote in votes}
    for user, team in Membership.objects.filter(user__in=found).values_list("user", "team"):
        found[user].add(team)
    return [found[vote.voter_id] for vote in votes]


def conclude(case: Escalation, ballot: Ballot, votes: list[Ballot]) -> Decision:
    """The decision that these votes make, with all that follows; in the caller's transaction."""
    permits = case.has_action and ballot.verdict == Verdict.APPROVED_OPTION
    scope = scopes.joint(votes)
    use_before = scopes.ends_at(scope, at=ballot.at, lifetime=_lifetime()) if permits else None
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
        _permit(case, ballot, scope, use_before)
    receipt_sha256 = sha256_hex(decision.receipt.encode())
    _record(case, ballot, "escalation.decided", {"receipt_sha256": receipt_sha256})
    tell(case)
    note_answer(decision, ballot.at)
    return decision


def _permit(case: Escalation, ballot: Ballot, scope: Scope, use_before: datetime) -> None:
    grant_permit(
        source=case.subject,
        agent=case.agent,
        runner=case.runner,
        request_sha256=case.request_sha256,
        act_sha256=act_sha256_of(case),
        environment=case.environment,
        scope=str(scope.kind),
        most_uses=scope.most_uses,
        run=case.run if scope.kind == PermitScope.RUN else "",
        pattern=scope.pattern,
        at=ballot.at,
        use_before=use_before,
        by=actor_of(ballot.voter),
    )


def _receipt(
    case: Escalation, ballot: Ballot, votes: list[Ballot], use_before: datetime | None
) -> str:
    scope = scopes.as_answer(scopes.joint(votes), run=case.run) if use_before else None
    return sign(
        audience=f"runner:{case.runner.slug}",
        subject=case.subject,
        at=ballot.at,
        claims={
            "ref": case.ref,
            "agent": case.agent.slug,
            "request_sha256": case.request_sha256,
            **words_of(ballot, votes, use_before=use_before),
            "decided_by": [{"id": vote.voter_id, **voter_of(vote)} for vote in votes],
            "action": request_of(case).get("action") if use_before else None,
            "scope": scope,
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
            "level": ballot.level,
            "on_behalf_of": ballot.on_behalf_of.subject if ballot.on_behalf_of else None,
            "by_owner": ballot.by_owner,
            "scope": ballot.scope,
            **more,
        },
    )


def _lifetime() -> timedelta:
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
    check_unresolved(case)
    if ballot.request_sha256 != case.request_sha256:
        raise Conflict(
            "What you saw is not what is asked. Open the case again and read it.",
            code="not_what_was_shown",
        )


def _check_not_spoken_for(case: Escalation, by: User, before: list[Ballot]) -> None:
    """Who is back cannot add a second voice to that of the colleague who stood in."""
    stood_in = next((vote for vote in before if vote.on_behalf_of_id == by.pk), None)
    if stood_in:
        raise Conflict(
            f"{stood_in.voter} has voted on {case.ref} on your behalf already.", code="voted"
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
