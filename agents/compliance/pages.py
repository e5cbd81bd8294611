"""What the pages about compliance show: queries and plain values, no requests."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.compliance.evidence import Hint, hints_for
from agents.compliance.forms import JudgementForm, MatrixForm, WaiverForm
from agents.compliance.matrix import Matrix, Row, matrix_of
from agents.compliance.permissions import (
    check_can_ask,
    check_can_end,
    check_can_grant,
    check_can_judge,
)
from agents.models import HEAVY_OF_VERSION, AgentVersion, Waiver
from governance.base.errors import sentence_of
from governance.constitution.models import ConstitutionVersion
from governance.constitution.services import current
from governance.people.models import User

MOST_WAIVERS = 200


@dataclass(frozen=True, slots=True)
class Judged:
    """A row with what a reviewer needs to judge it."""

    row: Row
    form: JudgementForm | None
    hints: list[Hint]


def matrix_panel(
    version: AgentVersion, user: User, *, law: ConstitutionVersion | None, at: datetime
) -> dict[str, Any]:
    """The matrix as the version's own page shows it."""
    matrix = matrix_of(version, law, at=at)
    return {"matrix": matrix, "why_no_judgement": sentence_of(check_can_judge, user, version)}


def matrix_page(
    version: AgentVersion,
    user: User,
    *,
    at: datetime,
    form: MatrixForm | None = None,
    waiver_form: WaiverForm | None = None,
) -> dict[str, Any]:
    """The whole matrix, with evidence at hand and a form for each principle of the law."""
    law = current()
    matrix = matrix_of(version, law, at=at)
    waiver_form = waiver_form or WaiverForm(matrix=matrix)
    return {
        "agent": version.agent,
        "version": version,
        "law": law,
        "matrix": matrix,
        "judged": _judged(version, matrix, form or MatrixForm(matrix)),
        "why_no_judgement": sentence_of(check_can_judge, user, version),
        "waiver_form": waiver_form,
        "why_no_waiver": sentence_of(check_can_ask, user),
        "waivers": list(version.waivers.select_related("asked_by", "granted_by", "ended_by")),
    }


def _judged(version: AgentVersion, matrix: Matrix, form: MatrixForm) -> list[Judged]:
    rules = list(version.rules.all())
    return [
        Judged(row, form.forms.get(row.key) if row.principle else None,
               hints_for(version, row, rules))
        for row in matrix.rows
    ]  # fmt: skip


def waivers_page(user: User, *, at: datetime) -> dict[str, Any]:
    """Waivers that wait or are in force, the soonest to end first; then the newest of the rest."""
    found = Waiver.objects.select_related(
        "version__agent", "version__author", "version__proposed_by",
        "asked_by", "granted_by", "ended_by",
    ).defer(*HEAVY_OF_VERSION)  # fmt: skip
    running = found.filter(ended_at=None, expires_at__gt=at).order_by("expires_at")
    past = found.exclude(pk__in=running.values("pk")).order_by("-id")
    shown = [_listed(waiver, user) for waiver in running[:MOST_WAIVERS]]
    return {
        "waiting": [one for one in shown if one["waiver"].granted_at is None],
        "in_force": [one for one in shown if one["waiver"].granted_at],
        "past": past[:MOST_WAIVERS],
        "why_no_end": sentence_of(check_can_end, user),
    }


def _listed(waiver: Waiver, user: User) -> dict[str, Any]:
    return {"waiver": waiver, "why_no_grant": sentence_of(check_can_grant, user, waiver)}
