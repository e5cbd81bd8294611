"""Agents, versions, reviews, releases, rules, permits: the tables of this app."""

from agents.models.compliance import (
    Judgement,
    MatrixVerdict,
    Waiver,
)
from agents.models.definitions import (
    CHANGE_CLASSES,
    HEAVY,
    HEAVY_OF_VERSION,
    Agent,
    AgentVersion,
    Coordination,
    Family,
    Part,
    PrincipleClaim,
    QualityStandard,
    Rule,
    Tier,
    Trigger,
    TriggerKind,
    WorkflowStep,
    newest_version,
    version_subject,
)
from agents.models.intake import (
    ImportRun,
)
from agents.models.permits import (
    Halt,
    Permit,
    PermitUse,
)
from agents.models.releases import (
    Environment,
    Release,
    ReleaseKind,
    Suspension,
)
from agents.models.reviews import (
    Batch,
    BatchItem,
    BatchKind,
    Opened,
    ReviewBasis,
    ReviewRule,
)
from agents.models.rules import (
    RuleClass,
    RuleMode,
    RuleObservation,
    RuleStance,
)

__all__ = [
    "Agent",
    "AgentVersion",
    "Batch",
    "BatchItem",
    "BatchKind",
    "CHANGE_CLASSES",
    "Coordination",
    "Environment",
    "Family",
    "HEAVY",
    "HEAVY_OF_VERSION",
    "Halt",
    "ImportRun",
    "Judgement",
    "MatrixVerdict",
    "Opened",
    "Part",
    "Permit",
    "PermitUse",
    "PrincipleClaim",
    "QualityStandard",
    "Release",
    "ReleaseKind",
    "ReviewBasis",
    "ReviewRule",
    "Rule",
    "RuleClass",
    "RuleMode",
    "RuleObservation",
    "RuleStance",
    "Suspension",
    "Tier",
    "Trigger",
    "TriggerKind",
    "Waiver",
    "WorkflowStep",
    "newest_version",
    "version_subject",
]
