"""What can change between two versions of an agent, and what each kind of change amounts to."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class ChangeClass(StrEnum):
    """How much a change matters, the least first. ``NEW`` is a version with nothing before it."""

    COSMETIC = "cosmetic"
    WORDING = "wording"
    BEHAVIOUR = "behaviour"
    PRIVILEGE = "privilege"
    NEW = "new"

    @property
    def rank(self) -> int:
        return tuple(ChangeClass).index(self)


class Area(StrEnum):
    """Where a change stands on the page, in this order."""

    CAPABILITIES = "Capabilities"
    RULES = "Rules"
    ESCALATION = "Escalation"
    TRIGGERS = "Triggers"
    PRINCIPLES = "Principles"
    COORDINATION = "Coordination"
    STANDARDS = "Standards"
    WORKFLOW = "Workflow"
    RESPONSIBILITIES = "Responsibilities"
    ROUTING = "Routing"
    TEXT = "Text"


class Kind(StrEnum):
    TOOLS_KEY_DROPPED = "tools_key_dropped"
    TOOLS_WIDENED = "tools_widened"
    COMMANDS_NAMED = "commands_named"
    TOOLS_LIMITED = "tools_limited"
    TOOLS_NARROWED = "tools_narrowed"
    TOOLS_ALIKE = "tools_alike"
    DENIAL_LIFTED = "denial_lifted"
    DENIAL_ADDED = "denial_added"
    MODE_LOOSENED = "mode_loosened"
    MODE_TIGHTENED = "mode_tightened"
    HOOKS_CHANGED = "hooks_changed"
    SERVERS_WIDENED = "servers_widened"
    SERVERS_NARROWED = "servers_narrowed"
    FRONTMATTER_LOST = "frontmatter_lost"
    FRONTMATTER_BROKEN = "frontmatter_broken"
    COMPLIANCE_LOST = "compliance_lost"
    MODEL_CHANGED = "model_changed"
    SETTING_CHANGED = "setting_changed"
    LABEL_CHANGED = "label_changed"
    RULE_LOST = "rule_lost"
    RULE_WEAKENED = "rule_weakened"
    RULE_REWORDED = "rule_reworded"
    RULE_ADDED = "rule_added"
    ADVICE_LOST = "advice_lost"
    ESCALATION_LOST = "escalation_lost"
    ESCALATION_ADDED = "escalation_added"
    STEP_LOST = "step_lost"
    STEP_CHANGED = "step_changed"
    STEP_ADDED = "step_added"
    PAYLOAD_LOST = "payload_lost"
    PAYLOAD_CHANGED = "payload_changed"
    PAYLOAD_ADDED = "payload_added"
    TRIGGER_LOST = "trigger_lost"
    TRIGGER_CHANGED = "trigger_changed"
    TRIGGER_ADDED = "trigger_added"
    PRINCIPLE_LOST = "principle_lost"
    PRINCIPLE_CHANGED = "principle_changed"
    PRINCIPLE_ADDED = "principle_added"
    EDGE_LOST = "edge_lost"
    EDGE_CHANGED = "edge_changed"
    EDGE_ADDED = "edge_added"
    STANDARD_LOOSENED = "standard_loosened"
    STANDARD_TIGHTENED = "standard_tightened"
    STANDARD_LOST = "standard_lost"
    STANDARD_REWORDED = "standard_reworded"
    STANDARD_ADDED = "standard_added"
    WORK_LOST = "work_lost"
    WORK_REWORDED = "work_reworded"
    WORK_ADDED = "work_added"
    WORK_REORDERED = "work_reordered"
    DUTY_LOST = "duty_lost"
    DUTY_REWORDED = "duty_reworded"
    DUTY_ADDED = "duty_added"
    NAME_CHANGED = "name_changed"
    DESCRIPTION_CHANGED = "description_changed"
    DESCRIPTION_RESPELLED = "description_respelled"
    HIDDEN_ADDED = "hidden_added"
    TEXT_REVERSED = "text_reversed"
    TEXT_ADDED = "text_added"
    TEXT_REMOVED = "text_removed"
    TEXT_REWORDED = "text_reworded"
    TEXT_MOVED = "text_moved"


_A, _C, _K = Area, ChangeClass, Kind

# Where each kind belongs, and the class it causes.
MEANING: dict[Kind, tuple[Area, ChangeClass]] = {
    _K.TOOLS_KEY_DROPPED: (_A.CAPABILITIES, _C.PRIVILEGE),
    _K.TOOLS_WIDENED: (_A.CAPABILITIES, _C.PRIVILEGE),
    _K.COMMANDS_NAMED: (_A.CAPABILITIES, _C.BEHAVIOUR),
    _K.TOOLS_LIMITED: (_A.CAPABILITIES, _C.BEHAVIOUR),
    _K.TOOLS_NARROWED: (_A.CAPABILITIES, _C.BEHAVIOUR),
    _K.TOOLS_ALIKE: (_A.CAPABILITIES, _C.BEHAVIOUR),
    _K.DENIAL_LIFTED: (_A.CAPABILITIES, _C.PRIVILEGE),
    _K.DENIAL_ADDED: (_A.CAPABILITIES, _C.BEHAVIOUR),
    _K.MODE_LOOSENED: (_A.CAPABILITIES, _C.PRIVILEGE),
    _K.MODE_TIGHTENED: (_A.CAPABILITIES, _C.BEHAVIOUR),
    _K.HOOKS_CHANGED: (_A.CAPABILITIES, _C.PRIVILEGE),
    _K.SERVERS_WIDENED: (_A.CAPABILITIES, _C.PRIVILEGE),
    _K.SERVERS_NARROWED: (_A.CAPABILITIES, _C.BEHAVIOUR),
    _K.FRONTMATTER_LOST: (_A.CAPABILITIES, _C.PRIVILEGE),
    _K.FRONTMATTER_BROKEN: (_A.CAPABILITIES, _C.BEHAVIOUR),
    _K.COMPLIANCE_LOST: (_A.PRINCIPLES, _C.PRIVILEGE),
    _K.MODEL_CHANGED: (_A.CAPABILITIES, _C.BEHAVIOUR),
    _K.SETTING_CHANGED: (_A.CAPABILITIES, _C.BEHAVIOUR),
    _K.LABEL_CHANGED: (_A.TEXT, _C.COSMETIC),
    _K.RULE_LOST: (_A.RULES, _C.PRIVILEGE),
    _K.RULE_WEAKENED: (_A.RULES, _C.PRIVILEGE),
    _K.RULE_REWORDED: (_A.RULES, _C.BEHAVIOUR),
    _K.RULE_ADDED: (_A.RULES, _C.BEHAVIOUR),
    _K.ADVICE_LOST: (_A.RULES, _C.BEHAVIOUR),
    _K.ESCALATION_LOST: (_A.ESCALATION, _C.PRIVILEGE),
    _K.ESCALATION_ADDED: (_A.ESCALATION, _C.BEHAVIOUR),
    _K.STEP_LOST: (_A.ESCALATION, _C.PRIVILEGE),
    _K.STEP_CHANGED: (_A.ESCALATION, _C.BEHAVIOUR),
    _K.STEP_ADDED: (_A.ESCALATION, _C.BEHAVIOUR),
    _K.PAYLOAD_LOST: (_A.ESCALATION, _C.BEHAVIOUR),
    _K.PAYLOAD_CHANGED: (_A.ESCALATION, _C.WORDING),
    _K.PAYLOAD_ADDED: (_A.ESCALATION, _C.BEHAVIOUR),
    _K.TRIGGER_LOST: (_A.TRIGGERS, _C.PRIVILEGE),
    _K.TRIGGER_CHANGED: (_A.TRIGGERS, _C.BEHAVIOUR),
    _K.TRIGGER_ADDED: (_A.TRIGGERS, _C.BEHAVIOUR),
    _K.PRINCIPLE_LOST: (_A.PRINCIPLES, _C.PRIVILEGE),
    _K.PRINCIPLE_CHANGED: (_A.PRINCIPLES, _C.BEHAVIOUR),
    _K.PRINCIPLE_ADDED: (_A.PRINCIPLES, _C.BEHAVIOUR),
    _K.EDGE_LOST: (_A.COORDINATION, _C.BEHAVIOUR),
    _K.EDGE_CHANGED: (_A.COORDINATION, _C.WORDING),
    _K.EDGE_ADDED: (_A.COORDINATION, _C.BEHAVIOUR),
    _K.STANDARD_LOOSENED: (_A.STANDARDS, _C.BEHAVIOUR),
    _K.STANDARD_TIGHTENED: (_A.STANDARDS, _C.BEHAVIOUR),
    _K.STANDARD_LOST: (_A.STANDARDS, _C.BEHAVIOUR),
    _K.STANDARD_REWORDED: (_A.STANDARDS, _C.WORDING),
    _K.STANDARD_ADDED: (_A.STANDARDS, _C.BEHAVIOUR),
    _K.WORK_LOST: (_A.WORKFLOW, _C.BEHAVIOUR),
    _K.WORK_REWORDED: (_A.WORKFLOW, _C.WORDING),
    _K.WORK_ADDED: (_A.WORKFLOW, _C.BEHAVIOUR),
    _K.WORK_REORDERED: (_A.WORKFLOW, _C.BEHAVIOUR),
    _K.DUTY_LOST: (_A.RESPONSIBILITIES, _C.BEHAVIOUR),
    _K.DUTY_REWORDED: (_A.RESPONSIBILITIES, _C.WORDING),
    _K.DUTY_ADDED: (_A.RESPONSIBILITIES, _C.BEHAVIOUR),
    _K.NAME_CHANGED: (_A.ROUTING, _C.BEHAVIOUR),
    _K.DESCRIPTION_CHANGED: (_A.ROUTING, _C.BEHAVIOUR),
    _K.DESCRIPTION_RESPELLED: (_A.ROUTING, _C.COSMETIC),
    _K.HIDDEN_ADDED: (_A.TEXT, _C.PRIVILEGE),
    _K.TEXT_REVERSED: (_A.TEXT, _C.BEHAVIOUR),
    _K.TEXT_ADDED: (_A.TEXT, _C.BEHAVIOUR),
    _K.TEXT_REMOVED: (_A.TEXT, _C.BEHAVIOUR),
    _K.TEXT_REWORDED: (_A.TEXT, _C.WORDING),
    _K.TEXT_MOVED: (_A.TEXT, _C.WORDING),
}
# Shown in red besides all that causes the class privilege: naming Bash approves commands.
_ALSO_GRAVE = frozenset({Kind.COMMANDS_NAMED, Kind.FRONTMATTER_BROKEN, Kind.STANDARD_LOOSENED})


@dataclass(frozen=True, slots=True)
class Change:
    """One difference that means something, told in a sentence, with what stood there."""

    kind: Kind
    key: str
    sentence: str
    before: str = ""
    after: str = ""

    @property
    def area(self) -> Area:
        return MEANING[self.kind][0]

    @property
    def causes(self) -> ChangeClass:
        return MEANING[self.kind][1]

    @property
    def is_grave(self) -> bool:
        """Whether it is shown in red, before everything else."""
        return self.causes is ChangeClass.PRIVILEGE or self.kind in _ALSO_GRAVE

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "area": self.area, "causes": self.causes, "grave": self.is_grave}


@dataclass(frozen=True, slots=True)
class Diff:
    """All changes between two versions: the grave ones first, then by area."""

    changes: tuple[Change, ...] = ()

    @property
    def grave(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.is_grave)

    @property
    def rest(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if not change.is_grave)

    @property
    def by_area(self) -> list[tuple[Area, list[Change]]]:
        """What is not grave, by area."""
        rest = self.rest
        grouped = ((area, [change for change in rest if change.area is area]) for area in Area)
        return [(area, found) for area, found in grouped if found]
