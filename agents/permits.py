"""Permits: the right to do the act that the deciders saw, once unless they chose wider."""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from agents.ledger.actions import act_digest
from agents.ledger.matchers import in_words
from agents.ledger.scoping import lies_within, read_pattern, stored_pattern
from agents.models import Agent, Permit, PermitUse
from agents.permissions import check_person
from agents.suspensions import suspensions_on
from governance.asking.models import PermitScope
from governance.audit.actors import Actor, system
from governance.audit.receipts import sign
from governance.audit.services import append
from governance.base.canonical import stamp
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.people.models import Runner, User
from governance.people.permissions import Permission, check
from governance.people.services import actor_of

GRANTED_BY_DECISION = system("decision")
MOST_USES = 100
LONGEST_KEY = 200
LONGEST_REASON = 500
# What was done by a permit is to be reported this long after its last use.
REPORT_AFTER = timedelta(hours=1)


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
    environment: str = "",
    scope: str = PermitScope.ONCE,
    most_uses: int = 1,
    run: str = "",
    pattern: Mapping[str, Any] | None = None,
    by: Actor = GRANTED_BY_DECISION,
) -> Permit:
    """Permit an act, in the transaction of the decision that ``source`` names.

    ``most_uses`` bounds every scope. ``run`` belongs to the scope ``run``, and may narrow a
    pattern; a pattern holds in ``environment`` only. Raises :class:`InvalidInput` for a scope
    that does not say what it permits.
    """
    if use_before <= at:
        raise Conflict("A permit must be usable for at least a moment.", code="no_time_left")
    _check_scope(scope, most_uses, run, pattern, environment)
    permit = Permit.objects.create(
        source=source,
        agent=agent,
        runner=runner,
        request_sha256=request_sha256,
        act_sha256=act_sha256,
        environment=environment,
        scope=scope,
        most_uses=most_uses,
        run=run,
        pattern=None if pattern is None else stored_pattern(pattern),
        granted_at=at,
        use_before=use_before,
        reconcile_at=at + (use_before - at) / 2,
    )
    append(stream=source, kind="permit.granted", by=by, at=at, data=_granted(permit))
    return permit


def _check_scope(
    scope: str, most_uses: int, run: str, pattern: Mapping[str, Any] | None, environment: str
) -> None:
    if scope not in PermitScope.values:
        raise InvalidInput(f"A scope is one of {', '.join(PermitScope.values)}.", code="bad_scope")
    most = 1 if scope == PermitScope.ONCE else MOST_USES
    if not 1 <= most_uses <= most:
        raise InvalidInput(f"This permit allows 1 to {most} uses.", code="bad_scope")
    if run and scope not in (PermitScope.RUN, PermitScope.PATTERN):
        raise InvalidInput("Only a permit for a run or a pattern names a run.", code="bad_scope")
    if scope == PermitScope.RUN and not run:
        raise InvalidInput("A permit for a run names the run.", code="bad_scope")
    if (scope == PermitScope.PATTERN) != (pattern is not None):
        raise InvalidInput("A permit for a pattern states it, no other does.", code="bad_scope")
    if scope == PermitScope.PATTERN and not environment:
        raise InvalidInput("A pattern holds in one environment: name it.", code="bad_scope")


def _granted(permit: Permit) -> dict[str, Any]:
    return {
        "permit": permit.pk,
        "agent": permit.agent.slug,
        "runner": permit.runner.subject,
        "request_sha256": permit.request_sha256,
        "use_before": stamp(permit.use_before),
        "scope": str(permit.scope),
        "most_uses": permit.most_uses,
        "run": permit.run,
        "pattern": "" if permit.pattern is None else in_words(read_pattern(permit.pattern)),
    }


@transaction.atomic
def spend_permit(
    *,
    source: str,
    runner: Runner,
    request_sha256: str,
    at: datetime,
    version_id: int | None = None,
    idempotency_key: str = "",
    act_sha256: str = "",
    action: Mapping[str, Any] | None = None,
    run: str = "",
) -> tuple[PermitUse, bool]:
    """Use the permit; the use with its receipt, and whether it is new.

    The row is locked, so of many at once no more succeed than there are uses. The same
    ``idempotency_key`` again is the same use with the same receipt, as long as the act may still
    be done. ``action`` is the act about to be done: a permit for a pattern asks for it, every
    other checks it where it is given. ``version_id`` is the version that asked: while it is
    suspended nothing is spent.
    """
    if len(idempotency_key) > LONGEST_KEY:
        raise InvalidInput(f"An idempotency key has at most {LONGEST_KEY} characters.")
    permit = _locked(source, runner)
    digest = _act_of(permit, act_sha256, action)
    known = _known_use(permit, idempotency_key)
    _check_usable(permit, request_sha256=request_sha256, at=at, is_new=known is None)
    _check_not_suspended(permit, version_id)
    _check_within(permit, digest, action, run)
    if known is None:
        return _use(permit, digest, idempotency_key, at), True
    if known.act_sha256 != digest:
        raise Conflict(
            "This idempotency key was used for another act.", code="idempotency_key_reused"
        )
    return known, False


def _locked(source: str, runner: Runner) -> Permit:
    found = Permit.objects.select_for_update(of=("self",)).select_related("agent", "runner")
    permit = found.filter(source=source, runner=runner).first()
    if permit is None:
        raise NotThere("There is no permit for this.", code="no_permit")
    return permit


def _known_use(permit: Permit, key: str) -> PermitUse | None:
    return permit.used.filter(idempotency_key=key).first() if key else None


def _act_of(permit: Permit, act_sha256: str, action: Mapping[str, Any] | None) -> str:
    """The fingerprint of the act about to be done; of the permitted one where none is named."""
    if action is None:
        return act_sha256 or permit.act_sha256
    digest = act_digest(
        environment=permit.environment,
        kind=str(action.get("kind") or ""),
        target=str(action.get("target") or ""),
        arguments=action.get("arguments"),
    )
    if act_sha256 and act_sha256 != digest:
        raise Conflict("The act and its fingerprint differ.", code="other_act")
    return digest


def _check_usable(permit: Permit, *, request_sha256: str, at: datetime, is_new: bool) -> None:
    state = permit.state(at=at)
    if permit.revoked_at:
        raise Conflict(
            f"This permit was revoked: {permit.revoked_because} Do not act.", code="permit_revoked"
        )
    if state == "spent" and is_new:
        raise Conflict("This permit is used already. Do not act again.", code="permit_spent")
    if at >= permit.use_before:
        raise Conflict("This permit has expired. Ask again before you act.", code="permit_expired")
    if not hmac.compare_digest(permit.request_sha256.encode(), request_sha256.encode()):
        raise Conflict(
            "What you are about to do is not what was permitted: the fingerprints differ.",
            code="other_request",
        )


def _check_not_suspended(permit: Permit, version_id: int | None) -> None:
    if suspension := suspensions_on(permit.agent, version_id=version_id).first():
        raise Conflict(
            f"{permit.agent} is suspended: {suspension.reason} Do not act.", code="suspended"
        )


def _check_within(permit: Permit, digest: str, action: Mapping[str, Any] | None, run: str) -> None:
    if permit.run and permit.run != run:
        raise Conflict(f"This permit is for the run {permit.run} only.", code="other_run")
    if permit.pattern is None:
        if digest != permit.act_sha256:
            raise Conflict("This is not the act that was permitted.", code="other_act")
    elif action is None:
        raise InvalidInput("Say which act you are about to do: action.", code="action_needed")
    elif not lies_within(read_pattern(permit.pattern), action):
        raise Conflict("This act is not within the permitted pattern.", code="other_act")


def _use(permit: Permit, digest: str, key: str, at: datetime) -> PermitUse:
    """The next use, counted by compare-and-set as well as under the lock."""
    number = permit.uses + 1
    is_last = number == permit.most_uses
    changes: dict[str, Any] = {"reconcile_at": (at if is_last else permit.use_before)}
    changes["reconcile_at"] += REPORT_AFTER
    counted = Permit.objects.filter(pk=permit.pk, uses=permit.uses, spent_at=None, revoked_at=None)
    if counted.update(uses=F("uses") + 1, spent_at=at if is_last else None, **changes) != 1:
        raise Conflict("This permit is used already. Do not act again.", code="permit_spent")
    permit.uses, permit.spent_at = number, at if is_last else None
    use = PermitUse.objects.create(
        permit=permit,
        number=number,
        act_sha256=digest,
        idempotency_key=key,
        receipt=_receipt(permit, number, digest, at),
        at=at,
    )
    append(
        stream=permit.source,
        kind="permit.spent",
        by=actor_of(permit.runner),
        at=at,
        data={
            "permit": permit.pk,
            "request_sha256": permit.request_sha256,
            "act_sha256": digest,
            "use": number,
            "of": permit.most_uses,
        },
    )
    return use


def _receipt(permit: Permit, number: int, digest: str, at: datetime) -> str:
    return sign(
        audience=f"runner:{permit.runner.slug}",
        subject=permit.source,
        at=at,
        claims={
            "ref": permit.source.rpartition(":")[2],
            "permit": permit.pk,
            "request_sha256": permit.request_sha256,
            "act_sha256": digest,
            "use": number,
            "most_uses": permit.most_uses,
            "use_before": stamp(permit.use_before),
            "spent_at": stamp(at),
        },
        typ="permit",
    )


@transaction.atomic
def revoke_permit(*, permit_id: int, by: User, reason: str, at: datetime) -> Permit:
    """A person takes back what is left of a permit; taking it back again changes nothing."""
    check_person(by, "revoke permits")
    check(by, Permission.SUSPEND)
    why = " ".join(reason.replace("\0", "\ufffd").split())[:LONGEST_REASON]
    if not why:
        raise InvalidInput("Say why: the runner will read the reason.", code="no_reason")
    permit = Permit.objects.select_for_update(of=("self",)).filter(pk=permit_id).first()
    if permit is None:
        raise NotThere("There is no such permit.", code="no_permit")
    if permit.revoked_at:
        return permit
    if (state := permit.state(at=at)) != "unspent":
        raise Conflict(f"This permit is {state} already.", code=f"permit_{state}")
    permit.revoked_at, permit.revoked_by, permit.revoked_because = at, by, why
    permit.reconcile_at = at + REPORT_AFTER if permit.uses else None
    permit.save(update_fields=["revoked_at", "revoked_by", "revoked_because", "reconcile_at"])
    append(
        stream=permit.source,
        kind="permit.revoked",
        by=actor_of(by),
        at=at,
        data={"permit": permit.pk, "uses": permit.uses, "of": permit.most_uses, "reason": why},
    )
    return permit
