"""Which principles of the law in force a question touches."""

from escalations.schema import ConstitutionalImpact
from governance.constitution.models import Principle
from governance.constitution.services import MAIN
from governance.constitution.standing import in_force


def principles_named(impact: ConstitutionalImpact | None) -> list[Principle]:
    """The principles that the runner names, by key, title or alias, or mentions by title."""
    law = in_force(MAIN) if impact else None
    if impact is None or law is None:
        return []
    named = {name.strip().casefold() for name in impact.principles}
    text = impact.text.casefold()
    return [
        principle
        for principle in law.version.principles.all()
        if principle.key in named
        or any(name.casefold() in named or name.casefold() in text for name in _names(principle))
    ]


def _names(principle: Principle) -> tuple[str, ...]:
    return (principle.title, *principle.aliases)
