"""What the pages of several cases show of each: the stored request, and where it differs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from escalations.answers import request_of
from escalations.liveness import liveness
from escalations.models import Escalation
from escalations.permissions import may_decide
from governance.asking.models import Ask
from governance.base.canonical import canonical
from governance.people.models import User


def asks_about(cases: Sequence[Escalation]) -> dict[str, Ask]:
    """The newest question to people about each case, by its subject."""
    found = Ask.objects.filter(subject__in=[case.subject for case in cases]).order_by("pk")
    return {ask.subject: ask for ask in found}


def rows_of(cases: Sequence[Escalation], user: User, *, at: datetime) -> list[dict[str, Any]]:
    """Each case with its own request, and why this person may not decide it, if so."""
    asks = asks_about(cases)
    return [_row(case, user, asks.get(case.subject), at) for case in cases]


def _row(case: Escalation, user: User, ask: Ask | None, at: datetime) -> dict[str, Any]:
    allowed, refusal = may_decide(user, case, ask)
    request = request_of(case)
    return {
        "case": case,
        "ask": ask,
        "pick": f"{case.pk}:{case.request_sha256}",
        "refusal": "" if allowed else refusal,
        "may_decide": allowed and case.is_unresolved,
        "problem": request.get("problem") or request.get("task") or case.title,
        "action": request.get("action"),
        "impact": request.get("impact", ""),
        "request_json": bytes(case.request).decode(),
        "runner": liveness(case, at=at).label,
    }


def differences(cases: Sequence[Escalation]) -> dict[int, dict[str, Any]]:
    """The members of each request that are not the same in all; equal questions may tell more."""
    requests = {case.pk: request_of(case) for case in cases}
    names = sorted({name for request in requests.values() for name in request})
    differing = [
        name
        for name in names
        if len({canonical(request.get(name)) for request in requests.values()}) > 1
    ]
    return {
        pk: {name: request[name] for name in differing if name in request}
        for pk, request in requests.items()
    }
