"""From a parsed definition to rows: one immutable version and its parts."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.text import slugify

from agents.comparing import Comparison
from agents.contract import ParsedDefinition
from agents.declared import spelled_out, stem_of
from agents.keys_following import follow
from agents.models import (
    Agent,
    AgentVersion,
    Coordination,
    Part,
    PrincipleClaim,
    QualityStandard,
    Rule,
    Trigger,
    WorkflowStep,
)
from agents.parsing import parse_definition
from governance.base.canonical import sha256_hex
from governance.base.errors import InvalidInput, TooLarge
from governance.base.keys import slug
from governance.people.models import Runner, User

MAX_BYTES = 1024 * 1024
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LARGEST = Decimal(10) ** 12
_SMALL = 32767
# Addresses of the portal and its API that are no agents.
_RESERVED = frozenset({"check", "import", "new", "stale"})
PROVENANCE = ("repository", "branch", "commit", "pull_request", "author_name", "author_email")
_OWN_COLUMNS = ("findings", "frontmatter")


@dataclass(frozen=True, slots=True)
class Reading:
    """A definition that was read.

    ``named`` is the agent that it names; ``kept_as`` another slug, where a namesake of another
    family has that one.
    """

    parsed: ParsedDefinition
    named: str
    kept_as: str = ""

    @property
    def slug(self) -> str:
        return self.kept_as or self.named

    @property
    def name(self) -> str:
        return str(storable(self.parsed.name or self.named))[:200]


def read_definition(raw: bytes, filename: str) -> Reading:
    check_size(raw)
    parsed = parse_definition(raw, filename=filename)
    return Reading(parsed, slug_of(parsed, filename))


def family_slug(name: str) -> str:
    """A family's slug: the whole path of a folder, as far as it is not too long."""
    return shortened(slugify(name.replace("/", "-")).strip("-_"), 80, of=name)


def shortened(plain: str, limit: int, *, of: str) -> str:
    """A slug of this length at most; a long one ends with a piece of the fingerprint of ``of``."""
    if len(plain) <= limit:
        return plain
    mark = sha256_hex(of.encode("utf-8", "surrogatepass"))[:8]
    return f"{plain[: limit - 9].strip('-_')}-{mark}"


def check_size(raw: bytes) -> None:
    """Refuse nothing at all, and more than a definition can sensibly be."""
    if not raw.strip():
        raise InvalidInput("The file is empty.", code="empty")
    if len(raw) > MAX_BYTES:
        raise TooLarge("A definition may be at most 1 MB.", limit=MAX_BYTES)


def slug_of(parsed: ParsedDefinition, filename: str) -> str:
    """The agent's slug: from the name the file declares, else from the file's own name."""
    names = (parsed.name, stem_of(filename), parsed.title)
    name = spelled_out(next((one for one in names if re.search(r"\w", one)), ""))
    if not name:
        raise InvalidInput(
            "The file names no agent: give it a name in its frontmatter.", code="no_name"
        )
    named = slugify(name)[:120].strip("-_") or slug(name, limit=120)
    if named in _RESERVED:
        raise InvalidInput(f"An agent cannot be called {named}.", code="reserved_name")
    return named


def storable(value: Any) -> Any:
    """A JSON value as PostgreSQL can hold it: no NUL, no half characters, no NaN."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {storable(str(key)): storable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def write_version(
    *,
    agent: Agent,
    sequence: int,
    raw: bytes,
    filename: str,
    parsed: ParsedDefinition,
    comparison: Comparison,
    provenance: Mapping[str, str],
    co_authors: Iterable[int] = (),
    by: User | Runner,
    at: datetime,
) -> AgentVersion:
    """Write one version with all its parts, in the caller's transaction."""
    if comparison.base:
        parsed = follow(parsed, comparison.base.contract)
    whole = storable(parsed.as_dict())
    text = storable(parsed.text)
    version = AgentVersion.objects.create(
        agent=agent,
        sequence=sequence,
        filename=storable(filename)[-300:],
        raw=raw,
        sha256=sha256_hex(raw),
        text=text,
        text_sha256=sha256_hex(text.encode()),
        encoding=parsed.encoding[:20],
        repaired=parsed.repaired,
        frontmatter=whole["frontmatter"],
        description=whole["description"],
        declared_version=whole["version"][:80],
        model=whole["model"][:120],
        tools=None if parsed.tools is None else [tool[:200] for tool in whole["tools"]],
        contract={key: part for key, part in whole.items() if key not in _OWN_COLUMNS},
        findings=whole["findings"],
        change_class=comparison.change_class.value,
        base=comparison.base,
        provenance=known_provenance(provenance),
        co_authors=sorted({*_co_authors(provenance), *co_authors} - {_person(by)}),
        author=by if isinstance(by, User) else None,
        proposed_by=by if isinstance(by, Runner) else None,
        created_at=at,
    )
    _write_parts(version, parsed)
    return version


def _person(by: User | Runner) -> int | None:
    return by.pk if isinstance(by, User) else None


def known_provenance(said: Mapping[str, str]) -> dict[str, str]:
    """What may be said of where a text came from, as far as it was said."""
    known = {key: storable(str(said[key])).strip()[:300] for key in PROVENANCE if said.get(key)}
    return {key: value for key, value in known.items() if value}


def _co_authors(provenance: Mapping[str, str]) -> list[int]:
    """People of the portal whom the text's history names as author."""
    addresses = re.split(r"[\s,;]+", storable(str(provenance.get("author_email", ""))).lower())
    found = User.objects.filter(email__in=[address for address in addresses if address][:50])
    return sorted(found.values_list("pk", flat=True)) if any(addresses) else []


def _write_parts(version: AgentVersion, parsed: ParsedDefinition) -> None:
    parts: tuple[tuple[type[Part], Iterable[Part]], ...] = (
        (Rule, _rules(version, parsed)),
        (Trigger, _triggers(version, parsed)),
        (PrincipleClaim, _principles(version, parsed)),
        (WorkflowStep, _workflow(version, parsed)),
        (Coordination, _coordinations(version, parsed)),
        (QualityStandard, _standards(version, parsed)),
    )
    for model, rows in parts:
        model._default_manager.bulk_create(rows)


def _common(version: AgentVersion, position: int, item: Any, text: str) -> dict[str, Any]:
    return {
        "version": version,
        "position": min(position, _SMALL),
        "key": item.key[:160],
        "text": storable(text),
        "line": item.line,
    }


def _rules(version: AgentVersion, parsed: ParsedDefinition) -> list[Part]:
    return [
        Rule(modality=rule.modality.value, **_common(version, at, rule, rule.text))
        for at, rule in enumerate(parsed.rules)
    ]


def _triggers(version: AgentVersion, parsed: ParsedDefinition) -> list[Part]:
    return [
        Trigger(
            kind=trigger.kind.value,
            title=storable(trigger.title)[:300],
            **_common(version, at, trigger, trigger.text),
        )
        for at, trigger in enumerate(parsed.triggers)
    ]


def _principles(version: AgentVersion, parsed: ParsedDefinition) -> list[Part]:
    return [
        PrincipleClaim(
            name=storable(claim.name)[:200], **_common(version, at, claim, claim.meaning)
        )
        for at, claim in enumerate(parsed.principles)
    ]


def _workflow(version: AgentVersion, parsed: ParsedDefinition) -> list[Part]:
    return [
        WorkflowStep(
            number=max(0, min(step.number, _SMALL)),
            title=storable(step.title)[:300],
            **_common(version, at, step, step.text),
        )
        for at, step in enumerate(parsed.workflow)
    ]


def _coordinations(version: AgentVersion, parsed: ParsedDefinition) -> list[Part]:
    return [
        Coordination(
            peer=storable(edge.peer)[:200],
            peer_kind=edge.peer_kind.value,
            **_common(version, at, edge, edge.text),
        )
        for at, edge in enumerate(parsed.coordination)
    ]


def _standards(version: AgentVersion, parsed: ParsedDefinition) -> list[Part]:
    return [
        QualityStandard(
            comparator=bar.comparator[:4],
            value=_number(bar.value),
            unit=bar.unit[:20],
            **_common(version, at, bar, bar.text),
        )
        for at, bar in enumerate(parsed.quality)
    ]


def _number(value: int | float | None) -> Decimal | None:
    if value is None or not math.isfinite(value):
        return None
    number = round(Decimal(str(value)), 4)
    return number if abs(number) < _LARGEST else None
