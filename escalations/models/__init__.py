"""Cases: the question of a runner, the choices, the thread, the decision, the outcome."""

from escalations.models.cases import (
    SUBJECT,
    TONES,
    TRANSITIONS,
    UNRESOLVED,
    Escalation,
    EscalationQuerySet,
    Message,
    Option,
    Presence,
    Status,
    subject_of,
)
from escalations.models.decisions import (
    OPTION_FITS_VERDICT,
    VERDICT_TONES,
    Ballot,
    Decision,
    Outcome,
    Result,
    Verdict,
)
from escalations.models.precedents import (
    About,
    Precedent,
    Proposal,
    StandingDecision,
    StandingQuerySet,
)

__all__ = [
    "OPTION_FITS_VERDICT",
    "SUBJECT",
    "TONES",
    "TRANSITIONS",
    "UNRESOLVED",
    "VERDICT_TONES",
    "About",
    "Ballot",
    "Decision",
    "Escalation",
    "EscalationQuerySet",
    "Message",
    "Option",
    "Outcome",
    "Precedent",
    "Presence",
    "Proposal",
    "Result",
    "StandingDecision",
    "StandingQuerySet",
    "Status",
    "Verdict",
    "subject_of",
]
