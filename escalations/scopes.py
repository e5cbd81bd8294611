"""How far a permit reaches: exactly the act, once, unless the deciders chose wider on purpose."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agents.ledger.matchers import in_words
from agents.ledger.scoping import lies_within, read_pattern, stored_pattern
from agents.models import Permit
from agents.permits import MOST_USES
from escalations.models import Ballot, Escalation
from governance.asking.models import PermitScope
from governance.asking.policies.rules import Rules
from governance.base.canonical import stamp
from governance.base.errors import InvalidInput, NotPermitted

LONGEST = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one decider chose. ``until`` may shorten every scope; ``pattern`` is a matcher."""

    kind: str = PermitScope.ONCE.value
    uses: int | None = None
    until: datetime | None = None
    pattern: Mapping[str, Any] | None = None

    @property
    def is_wider(self) -> bool:
        return self.kind != PermitScope.ONCE

    @property
    def is_usual(self) -> bool:
        return not self.is_wider and self.until is None

    @property
    def most_uses(self) -> int:
        return (self.uses or MOST_USES) if self.is_wider else 1


def kept(scope: Scope | None) -> dict[str, Any]:
    """For ``Ballot.scope``; empty for the exact act, once, as long as permits usually last."""
    if scope is None or scope.is_usual:
        return {}
    return {
        "scope": str(scope.kind),
        "most_uses": scope.most_uses,
        "use_before": stamp(scope.until) if scope.until else None,
        "pattern": dict(scope.pattern) if scope.pattern is not None else None,
    }


def of_kept(kept_scope: Mapping[str, Any]) -> Scope:
    if not kept_scope:
        return Scope()
    until = kept_scope.get("use_before")
    return Scope(
        kind=kept_scope["scope"],
        uses=kept_scope["most_uses"],
        until=datetime.fromisoformat(until) if until else None,
        pattern=kept_scope.get("pattern"),
    )


def of_permit(permit: Permit) -> Scope:
    return Scope(kind=permit.scope, uses=permit.most_uses, pattern=permit.pattern)


def checked(
    scope: Scope | None,
    *,
    case: Escalation,
    rules: Rules,
    action: Mapping[str, Any] | None,
    at: datetime,
) -> Scope | None:
    """The scope as it may be kept, or a refusal that says what is wrong with it."""
    if scope is None or scope.is_usual:
        return None
    if action is None:
        raise InvalidInput("No act is asked for: there is nothing to permit.", code="bad_scope")
    if scope.kind not in PermitScope.values:
        raise InvalidInput(f"A scope is one of {', '.join(PermitScope.values)}.", code="bad_scope")
    if scope.is_wider and scope.kind not in rules.permit_scopes:
        label = PermitScope(scope.kind).label.lower()
        raise NotPermitted(f"The policy of this case does not allow: {label}.", code="scope")
    _check_numbers(scope, at)
    if scope.kind == PermitScope.RUN and not case.run:
        raise InvalidInput("The runner named no run that could be permitted.", code="bad_scope")
    if scope.kind != PermitScope.PATTERN:
        return Scope(scope.kind, scope.most_uses, scope.until)
    return Scope(scope.kind, scope.most_uses, scope.until, _pattern(scope.pattern, action))


def _check_numbers(scope: Scope, at: datetime) -> None:
    if scope.kind == PermitScope.USES and scope.uses is None:
        raise InvalidInput("Say how many times the act may be done.", code="bad_scope")
    if scope.uses is not None and not 1 <= scope.uses <= MOST_USES:
        raise InvalidInput(f"An act is permitted 1 to {MOST_USES} times.", code="bad_scope")
    if scope.kind == PermitScope.UNTIL and scope.until is None:
        raise InvalidInput("Say until when the act is permitted.", code="bad_scope")
    if scope.until is not None and not at < scope.until <= at + LONGEST:
        raise InvalidInput(
            f"A permit ends in the future, and within {LONGEST.days} days.", code="bad_scope"
        )


def _pattern(pattern: Mapping[str, Any] | None, action: Mapping[str, Any]) -> dict[str, Any]:
    if not pattern:
        raise InvalidInput("State the pattern of acts that you permit.", code="bad_pattern")
    stored = stored_pattern(pattern)
    if not lies_within(read_pattern(stored), action):
        raise InvalidInput(
            "The act that is asked for does not lie within your pattern.", code="bad_pattern"
        )
    return stored


def joint(ballots: Sequence[Ballot]) -> Scope:
    """The narrowest of what all deciders chose; the exact act, once, where they differ in kind."""
    scopes = [of_kept(ballot.scope) for ballot in ballots]
    first, *others = scopes
    if any((one.kind, one.pattern) != (first.kind, first.pattern) for one in others):
        return Scope(until=_earliest(one.until for one in scopes))
    return Scope(
        kind=first.kind,
        uses=min(one.most_uses for one in scopes),
        until=_earliest(one.until for one in scopes),
        pattern=first.pattern,
    )


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    return min(filter(None, moments), default=None)


def ends_at(scope: Scope, *, at: datetime, lifetime: timedelta) -> datetime:
    """When the permit ends; only ``until`` may lie behind the portal's usual lifetime."""
    usual = at + lifetime
    if scope.until is None:
        return usual
    return scope.until if scope.is_wider else min(scope.until, usual)


def scope_in_words(scope: Scope, *, run: str = "") -> str:
    """A permit's reach as part of a sentence."""
    if not scope.is_wider:
        return "exactly this act, once"
    times = "once" if scope.most_uses == 1 else f"at most {scope.most_uses} times"
    if scope.kind == PermitScope.PATTERN:
        return f"acts that fit: {in_words(read_pattern(scope.pattern))}; {times}"
    during = f" during the run {run}" if scope.kind == PermitScope.RUN else ""
    return f"exactly this act{during}, {times}"


def as_answer(scope: Scope, *, run: str = "") -> dict[str, Any]:
    """For the answer and the receipt."""
    return {
        "kind": str(scope.kind),
        "most_uses": scope.most_uses,
        "run": run if scope.kind == PermitScope.RUN else "",
        "pattern": scope.pattern,
        "words": scope_in_words(scope, run=run),
    }
