"""Hold a decision up as a precedent of a trigger or a principle; advice, never an answer."""

from datetime import datetime

from django.db import IntegrityError, transaction

from agents.models import Trigger
from escalations.cases import locked_case
from escalations.models import About, Escalation, Precedent, Status
from escalations.permissions import check_may_ask
from governance.audit.services import append
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.constitution.services import MAIN
from governance.constitution.standing import in_force
from governance.people.models import User
from governance.people.services import actor_of

LONGEST_NOTE = 2_000
Choice = tuple[str, str]


def subjects_of(case: Escalation) -> list[Choice]:
    """What a decision may be held up for: ``trigger:key`` or ``principle:key`` with its name."""
    triggers = dict.fromkeys(case.triggers, "")
    if case.version_id:
        rows = Trigger.objects.filter(version=case.version_id)
        triggers |= dict(rows.values_list("key", "title"))
    law = in_force(MAIN)
    articles = law.version.principles.all() if law else []
    touched = set(case.principles)
    ordered = sorted(articles, key=lambda one: (one.key not in touched, one.position))
    first = set(case.triggers)
    named = sorted(triggers.items(), key=lambda one: (one[0] not in first, one[0]))
    return [
        *((f"{About.TRIGGER}:{key}", f"Trigger: {title or key}") for key, title in named),
        *((f"{About.PRINCIPLE}:{one.key}", f"Principle: {one.title}") for one in ordered),
    ]


@transaction.atomic(durable=True)
def mark_precedent(
    *, escalation_id: int, subject: str, note: str, by: User, at: datetime
) -> Precedent:
    """Hold a decided case up for a trigger or principle, by somebody who may decide."""
    check_may_ask(by)
    case = locked_case(escalation_id)
    if case.status != Status.DECIDED:
        raise Conflict(f"Nobody has decided {case.ref}.", code="not_decided")
    if subject not in dict(subjects_of(case)):
        raise InvalidInput("Choose a trigger or a principle that is there.", code="no_such_subject")
    about, _, key = subject.partition(":")
    note = note.replace("\0", "").strip()[:LONGEST_NOTE]
    try:
        with transaction.atomic():
            marked = Precedent.objects.create(
                decision=case.decision, about=about, key=key, note=note, marked_by=by, marked_at=at
            )
    except IntegrityError as error:
        raise Conflict("It is a precedent of that already.", code="marked") from error
    _record(marked, "precedent.marked", by, at)
    return marked


@transaction.atomic(durable=True)
def withdraw_precedent(*, precedent_id: int, by: User, at: datetime) -> Precedent:
    """Hold it up no more; the decision stays what it is."""
    check_may_ask(by)
    rows = Precedent.objects.select_for_update(of=("self",), no_key=True)
    marked = rows.select_related("decision__escalation").filter(pk=precedent_id).first()
    if marked is None:
        raise NotThere("There is no such precedent.")
    if marked.withdrawn_at is None:
        marked.withdrawn_at, marked.withdrawn_by = at, by
        marked.save(update_fields=["withdrawn_at", "withdrawn_by"])
        _record(marked, "precedent.withdrawn", by, at)
    return marked


def _record(marked: Precedent, kind: str, by: User, at: datetime) -> None:
    append(
        stream=marked.decision.escalation.subject,
        kind=kind,
        by=actor_of(by),
        at=at,
        data={"precedent": marked.pk, "about": str(marked.about), "key": marked.key},
    )
