"""Bring many files in at once: each on its own, and one account of what became of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from agents.importing import Reading, family_slug, read_definition, storable
from agents.intake.archives import Incoming
from agents.intake.placing import Held, Places, family_of, place, places_for, twice
from agents.models import Agent, AgentVersion, Family, ImportRun
from agents.services import import_definition
from governance.audit.services import append, record_refusal
from governance.base.canonical import sha256_hex
from governance.base.errors import Conflict, InvalidInput, NotPermitted, Refusal
from governance.base.findings import Finding, Severity, distinct
from governance.people.models import Runner, User
from governance.people.permissions import Permission, check
from governance.people.services import actor_of

NEW, CHANGED, UNCHANGED, REFUSED, SKIPPED = "new", "changed", "unchanged", "refused", "skipped"
RESULTS = (REFUSED, NEW, CHANGED, UNCHANGED, SKIPPED)
SEVERITIES = tuple(severity.value for severity in Severity)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Order:
    """What holds for every file of a run."""

    family: str
    per_folder: bool
    by: User | Runner
    at: datetime
    owner: User | None
    places: Places

    def family_for(self, path: str) -> str:
        return family_of(path, root=self.family) if self.per_folder else self.family


def import_many(
    *,
    files: Sequence[Incoming],
    family: str,
    by: User | Runner,
    at: datetime,
    source: str,
    name: str,
    owner: User | None = None,
    family_per_folder: bool = False,
) -> ImportRun:
    """Bring files in, each in a transaction of its own, so that a refused one holds up no other.

    With ``family_per_folder`` the folder of a file is its family, ``family`` that of files
    without one, and agents of the same name are kept apart under slugs of their own instead of
    being refused. Not to be called inside a transaction.
    """
    if isinstance(by, User):
        check(by, Permission.PROPOSE)
    if not files:
        raise InvalidInput("There is no file to bring in.", code="no_files")
    order = _Order(family, family_per_folder, by, at, owner, places_for(files))
    results = [_result(file, order) for file in files]
    return _write_run(results, order, source=source, name=name)


def _result(file: Incoming, order: _Order) -> dict[str, Any]:
    if file.skipped:
        return _row(file.path, SKIPPED, sentence=file.skipped)
    try:
        if file.refused:
            raise InvalidInput(file.refused, code=file.code)
        return _bring_in(file, order)
    except Refusal as refusal:
        _record(refusal, file, order)
        return _row(file.path, REFUSED, sentence=refusal.sentence, code=refusal.code)
    except Exception:
        # One file that the portal cannot cope with must not cost the other thousands.
        log.exception("import_failed", file=file.path)
        sentence = "The portal failed on this file. Its log has the details."
        return _row(file.path, REFUSED, sentence=sentence, code="failed")


def _row(path: str, result: str, **more: Any) -> dict[str, Any]:
    return {"file": storable(path) or "Pasted text", "result": result, **more}


def _record(refusal: Refusal, file: Incoming, order: _Order) -> None:
    """A typing mistake leaves no trace, an act that was refused does."""
    if isinstance(refusal, NotPermitted | Conflict):
        record_refusal(
            kind="refused",
            by=actor_of(order.by),
            at=order.at,
            subject=f"import {storable(file.path)}"[:160],
            sentence=refusal.sentence[:500],
            code=refusal.code,
        )


def _bring_in(file: Incoming, order: _Order) -> dict[str, Any]:
    digest = sha256_hex(file.raw)
    family = order.family_for(file.path)
    held = order.places.unchanged(file, digest, family_slug(family))
    if held and held.slug not in order.places.claimed and _may(order.by, held.slug):
        return _claim(file, digest, order, _unchanged(file, held))
    reading = read_definition(file.raw, file.path)
    again = order.places.seen.get(digest)
    if again and again[2:] == (family, reading.named):
        return _row(file.path, UNCHANGED, agent=again[1], notes=[_same_as(again[0])])
    slug = place(order.places, reading, file, family=family_slug(family), apart=order.per_folder)
    if slug in order.places.claimed:
        raise twice(slug, order.places.claimed[slug], file.path)
    return _claim(file, digest, order, _written(file, digest, reading, slug, order))


def _may(by: User | Runner, slug: str) -> bool:
    return isinstance(by, User) or by.may_act_for(slug)


def _same_as(path: str) -> str:
    return f"The same bytes as {path}."


def _claim(file: Incoming, digest: str, order: _Order, row: dict[str, Any]) -> dict[str, Any]:
    """Remember which agent this file was; another file of the run cannot be the same."""
    family = order.family_for(file.path)
    order.places.claimed[row["agent"]] = file.path
    order.places.seen.setdefault(digest, (file.path, row["agent"], family, row.pop("named")))
    return row


def _unchanged(file: Incoming, held: Held) -> dict[str, Any]:
    return _version_row(file, UNCHANGED, held) | {"named": held.slug}


def _version_row(file: Incoming, result: str, held: Held) -> dict[str, Any]:
    return _row(
        file.path,
        result,
        agent=held.slug,
        family=held.family,
        sequence=held.sequence,
        change_class=held.change_class,
        findings=counted(held.findings),
        codes=sorted({finding["code"] for finding in held.findings}),
    )


def counted(findings: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many findings there are of each severity."""
    found = Counter(finding["severity"] for finding in findings)
    return {severity: found[severity] for severity in SEVERITIES}


def _written(
    file: Incoming, digest: str, reading: Reading, slug: str, order: _Order
) -> dict[str, Any]:
    notes = list(_about_others(file, digest, reading, slug, order))
    parsed = replace(reading.parsed, findings=distinct((*reading.parsed.findings, *notes)))
    version, created = import_definition(
        raw=file.raw,
        filename=file.path,
        family=order.family_for(file.path),
        by=order.by,
        at=order.at,
        owner=order.owner,
        reading=replace(reading, parsed=parsed, kept_as=slug),
    )
    result = (NEW if version.sequence == 1 else CHANGED) if created else UNCHANGED
    row = _version_row(file, result, _held(version))
    return row | {"named": reading.named, "notes": [note.message for note in notes]}


def _held(version: AgentVersion) -> Held:
    agent = version.agent
    return Held(
        agent.slug,
        agent.name,
        agent.family.slug,
        version.filename,
        version.sequence,
        version.change_class,
        version.findings,
    )


def _about_others(
    file: Incoming, digest: str, reading: Reading, slug: str, order: _Order
) -> Iterator[Finding]:
    """What the file has in common with other agents: its bytes, or its name."""
    same = order.places.same_bytes(digest, slug=slug)
    if same:
        yield Finding(
            "SAME_BYTES",
            Severity.INFO,
            0,
            f"The agent {same} has exactly the same bytes.",
            "Keep one of them, unless both are meant.",
            excerpt=same,
        )
    if slug != reading.named:
        yield _kept_apart(reading, slug)


def _kept_apart(reading: Reading, slug: str) -> Finding:
    namesake = Agent.objects.filter(slug=reading.named).select_related("family").first()
    whose = f" of the family {namesake.family}" if namesake else ""
    return Finding(
        "NAME_TAKEN",
        Severity.WARNING,
        0,
        f"The name {reading.named} belongs to an agent{whose}; this one is kept apart as {slug}.",
        "Give one of them another name.",
        excerpt=slug,
    )


def _write_run(
    results: list[dict[str, Any]], order: _Order, *, source: str, name: str
) -> ImportRun:
    by, counts = order.by, _counts(results)
    families = {row["family"] for row in results if "family" in row}
    with transaction.atomic():
        run = ImportRun.objects.create(
            family=Family.objects.filter(slug=families.pop()).first()
            if len(families) == 1
            else None,
            source=source,
            name=str(storable(name))[:300],
            by=by if isinstance(by, User) else None,
            runner=by if isinstance(by, Runner) else None,
            at=order.at,
            counts=counts,
            results=results,
        )
        append(
            stream="imports",
            kind="import.run",
            by=actor_of(by),
            at=order.at,
            subject=f"import:{run.pk}",
            data={"run": run.pk, "source": source, **{name: counts[name] for name in RESULTS}},
        )
    return run


def _counts(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Files by result, findings by severity, and in how many files each code was found."""
    by_result = Counter(row["result"] for row in results)
    findings: Counter[str] = Counter()
    for row in results:
        findings.update(row.get("findings", {}))
    codes = Counter(code for row in results for code in row.get("codes", ()))
    return {
        **{result: by_result[result] for result in RESULTS},
        "findings": {severity: findings[severity] for severity in SEVERITIES},
        "codes": dict(codes.most_common()),
    }
