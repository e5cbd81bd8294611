"""Answers kept for the next session of a runner, which remembers nothing: the whole case.

A settled case is kept until its answer was handed out. Handing it out to the runner that waits
for it, or reads it, notes that in ``Presence``, which is operational and no part of the case; the
list of what is kept notes nothing, so that a session that dies while it reads loses nothing: it
acknowledges each case by a call of its own. What is permitted and not done, or done and not
reported, is kept all the same until that is over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce

from agents.models import Permit
from escalations.answers import (
    RELATED,
    CaseFile,
    agreeing,
    answer_markdown,
    answer_of,
    file_of,
    joint_constraints,
    markdown_lines,
    request_of,
)
from escalations.cases import locked_case_of
from escalations.models import SUBJECT, UNRESOLVED, Escalation, Message, Presence
from governance.base.canonical import stamp
from governance.base.errors import Conflict
from governance.people.models import Runner

# A page of each: the next one follows when these are acknowledged.
MOST = 10


@dataclass(frozen=True, slots=True)
class Kept:
    """``settled`` is to be read and acknowledged, ``waiting`` to be waited for."""

    settled: Sequence[CaseFile]
    waiting: Sequence[CaseFile]
    more: bool


def kept_for(runner: Runner, *, agent: str = "", project: str | None = None) -> Kept:
    """What is kept for a session of this runner, the oldest answers first. Changes nothing."""
    mine = Escalation.objects.filter(runner=runner).select_related(*RELATED, "presence")
    if agent:
        mine = mine.filter(agent__slug=agent)
    if project is not None:
        mine = mine.filter(project=project)
    settled = list(_to_hand_out(mine, runner).order_by("pk")[: MOST + 1])
    waiting = list(mine.filter(status__in=UNRESOLVED).order_by("pk")[: MOST + 1])
    return Kept(
        settled=[file_of(case) for case in settled[:MOST]],
        waiting=[file_of(case) for case in waiting[:MOST]],
        more=max(len(settled), len(waiting)) > MOST,
    )


def _to_hand_out(mine: QuerySet[Escalation], runner: Runner) -> QuerySet[Escalation]:
    unfinished = Permit.objects.filter(runner=runner, reconcile_at__isnull=False)
    sources = unfinished.order_by("pk").values_list("source", flat=True)[: MOST * 10]
    ids = [int(source.removeprefix(SUBJECT)) for source in sources if source.startswith(SUBJECT)]
    return mine.exclude(status__in=UNRESOLVED).filter(Q(presence__fetched_at=None) | Q(pk__in=ids))


def unfetched(cases: QuerySet[Escalation]) -> QuerySet[Escalation]:
    """Settled cases whose answer nobody fetched."""
    return cases.exclude(status__in=UNRESOLVED).filter(presence__fetched_at=None)


def note_handed_out(escalation_id: int, *, at: datetime) -> None:
    """The answer of a settled case went to its runner; only the first time is noted."""
    Presence.objects.filter(pk=escalation_id, fetched_at=None).update(fetched_at=at)


def note_seen(case: Escalation, *, fetches: bool, at: datetime) -> None:
    """The runner of the case asked for it: a sign of life, and the answer where there is one."""
    seen: dict[str, Any] = {"last_seen_at": at}
    if fetches and not case.is_unresolved:
        seen["fetched_at"] = Coalesce("fetched_at", Value(at))
    Presence.objects.filter(pk=case.pk).update(**seen)


@transaction.atomic(durable=True)
def acknowledge(*, escalation_id: int, runner: Runner, at: datetime) -> None:
    """A session has read the kept answer; again changes nothing. It decides and spends nothing."""
    case = locked_case_of(runner, escalation_id, at=at)
    if case.is_unresolved:
        raise Conflict(f"{case.ref} has no answer yet: wait for it.", code="not_settled")
    note_handed_out(case.pk, at=at)


# --- how it reads ---------------------------------------------------------------------------


def kept_of(kept: Kept) -> dict[str, Any]:
    """What is kept as JSON: each case whole, the question first."""
    files = [*kept.settled, *kept.waiting]
    threads = _threads(file.case for file in files)
    wholes = [_whole(file, threads.get(file.case.pk, [])) for file in files]
    parted = len(kept.settled)
    return {"settled": wholes[:parted], "waiting": wholes[parted:], "more": kept.more}


def _whole(file: CaseFile, thread: Sequence[Message]) -> dict[str, Any]:
    case = file.case
    return {
        **answer_of(file),
        "title": case.title,
        "project": case.project,
        "instance": case.instance,
        "environment": case.environment,
        "opened_at": stamp(case.opened_at),
        "settled_at": stamp(case.settled_at) if case.settled_at else None,
        "question": request_of(case),
        "thread": [_said(message) for message in thread],
        "report": report_due(file),
    }


def report_due(file: CaseFile) -> dict[str, Any]:
    """Whether an outcome is demanded, and the constraints that it speaks of."""
    decision = file.decision
    demanded = joint_constraints(agreeing(decision.ballot, file.ballots)) if decision else []
    used = file.permit is not None and file.permit.uses > 0
    return {"due": used and file.outcome is None, "constraints": demanded}


def _threads(cases: Iterable[Escalation]) -> dict[int, list[Message]]:
    found: dict[int, list[Message]] = {}
    said = Message.objects.filter(escalation__in=list(cases)).select_related("author", "runner")
    for message in said.order_by("pk"):
        found.setdefault(message.escalation_id, []).append(message)
    return found


def _said(message: Message) -> dict[str, Any]:
    return {
        "author": str(message.author or message.runner),
        "from_runner": message.runner_id is not None,
        "text": message.text,
        "at": stamp(message.at),
    }


def kept_markdown(kept: Kept) -> str:
    """The same as blocks that an agent reads, one for each case."""
    files = [*kept.settled, *kept.waiting]
    if not files:
        return "Nothing is kept.\n"
    threads = _threads(file.case for file in files)
    blocks = [_block(file, threads.get(file.case.pk, [])) for file in files]
    more = ["There is more: acknowledge these, then ask again.\n"] if kept.more else []
    return "\n".join([*blocks, *more])


def _block(file: CaseFile, thread: Sequence[Message]) -> str:
    case, request = file.case, request_of(file.case)
    head = markdown_lines(
        CASE=f"{case.ref} {case.title}",
        STATUS=str(case.status),
        TASK=request.get("task", ""),
        PROBLEM=request.get("problem", ""),
        OPTIONS=[f"{one.get('key')}: {one.get('label')}" for one in request.get("options", [])],
        THREAD=[f"{message.author or message.runner}: {message.text}" for message in thread],
    )
    return head + answer_markdown(file) + markdown_lines(NOW=_now(file))


def _now(file: CaseFile) -> str:
    case = file.case
    if case.is_unresolved:
        return f"Wait for {case.ref}. Do not ask it again."
    if report_due(file)["due"]:
        return f"Report the outcome of {case.ref}, constraint by constraint."
    if answer_of(file)["next"] == "consume":
        return f"Consume the permit of {case.ref} right before the act, then report the outcome."
    return f"Acknowledge {case.ref}."
