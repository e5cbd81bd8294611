"""What the portal notices about a question; shown to the runner and to those who decide."""

from collections.abc import Iterable, Iterator
from typing import Any

from escalations.schema import RaisePayload
from governance.base.encoding import hidden_findings
from governance.base.findings import Finding, Severity

# The seven fields of the family's payload template, as the agents write them.
EXPECTED = {
    "task": "Task",
    "problem": "Problem",
    "attempted": "Attempted",
    "options": "Options",
    "impact": "Impact",
    "constitutional_impact": "Constitutional_Impact",
}
# Keys that would say who decides, or what; a runner proposes and never approves.
CLAIMS_OF_A_DECISION = frozenset(
    {
        *("approved", "approved_by", "approver", "ballot", "decided_by", "decider", "decision"),
        *("status", "verdict", "voter", "receipt", "permit"),
    }
)


def findings_of(
    payload: RaisePayload, request: dict[str, Any], known: Iterable[Finding] = ()
) -> list[Finding]:
    """What is known from reading the block, and everything else that is noticed, once."""
    before = list(known)
    said = {(finding.code, finding.excerpt) for finding in before}
    codes = {finding.code for finding in before}
    own = [
        *_missing(payload),
        *_unknown(payload),
        *_recommendation(payload),
    ]
    hidden = [finding for finding in _hidden(request) if finding.code not in codes]
    fresh = [finding for finding in own if (finding.code, finding.excerpt) not in said]
    return [*before, *fresh, *hidden]


def _missing(payload: RaisePayload) -> Iterator[Finding]:
    for name, label in EXPECTED.items():
        if not getattr(payload, name):
            yield Finding(
                "MISSING_FIELD",
                Severity.WARNING,
                0,
                f"{label} is missing.",
                "The case is open all the same; people may ask for it.",
                excerpt=label,
            )


def _unknown(payload: RaisePayload) -> Iterator[Finding]:
    for name in sorted(payload.unknown):
        if name.lower() in CLAIMS_OF_A_DECISION:
            message = f"The runner sent {name}. It is ignored: only people decide."
            yield Finding("CLAIMS_A_DECISION", Severity.ERROR, 0, message, excerpt=name[:160])
        else:
            message = f"The portal does not know the key {name}; it is shown as it came."
            yield Finding("UNKNOWN_KEY", Severity.INFO, 0, message, excerpt=name[:160])


def _recommendation(payload: RaisePayload) -> Iterator[Finding]:
    keys = {option.key for option in payload.options}
    if payload.recommendation and keys and payload.recommendation not in keys:
        yield Finding(
            "RECOMMENDATION_IS_NO_OPTION",
            Severity.INFO,
            0,
            "The recommendation does not name one of the options by its key.",
        )


def _hidden(request: dict[str, Any]) -> list[Finding]:
    """One finding per kind of hidden or look-alike character, wherever it stands."""
    by_code: dict[str, Finding] = {}
    for finding in hidden_findings("\n".join(_texts(request))):
        by_code.setdefault(
            finding.code,
            Finding(finding.code, finding.severity, 0, finding.message, excerpt=finding.excerpt),
        )
    return list(by_code.values())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
