"""A runner asks: one case for one idempotency key, however often it is sent."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from agents.ledger.halts import halt
from agents.models import Agent, AgentVersion, Environment, Release
from escalations.cases import notify
from escalations.facts import facts_of, kept_facts
from escalations.models import Escalation, Option, Presence
from escalations.noticing import findings_of
from escalations.permissions import excluded_people
from escalations.precedents import standing
from escalations.risk import Assessment, assess
from escalations.schema import RaisePayload, as_request
from escalations.superseding import check_superseded, end_superseded, locked_old_case
from governance.asking.models import AskKind
from governance.asking.services import open_ask
from governance.audit.actors import Actor
from governance.audit.services import append
from governance.base.canonical import canonical, sha256_hex
from governance.base.encoding import visible
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.base.findings import Finding, Severity
from governance.base.keys import slug
from governance.people.models import Runner
from governance.people.services import actor_of

DEFAULT_ENVIRONMENT = "production"
LONGEST_TITLE = 200
LONGEST_KEY = 200
# What the portal itself asks about is told apart from what runners send.
RESERVED_KEY = "portal:"
SHA256_LENGTH = 64


def raise_case(
    *,
    runner: Runner,
    payload: RaisePayload,
    idempotency_key: str,
    body: bytes,
    source_format: str,
    at: datetime,
    findings: tuple[Finding, ...] = (),
) -> tuple[Escalation, bool]:
    """Open a case and ask people, or return the case that this key made before.

    ``body`` is what the runner sent; ``findings`` are what reading it has noticed. Without a
    key the body and the run are the key. Where the payload names a case that it supersedes, that
    one is withdrawn with it. Raises :class:`Conflict` for a key with another body, and where the
    old case is settled.
    """
    body_sha256 = sha256_hex(body)
    key = _key(idempotency_key, body_sha256, payload.run)
    with transaction.atomic(durable=True):
        known, old = _before(runner, payload, key, body_sha256, at)
        if known:
            return known, False
        agent = _agent(runner, payload.agent)
        if old:
            check_superseded(old, agent_id=agent.pk)
        try:
            # A savepoint: the other of two simultaneous raises waits here and then reads.
            with transaction.atomic():
                case = open_case(
                    runner=runner,
                    agent=agent,
                    payload=payload,
                    idempotency_key=key,
                    body_sha256=body_sha256,
                    source_format=source_format,
                    at=at,
                    by=actor_of(runner),
                    findings=findings,
                    supersedes=old,
                )
        except IntegrityError:
            known = _known_case(runner, key, body_sha256)
            if known is None:
                raise
            return known, False
        standing.answer(case, at)
    return case, True


def open_case(
    *,
    runner: Runner,
    agent: Agent,
    payload: RaisePayload,
    idempotency_key: str,
    body_sha256: str,
    source_format: str,
    at: datetime,
    by: Actor,
    findings: tuple[Finding, ...] = (),
    supersedes: Escalation | None = None,
    follows_up: Escalation | None = None,
) -> Escalation:
    """A new case with its question to people, in the caller's transaction.

    ``supersedes`` is locked and ends here; ``follows_up`` is the case whose promise was broken.
    """
    case = _draft(runner, agent, payload, findings)
    case.idempotency_key, case.body_sha256 = idempotency_key, body_sha256
    case.source_format, case.opened_at = source_format, at
    case.supersedes, case.follows_up = supersedes, follows_up
    case.save(force_insert=True)
    if supersedes:
        end_superseded(supersedes, case, at=at)
    _open(case, payload, by, at)
    return case


def _before(
    runner: Runner, payload: RaisePayload, key: str, body_sha256: str, at: datetime
) -> tuple[Escalation | None, Escalation | None]:
    """The case that this key made before; else the one that the question edits, locked."""
    known = _known_case(runner, key, body_sha256)
    if known or not payload.supersedes:
        return known, None
    old = locked_old_case(runner, payload.supersedes, at=at)
    # Whoever held the lock may have been this very call, sent before.
    return _known_case(runner, key, body_sha256), old


def _key(idempotency_key: str, body_sha256: str, run: str) -> str:
    if len(idempotency_key) > LONGEST_KEY:
        raise InvalidInput(f"An idempotency key has at most {LONGEST_KEY} characters.")
    if idempotency_key.startswith(RESERVED_KEY):
        raise InvalidInput(f"Keys that begin with {RESERVED_KEY} are the portal's own.")
    return idempotency_key or f"body:{sha256_hex(f'{body_sha256} {run}'.encode())}"


def _known_case(runner: Runner, key: str, body_sha256: str) -> Escalation | None:
    known = Escalation.objects.filter(runner=runner, idempotency_key=key).first()
    if known and known.body_sha256 != body_sha256:
        raise Conflict(
            f"This idempotency key belongs to {known.ref}, which asked something else.",
            code="idempotency_key_reused",
            ref=known.ref,
        )
    return known


def _draft(
    runner: Runner, agent: Agent, payload: RaisePayload, findings: tuple[Finding, ...]
) -> Escalation:
    environment = payload.environment or DEFAULT_ENVIRONMENT
    version = _version(agent, payload.version, environment)
    request = as_request(payload)
    raw = canonical(request)
    found = findings_of(payload, request, [*findings, *_about(version, payload, environment)])
    assessed = assess(agent=agent, version=version, payload=payload)
    return Escalation(
        agent=agent,
        version=version,
        runner=runner,
        environment=environment,
        project=payload.project,
        instance=payload.instance,
        run=payload.run,
        title=title_of(payload),
        request=raw,
        request_sha256=sha256_hex(raw),
        findings=[finding.as_dict() for finding in found],
        has_action=payload.action is not None,
        wait_until=payload.wait_until,
        **_handling(assessed),
        **kept_facts(agent, payload, assessed, environment=environment),
    )


def _handling(assessed: Assessment) -> dict[str, Any]:
    return {
        "risk": assessed.risk,
        "risk_reasons": assessed.reasons,
        "blocking": assessed.blocking,
    }


def _open(case: Escalation, payload: RaisePayload, by: Actor, at: datetime) -> None:
    Option.objects.bulk_create(
        Option(
            escalation=case,
            position=position,
            key=option.key,
            label=option.label,
            description=option.description,
            pros=option.pros,
            cons=option.cons,
            consequence=option.consequence,
        )
        for position, option in enumerate(payload.options)
    )
    Presence.objects.create(escalation=case, last_seen_at=at)
    if case.blocking:
        halt(
            source=case.subject,
            agent=case.agent,
            runner=case.runner,
            instance=case.instance,
            run=case.run,
            at=at,
        )
    ask_people(case, payload, by=by, at=at)
    append(stream=case.subject, kind="escalation.raised", by=by, at=at, data=_facts(case))
    notify(case)


def ask_people(case: Escalation, payload: RaisePayload, *, by: Actor, at: datetime) -> None:
    """Open the question about a case, in the caller's transaction."""
    open_ask(
        kind=AskKind.CASE,
        subject=case.subject,
        title=case.title,
        path=case.get_absolute_url(),
        fingerprint=case.request_sha256,
        excluded=excluded_people(case),
        about=_in_short(case),
        by=by,
        at=at,
        facts=facts_of(case, payload),
        owner_id=case.agent.owner_id,
        group_key=case.group_key,
    )


def _in_short(case: Escalation) -> str:
    """What the mail says besides the title: who asks, how risky it is, what stands still."""
    still = " It stands still until somebody decides." if case.blocking else ""
    return f"{case.agent.name[:80]}, {case.environment}: {case.get_risk_display().lower()}.{still}"


def _facts(case: Escalation) -> dict[str, Any]:
    return {
        "agent": case.agent.slug,
        "version_sha256": case.version.sha256 if case.version else None,
        "environment": case.environment,
        "request_sha256": case.request_sha256,
        "risk": str(case.risk),
        "blocking": case.blocking,
        "has_action": case.has_action,
        "supersedes": case.supersedes.ref if case.supersedes else None,
        "follows_up": case.follows_up.ref if case.follows_up else None,
        "findings": sorted({finding["code"] for finding in case.findings}),
    }


def title_of(payload: RaisePayload) -> str:
    """One line for lists and mail: what hides is shown, what is long ends in an ellipsis."""
    text = payload.title or payload.problem or payload.task or f"{payload.agent} asks"
    line = " ".join(visible(text).split())
    return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 1]}…"


def _agent(runner: Runner, name: str) -> Agent:
    """By slug, or by a name that makes that slug; only agents that this runner may ask for."""
    agent = Agent.objects.select_related("owner").filter(slug__in={name, slug(name, 120)}).first()
    if agent is None or not runner.may_act_for(agent.slug):
        raise NotThere("There is no such agent, or this runner may not ask for it.")
    return agent


def _version(agent: Agent, named: str | int | None, environment: str) -> AgentVersion | None:
    """The version that the runner names, else the one released in its environment."""
    if named is None or named == "":
        released = Release.objects.filter(agent=agent, environment__slug=environment)
        newest = released.select_related("version").first()
        return newest.version if newest else None
    text = str(named)
    versions = AgentVersion.objects.filter(agent=agent)
    if len(text) == SHA256_LENGTH:
        return versions.filter(sha256=text.lower()).first()
    is_number = text.isascii() and text.isdecimal() and len(text) < 10
    return versions.filter(sequence=int(text)).first() if is_number else None


def _about(version: AgentVersion | None, payload: RaisePayload, environment: str) -> list[Finding]:
    found = []
    if version is None:
        message = (
            f"The portal has no version {payload.version} of this agent."
            if payload.version
            else f"No version of this agent is released in {environment}."
        )
        found.append(Finding("VERSION_UNKNOWN", Severity.WARNING, 0, message))
    if not Environment.objects.filter(slug=environment).exists():
        message = f"The portal has no environment {environment}."
        found.append(Finding("ENVIRONMENT_UNKNOWN", Severity.WARNING, 0, message))
    return found
