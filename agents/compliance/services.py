"""Judge versions against the principles of the law; ask for, grant and end waivers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse

from agents.compliance.matrix import fingerprint_of, names_of
from agents.compliance.permissions import (
    check_can_ask,
    check_can_end,
    check_can_grant,
    check_can_judge,
)
from agents.importing import storable
from agents.models import AgentVersion, Judgement, MatrixVerdict, Waiver
from agents.permissions import excluded_from
from agents.services import locked_version
from governance.asking.models import AskKind
from governance.asking.services import close_ask, open_ask
from governance.audit.services import append
from governance.base.canonical import sha256_hex
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.constitution.models import Principle
from governance.constitution.services import current
from governance.people.models import User
from governance.people.services import actor_of

LONGEST_TEXT = 4000
# An exception from what binds everybody is short; from anything else it lasts half a year.
LONGEST_WAIVER = timedelta(days=180)
LONGEST_NON_NEGOTIABLE_WAIVER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of one principle; ``seen_sha256`` is its text as the person saw it."""

    principle: str
    verdict: str
    evidence: str = ""
    line: int | None = None
    seen_sha256: str = ""


@transaction.atomic
def judge(
    *,
    version_id: int,
    principle: str,
    verdict: str,
    evidence: str,
    line: int | None,
    by: User,
    at: datetime,
    seen_sha256: str = "",
) -> Judgement:
    """One person's judgement of a version against one principle of the law in force.

    The newest counts. The same again by the same person returns what is written already.
    """
    said = Said(principle, verdict, evidence, line, seen_sha256)
    return judge_all(version_id=version_id, said=[said], by=by, at=at)[0]


@transaction.atomic
def judge_all(*, version_id: int, said: Iterable[Said], by: User, at: datetime) -> list[Judgement]:
    """The same of several principles at once: all of them or, where one is refused, none."""
    version = locked_version(version_id)
    check_can_judge(by, version)
    wanted = list(said)
    if not wanted:
        raise InvalidInput("Judge at least one principle.", code="nothing_judged")
    law = _principles()
    return [_judge(version, _named(one.principle, law), one, by, at) for one in wanted]


def _judge(
    version: AgentVersion, principle: Principle, said: Said, by: User, at: datetime
) -> Judgement:
    sha256 = fingerprint_of(principle)
    if said.seen_sha256 and said.seen_sha256 != sha256:
        raise Conflict(
            f"{principle.title} reads differently now. Read it again, then judge.",
            code="changed_since_seen",
        )
    evidence = _evidence(said, version)
    last = version.judgements.filter(principle=principle.key).first()
    wanted = (sha256, said.verdict, evidence, said.line, by.pk)
    if last and wanted == (
        last.principle_sha256, last.verdict, last.evidence, last.line, last.judged_by_id,
    ):  # fmt: skip
        return last
    return _write_judgement(version, principle, said, evidence, by, at)


def _principle(name: str) -> Principle:
    return _named(name, _principles())


def _principles() -> list[Principle]:
    law = current()
    if law is None:
        raise Conflict("No constitution is ratified.", code="no_constitution")
    return list(law.principles.all())


def _named(name: str, principles: Iterable[Principle]) -> Principle:
    found = next((one for one in principles if name in names_of(one)), None)
    if found is None:
        raise NotThere("The constitution has no such principle.", code="unknown_principle")
    return found


def _evidence(said: Said, version: AgentVersion) -> str:
    if said.verdict not in MatrixVerdict.values:
        raise InvalidInput("Choose pass, fail or not applicable.", code="no_verdict")
    evidence: str = storable(said.evidence).strip()
    if len(evidence) > LONGEST_TEXT:
        raise InvalidInput(f"Evidence has at most {LONGEST_TEXT:,} characters.")
    lines = version.text.count("\n") + 1
    if said.line is not None and not 1 <= said.line <= lines:
        raise InvalidInput(f"The text has {lines} lines.", code="no_such_line")
    if not evidence and (said.line is None or said.verdict != MatrixVerdict.PASS):
        raise InvalidInput(
            "Name the line that shows it passes, or say why it fails or does not apply.",
            code="no_evidence",
        )
    return evidence


def _write_judgement(
    version: AgentVersion, principle: Principle, said: Said, evidence: str, by: User, at: datetime
) -> Judgement:
    judgement = Judgement.objects.create(
        version=version,
        principle=principle.key,
        principle_sha256=fingerprint_of(principle),
        verdict=said.verdict,
        evidence=evidence,
        line=said.line,
        judged_by=by,
        at=at,
    )
    append(
        stream=version.agent.subject,
        kind="agent_version.judged",
        by=actor_of(by),
        at=at,
        subject=version.subject,
        data={
            "judgement": judgement.pk,
            "version": version.pk,
            "sha256": version.sha256,
            "principle": principle.key,
            "principle_sha256": judgement.principle_sha256,
            "verdict": judgement.verdict,
            "evidence_sha256": sha256_hex(evidence.encode()),
            "line": said.line,
        },
    )
    return judgement


@transaction.atomic
def ask_waiver(
    *, version_id: int, principle: str, reason: str, expires_at: datetime, by: User, at: datetime
) -> Waiver:
    """Ask that a version be excused from one principle for a while; somebody else grants it."""
    check_can_ask(by)
    version = locked_version(version_id)
    found = _principle(principle)
    why = storable(reason).strip()[:LONGEST_TEXT]
    if not why:
        raise InvalidInput("Say why the version is to be excused.", code="no_reason")
    _check_span(found, expires_at, at)
    names = names_of(found)
    if version.waivers.filter(principle__in=names, ended_at=None, expires_at__gt=at).exists():
        raise Conflict("A waiver of this is asked for or in force already.", code="waiver_open")
    waiver = Waiver.objects.create(
        version=version,
        principle=found.key,
        principle_sha256=fingerprint_of(found),
        reason=why,
        expires_at=expires_at,
        asked_by=by,
        asked_at=at,
    )
    _record(waiver, "waiver.asked", by, at, reason_sha256=sha256_hex(why.encode()))
    _ask_people(waiver, found, by, at)
    return waiver


def _check_span(principle: Principle, expires_at: datetime, at: datetime) -> None:
    if expires_at <= at:
        raise InvalidInput("A waiver ends in the future.", code="ended_already")
    longest = longest_waiver(principle)
    if expires_at - at > longest:
        raise InvalidInput(
            f"A waiver of {principle.title} lasts at most {longest.days} days.", code="too_long"
        )


def longest_waiver(principle: Principle) -> timedelta:
    """How long a version may be excused from a principle."""
    return LONGEST_NON_NEGOTIABLE_WAIVER if principle.non_negotiable else LONGEST_WAIVER


def _ask_people(waiver: Waiver, principle: Principle, by: User, at: datetime) -> None:
    version = waiver.version
    open_ask(
        kind=AskKind.REVIEW,
        subject=waiver.subject,
        title=f"Waiver of {principle.title} for {version}",
        path=reverse("waivers"),
        fingerprint=version.sha256,
        excluded=excluded_from(version) | {by.pk},
        by=actor_of(by),
        at=at,
        about="Somebody asks that a version be excused from a principle for a while.",
    )


@transaction.atomic
def grant_waiver(*, waiver_id: int, by: User, at: datetime) -> Waiver:
    """A second person's yes; granting again changes nothing."""
    waiver = _locked_waiver(waiver_id)
    check_can_grant(by, waiver)
    if waiver.ended_at or waiver.expires_at <= at:
        raise Conflict("This waiver has ended.", code="ended")
    if waiver.granted_at:
        return waiver
    if fingerprint_of(_principle(waiver.principle)) != waiver.principle_sha256:
        raise Conflict(
            "The principle reads differently since this was asked. Ask again.", code="stale"
        )
    waiver.granted_by, waiver.granted_at = by, at
    waiver.save(update_fields=["granted_by", "granted_at"])
    _record(waiver, "waiver.granted", by, at)
    close_ask(subject=waiver.subject, because="granted", by=actor_of(by), at=at)
    return waiver


@transaction.atomic
def end_waiver(*, waiver_id: int, by: User, at: datetime) -> Waiver:
    """End a waiver before its time, or turn down one that is asked for; again changes nothing."""
    check_can_end(by)
    waiver = _locked_waiver(waiver_id)
    if waiver.ended_at:
        return waiver
    waiver.ended_by, waiver.ended_at = by, at
    waiver.save(update_fields=["ended_by", "ended_at"])
    _record(waiver, "waiver.ended", by, at)
    close_ask(subject=waiver.subject, because="ended", by=actor_of(by), at=at)
    return waiver


def _locked_waiver(waiver_id: int) -> Waiver:
    """Under its version's lock first, as everything else that asks about the version."""
    found = Waiver.objects.filter(pk=waiver_id).values_list("version_id", flat=True).first()
    if found is None:
        raise NotThere("There is no such waiver.", code="unknown_waiver")
    version = locked_version(found)
    waiver = Waiver.objects.select_for_update().get(pk=waiver_id)
    waiver.version = version
    return waiver


def _record(waiver: Waiver, kind: str, by: User, at: datetime, **data: str) -> None:
    append(
        stream=waiver.version.agent.subject,
        kind=kind,
        by=actor_of(by),
        at=at,
        subject=waiver.subject,
        data={
            "waiver": waiver.pk,
            "version": waiver.version_id,
            "principle": waiver.principle,
            "principle_sha256": waiver.principle_sha256,
            "expires_at": waiver.expires_at.isoformat(),
            **data,
        },
    )
