"""Decided cases, and what people make of them, in as few words as tests need."""

from typing import Any

from escalations.models import Escalation
from governance.people.models import User
from tests.escalations import acts
from tests.factories import NOW

GROUP = "a" * 64


def decided(by: User | None = None, *, said: dict[str, Any] | None = None, **asked: Any) -> Any:
    """A case that people decided; ``facts`` are put in place of what the portal found."""
    facts = asked.pop("facts", {})
    case = acts.ask(**asked)
    settled(case, by, **(said or {}))
    return found(case, **facts)


def settled(case: Escalation, by: User | None = None, **said: Any) -> None:
    act = acts.reject if said.get("verdict") == "rejected" else acts.approve
    act(case, by, **{"at": NOW, **said})


def found(case: Escalation, **facts: Any) -> Escalation:
    """The case as the portal would have filed it."""
    if facts:
        Escalation.objects.filter(pk=case.pk).update(**facts)
    return Escalation.objects.get(pk=case.pk)
