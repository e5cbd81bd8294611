"""The ends of a case that are no verdict, and what the runner does after one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from agents.models import Permit, PermitUse
from agents.permits import revoke_permit, spend_permit
from escalations.answers import agreeing, joint_constraints
from escalations.cases import check_unresolved, locked_case, locked_case_of, tell
from escalations.ending import end_case
from escalations.following.follow_ups import open_follow_up
from escalations.liveness import is_gone
from escalations.models import Escalation, Outcome, Result, Status, Verdict
from escalations.permissions import check_may_ask
from escalations.thread import checked_text
from governance.audit.services import append
from governance.base.canonical import digest_of
from governance.base.errors import Conflict, InvalidInput, NotThere, TooLarge
from governance.people.models import Runner, User
from governance.people.services import actor_of

LONGEST_EVIDENCE = 2000


@transaction.atomic(durable=True)
def withdraw(*, escalation_id: int, runner: Runner, reason: str, at: datetime) -> Escalation:
    """The runner gives up its question. Doing it again changes nothing."""
    case = locked_case_of(runner, escalation_id, at=at)
    if case.status == Status.WITHDRAWN:
        return case
    check_unresolved(case)
    said = checked_text(reason or "No reason given.", what="the reason")
    return end_case(case, Status.WITHDRAWN, by=actor_of(runner), at=at, reason=said)


@transaction.atomic(durable=True)
def dismiss(*, escalation_id: int, by: User, reason: str, at: datetime) -> Escalation:
    """A person closes a case whose runner is gone. It means: nobody decided, do not proceed."""
    check_may_ask(by)
    case = locked_case(escalation_id)
    check_unresolved(case)
    if not is_gone(case, at=at):
        raise Conflict(
            f"The runner of {case.ref} is still there. Decide the case, or ask the runner.",
            code="runner_present",
        )
    said = checked_text(reason, what="the reason")
    return end_case(case, Status.DISMISSED, by=actor_of(by), at=at, reason=said)


@transaction.atomic(durable=True)
def consume(
    *,
    escalation_id: int,
    runner: Runner,
    request_sha256: str,
    at: datetime,
    idempotency_key: str = "",
    action: Mapping[str, Any] | None = None,
    run: str = "",
) -> tuple[PermitUse, bool]:
    """Use the permit, directly before the act; the use with its proof, and whether it is new."""
    case = locked_case_of(runner, escalation_id, at=at)
    verdict = _verdict(case)
    if verdict != Verdict.APPROVED_OPTION or not case.has_action:
        raise Conflict(f"The answer to {case.ref} permits no act.", code="no_permit")
    if Outcome.objects.filter(escalation=case).exists():
        raise Conflict(
            f"The outcome of {case.ref} is reported: its permit ended with that.", code="reported"
        )
    use, is_new = spend_permit(
        source=case.subject,
        runner=runner,
        request_sha256=request_sha256,
        at=at,
        version_id=case.version_id,
        idempotency_key=idempotency_key,
        action=action,
        run=run,
    )
    if is_new:
        tell(case)
    return use, is_new


@transaction.atomic(durable=True)
def revoke(*, escalation_id: int, by: User, reason: str, at: datetime) -> Permit:
    """A person takes back what is left of the permit, and the runner is told."""
    case = locked_case(escalation_id)
    permit = Permit.objects.filter(source=case.subject).first()
    if permit is None:
        raise NotThere(f"{case.ref} has no permit.", code="no_permit")
    revoked = revoke_permit(permit_id=permit.pk, by=by, reason=reason, at=at)
    if permit.revoked_at is None:
        tell(case)
    return revoked


def _verdict(case: Escalation) -> str:
    if case.status != Status.DECIDED:
        raise Conflict(f"Nobody has decided {case.ref}. Do not proceed.", code="not_decided")
    return case.decision.ballot.verdict


@transaction.atomic(durable=True)
def report_outcome(
    *,
    escalation_id: int,
    runner: Runner,
    result: str,
    summary: str,
    constraints: Sequence[Mapping[str, Any]],
    at: datetime,
) -> tuple[Outcome, bool]:
    """What the runner did, constraint by constraint. The same report again returns the same.

    A constraint that is reported as broken asks people what to do now, in a case of its own.
    """
    case = locked_case_of(runner, escalation_id, at=at)
    if _verdict(case) == Verdict.REJECTED:
        raise Conflict(f"{case.ref} was rejected: there is nothing to report.", code="rejected")
    lines = _reports(constraints)
    report = {"result": result, "summary": summary.strip(), "constraints": lines}
    body_sha256 = digest_of(report)
    known = Outcome.objects.filter(escalation=case).first()
    if known:
        if known.body_sha256 != body_sha256:
            raise Conflict(f"{case.ref} has another outcome already.", code="reported")
        return known, False
    _check_report(case, result, lines)
    outcome = Outcome.objects.create(
        escalation=case,
        result=result,
        summary=summary.strip(),
        constraints=lines,
        body_sha256=body_sha256,
        at=at,
    )
    _record_outcome(case, outcome)
    open_follow_up(case, outcome, at=at)
    return outcome, True


def _record_outcome(case: Escalation, outcome: Outcome) -> None:
    permit = Permit.objects.filter(source=case.subject).first()
    # Nothing is left to look after.
    Permit.objects.filter(source=case.subject).update(reconcile_at=None)
    append(
        stream=case.subject,
        kind="escalation.outcome_reported",
        by=actor_of(case.runner),
        at=outcome.at,
        data={
            "result": outcome.result,
            "body_sha256": outcome.body_sha256,
            "kept": [line["kept"] for line in outcome.constraints],
            "permit": permit.state(at=outcome.at) if permit else None,
        },
    )
    tell(case)


def _reports(constraints: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "constraint": str(line.get("constraint", "")).strip(),
            "kept": line.get("kept"),
            "evidence": str(line.get("evidence") or "").strip(),
        }
        for line in constraints
    ]


def _check_report(case: Escalation, result: str, lines: list[dict[str, Any]]) -> None:
    """Each constraint of the decision once, each kept, broken or unknown; nothing else."""
    if result not in Result.values:
        raise InvalidInput(f"A result is one of {', '.join(Result.values)}.")
    if any(not isinstance(line["kept"], bool | None) for line in lines):
        raise InvalidInput("kept is true, false or null.")
    if any(len(line["evidence"]) > LONGEST_EVIDENCE for line in lines):
        raise TooLarge(f"Evidence has at most {LONGEST_EVIDENCE} characters: link to the rest.")
    if any("\x00" in line["evidence"] for line in lines):
        raise InvalidInput("Text must not hold the NUL character.", code="nul_character")
    ballots = list(case.ballots.all())
    wanted = joint_constraints(agreeing(case.decision.ballot, ballots))
    if Counter(line["constraint"] for line in lines) != Counter(wanted):
        raise InvalidInput(
            "Report on each constraint of the decision, in its own words, once.",
            code="constraints_differ",
            constraints=wanted,
        )
