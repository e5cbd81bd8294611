"""The offline bundle: all that a runner may run, signed, for when the portal cannot be reached."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max

from agents.models import AgentVersion, Rule, RuleStance
from agents.permissions import agents_for
from agents.releasing.as_of import AsOf, Row, as_of
from agents.releasing.exports import law_as_json, moment
from agents.resolving import reader_name
from governance.audit.models import AuditEvent
from governance.audit.receipts import sign
from governance.base.canonical import digest_of, sha256_hex, stamp
from governance.constitution.models import ConstitutionVersion
from governance.people.models import Runner, User

FORMAT = 1
UNJUDGED: dict[str, Any] = {"rule_class": None, "mode": "", "matchers": []}


@dataclass(frozen=True, slots=True)
class Outline:
    """What a bundle will hold, known before any text is read."""

    past: AsOf
    serial: int
    stances: int
    slugs: tuple[str, ...]
    principal: User | Runner

    @property
    def etag(self) -> str:
        """Changes with what may run and, so that nobody keeps a dying one, twice in its life."""
        half_life = timedelta(hours=settings.BUNDLE_HOURS) / 2
        period = int(self.past.at.timestamp() // half_life.total_seconds())
        standing = [
            [
                row.release.pk,
                row.approval.pk if row.approval else None,
                row.code,
                row.reason,
                moment(row.until),
            ]
            for row in self.past.rows
        ]
        law = self.past.law.pk if self.past.law else None
        reader = reader_name(self.principal)
        state = [self.past.environment.slug, law, standing, self.stances, list(self.slugs)]
        return digest_of([FORMAT, reader, period, state])[:32]


def outline_of(*, environment: str, principal: User | Runner, at: datetime) -> Outline:
    """Where everything of this reader stands now; the serial is read before the rest."""
    serial = AuditEvent.objects.aggregate(newest=Max("id"))["newest"] or 0
    past = as_of(environment=environment, at=at, principal=principal)
    agents = [row.release.agent_id for row in past.rows]
    # A confirmed stance is replaced by another row, so their number names a state.
    stances = RuleStance.objects.filter(agent__in=agents, confirmed_at__isnull=False).count()
    slugs = agents_for(principal).order_by("slug").values_list("slug", flat=True)
    return Outline(past, serial, stances, tuple(slugs), principal)


def signed_bundle(outline: Outline) -> dict[str, Any]:
    """The bundle with a signature over the fingerprint of its canonical bytes."""
    bundle = _bundle(outline)
    signature = sign(
        audience=reader_name(outline.principal),
        subject=f"bundle:{outline.past.environment.slug}",
        at=outline.past.at,
        claims={
            "bundle_sha256": digest_of(bundle),
            "serial": outline.serial,
            "expires_at": bundle["expires_at"],
        },
        typ="bundle",
    )
    return {"bundle": bundle, "signature": signature}


def _bundle(outline: Outline) -> dict[str, Any]:
    past = outline.past
    texts = _texts(past)
    running = [row for row in past.rows if row.release.version_id in texts]
    rules = _rules(running)
    return {
        "format": FORMAT,
        "environment": past.environment.slug,
        "issued_at": stamp(past.at),
        "expires_at": stamp(past.at + timedelta(hours=settings.BUNDLE_HOURS)),
        "serial": outline.serial,
        "constitution": _constitution(past),
        "agents": [_agent(row, texts[row.release.version_id], rules) for row in running],
        "revocations": _revocations(outline, {row.release.agent.slug for row in running}),
    }


def _texts(past: AsOf) -> dict[int, bytes]:
    """The bytes of what runs; a text that is not the approved one is left out."""
    wanted = {row.release.version_id: row.release.version.sha256 for row in past.rows if row.runs}
    found = AgentVersion.objects.filter(pk__in=wanted).values_list("pk", "raw")
    texts = {pk: bytes(raw) for pk, raw in found}
    return {pk: raw for pk, raw in texts.items() if sha256_hex(raw) == wanted[pk]}


def _constitution(past: AsOf) -> dict[str, Any] | None:
    if past.law is None:
        return None
    text = ConstitutionVersion.objects.values_list("text", flat=True).get(pk=past.law.pk)
    return {**(law_as_json(past.law) or {}), "text": text}


def _agent(row: Row, raw: bytes, rules: dict[int, list[dict[str, Any]]]) -> dict[str, Any]:
    release = row.release
    return {
        "slug": release.agent.slug,
        "sequence": release.version.sequence,
        "sha256": release.version.sha256,
        "raw_base64": base64.b64encode(raw).decode(),
        "approval": "break_glass" if row.is_broken_glass else "review",
        "approved_under_sha256": row.approval.constitution_sha256 if row.approval else None,
        "released_at": stamp(release.at),
        "until": moment(row.until),
        "rules": rules.get(release.version_id, []),
    }


def _rules(running: list[Row]) -> dict[int, list[dict[str, Any]]]:
    """The rules of each version, with what people confirmed that each of them is."""
    agents = {row.release.version_id: row.release.agent_id for row in running}
    stances = _stances(agents.values())
    found: dict[int, list[dict[str, Any]]] = {}
    rules = Rule.objects.filter(version__in=agents).order_by("version_id", "position")
    for rule in rules:
        told = {"key": rule.key, "modality": rule.modality, "text": rule.text, "line": rule.line}
        stance = stances.get((agents[rule.version_id], rule.key), UNJUDGED)
        found.setdefault(rule.version_id, []).append({**told, **stance})
    return found


def _stances(agents: Iterable[int]) -> dict[tuple[int, str], dict[str, Any]]:
    """The newest confirmed stance on each rule, as the guard takes it."""
    confirmed = RuleStance.objects.filter(agent__in=agents, confirmed_at__isnull=False)
    newest = confirmed.order_by("agent_id", "key", "-id").distinct("agent_id", "key")
    return {
        (one.agent_id, one.key): {
            "rule_class": one.rule_class, "mode": one.mode, "matchers": one.matchers,
        }
        for one in newest
    }  # fmt: skip


def _revocations(outline: Outline, running: set[str]) -> list[dict[str, Any]]:
    """Every other agent of this reader, with the reason why it does not run."""
    stopped = {row.release.agent.slug: row for row in outline.past.rows}
    return [_revocation(slug, stopped.get(slug)) for slug in outline.slugs if slug not in running]


def _revocation(slug: str, row: Row | None) -> dict[str, Any]:
    if row is None:
        return {"slug": slug, "code": "not_released", "reason": "Nothing is released here."}
    if row.runs:
        return {"slug": slug, "code": "damaged", "reason": "The stored text is not the approved."}
    return {"slug": slug, "code": row.code, "reason": row.reason}
