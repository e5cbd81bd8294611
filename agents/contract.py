"""The contract of an agent: what its definition says, as objects with stable keys."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from governance.base.blocks import Option
from governance.base.findings import Finding

_DEMANDED = frozenset({"mandatory", "required", "true", "yes", "always"})


def is_demanded(said: str) -> bool:
    """Whether a key of the frontmatter says that something is mandatory."""
    return said.strip().lower() in _DEMANDED


class TriggerKind(StrEnum):
    GENERAL = "general"
    DOMAIN = "domain"
    CLOSING = "closing"


class Modality(StrEnum):
    NEVER = "NEVER"
    ALWAYS = "ALWAYS"
    MUST = "MUST"
    MUST_NOT = "MUST_NOT"


class PeerKind(StrEnum):
    AGENT = "agent"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Statement:
    """A line of a list, with its bold lead as title where it has one."""

    key: str
    title: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class PrincipleClaim:
    """A principle that the agent says binds it, and what it means here."""

    key: str
    name: str
    meaning: str
    line: int


@dataclass(frozen=True, slots=True)
class Trigger:
    key: str
    kind: TriggerKind
    title: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class PayloadField:
    """One line of the template that the agent fills in when it escalates."""

    key: str
    name: str
    hint: str
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """``text`` is the whole sentence without marks, beginning with its modality as written."""

    key: str
    modality: Modality
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Example:
    """A worked escalation; ``fields`` in the order and with the names of the contract."""

    key: str
    title: str
    fields: dict[str, str]
    options: tuple[Option, ...]
    notes: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class EscalationStep:
    key: str
    number: int
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    key: str
    number: int
    title: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Coordination:
    """``peer`` is an agent's name, or the words for people."""

    key: str
    peer: str
    peer_kind: PeerKind
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class QualityStandard:
    """``comparator`` is ``<``, ``<=``, ``>``, ``>=``, ``=`` or empty where there is no number."""

    key: str
    text: str
    comparator: str
    value: int | float | None
    unit: str
    line: int


@dataclass(frozen=True, slots=True)
class ParsedDefinition:
    """All that could be read from one file.

    ``text`` is the repaired text that all lines refer to. ``tools`` is ``None`` where the agent
    inherits every tool, and empty where it names none on purpose.
    """

    text: str
    encoding: str = "utf-8"
    repaired: bool = False
    frontmatter: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    version: str = ""
    description: str = ""
    type: str = ""
    model: str = ""
    context: str = ""
    escalation: str = ""
    constitutional_compliance: str = ""
    permission_mode: str = ""
    tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    title: str = ""
    introduction: str = ""
    responsibilities: tuple[Statement, ...] = ()
    expertise: tuple[Statement, ...] = ()
    principles: tuple[PrincipleClaim, ...] = ()
    standards: tuple[Statement, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    escalation_steps: tuple[EscalationStep, ...] = ()
    payload_fields: tuple[PayloadField, ...] = ()
    rules: tuple[Rule, ...] = ()
    examples: tuple[Example, ...] = ()
    escalation_tools: tuple[Statement, ...] = ()
    workflow: tuple[WorkflowStep, ...] = ()
    coordination: tuple[Coordination, ...] = ()
    quality: tuple[QualityStandard, ...] = ()
    closing: str = ""
    has_escalation_section: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def inherits_all_tools(self) -> bool:
        return self.tools is None

    def as_dict(self) -> dict[str, Any]:
        """The contract as JSON values, without the text itself."""
        whole = asdict(self)
        del whole["text"]
        whole["findings"] = [finding.as_dict() for finding in self.findings]
        return whole
