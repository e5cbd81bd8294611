"""Permits: the single-use right to do exactly the act that the deciders saw."""

import hmac
from datetime import datetime

from django.db import transaction

from agents.models import Agent, Permit
from agents.suspensions import suspensions_on
from governance.audit.actors import Actor, system
from governance.audit.services import append
from governance.base.canonical import stamp
from governance.base.errors import Conflict, NotThere
from governance.people.models import Runner
from governance.people.services import actor_of

GRANTED_BY_DECISION = system("decision")


@transaction.atomic
def grant_permit(
    *,
    source: str,
    agent: Agent,
    runner: Runner,
    request_sha256: str,
    at: datetime,
    use_before: datetime,
    act_sha256: str = "",
    by: Actor = GRANTED_BY_DECISION,
) -> Permit:
    """Permit one act, in the transaction of the decision that ``source`` names."""
    if use_before <= at:
        raise Conflict("A permit must be usable for at least a moment.", code="no_time_left")
    permit = Permit.objects.create(
        source=source,
        agent=agent,
        runner=runner,
        request_sha256=request_sha256,
        act_sha256=act_sha256,
        granted_at=at,
        use_before=use_before,
    )
    append(
        stream=source,
        kind="permit.granted",
        by=by,
        at=at,
        data={
            "permit": permit.pk,
            "agent": agent.slug,
            "runner": runner.subject,
            "request_sha256": request_sha256,
            "use_before": stamp(use_before),
        },
    )
    return permit


@transaction.atomic
def spend_permit(
    *,
    source: str,
    runner: Runner,
    request_sha256: str,
    at: datetime,
    version_id: int | None = None,
) -> Permit:
    """Use the permit, once. The row is locked, so of several at once one succeeds.

    ``version_id`` is the version that asked: while it is suspended nothing is spent.
    """
    permit = _locked(source, runner)
    _check_spendable(permit, request_sha256=request_sha256, at=at)
    if suspension := suspensions_on(permit.agent, version_id=version_id).first():
        raise Conflict(
            f"{permit.agent} is suspended: {suspension.reason} Do not act.", code="suspended"
        )
    permit.spent_at = at
    permit.save(update_fields=["spent_at"])
    append(
        stream=source,
        kind="permit.spent",
        by=actor_of(runner),
        at=at,
        data={"permit": permit.pk, "request_sha256": request_sha256},
    )
    return permit


def _locked(source: str, runner: Runner) -> Permit:
    found = Permit.objects.select_for_update(of=("self",)).select_related("agent")
    permit = found.filter(source=source, runner=runner).first()
    if permit is None:
        raise NotThere("There is no permit for this.", code="no_permit")
    return permit


def _check_spendable(permit: Permit, *, request_sha256: str, at: datetime) -> None:
    state = permit.state(at=at)
    if state == "spent":
        raise Conflict("This permit is used already. Do not act again.", code="permit_spent")
    if state == "expired":
        raise Conflict("This permit has expired. Ask again before you act.", code="permit_expired")
    if not hmac.compare_digest(permit.request_sha256.encode(), request_sha256.encode()):
        raise Conflict(
            "What you are about to do is not what was permitted: the fingerprints differ.",
            code="other_request",
        )
