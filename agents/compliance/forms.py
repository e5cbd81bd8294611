"""What people type about a matrix; what it means is decided by the services."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

from django import forms

from agents.compliance.matrix import Matrix, Row
from agents.compliance.services import LONGEST_TEXT, Said
from agents.models import MatrixVerdict

NOT_NOW = ("", "Not now")


class JudgementForm(forms.Form):
    """One principle; left at 'Not now' it says nothing."""

    verdict = forms.ChoiceField(choices=[NOT_NOW, *MatrixVerdict.choices], required=False)
    line = forms.IntegerField(min_value=1, required=False, label="Line of the text")
    evidence = forms.CharField(
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="What shows it",
    )
    seen_sha256 = forms.CharField(widget=forms.HiddenInput, required=False)


class MatrixForm:
    """The principles of a matrix, each with a form of its own, posted together."""

    def __init__(self, matrix: Matrix, data: Mapping[str, Any] | None = None) -> None:
        self.rows = [row for row in matrix.rows if row.principle]
        self.forms = {row.key: self._form(row, data) for row in self.rows}

    @staticmethod
    def _form(row: Row, data: Mapping[str, Any] | None) -> JudgementForm:
        initial: dict[str, Any] = {"seen_sha256": row.sha256}
        if row.claim:
            initial["line"] = row.claim.line
        return JudgementForm(data, prefix=row.key, initial=initial)

    def is_valid(self) -> bool:
        """Whether every part can be read."""
        return all(form.is_valid() for form in self.forms.values())

    def said(self) -> Sequence[Said]:
        """What was said, of the principles that were judged."""
        read = ((key, form.cleaned_data) for key, form in self.forms.items())
        return [
            Said(key, data["verdict"], data["evidence"], data["line"], data["seen_sha256"])
            for key, data in read
            if data["verdict"]
        ]


class WaiverForm(forms.Form):
    """The last day counts whole, in UTC."""

    principle = forms.ChoiceField()
    reason = forms.CharField(
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Approvers and auditors read this.",
    )
    last_day = forms.DateField(
        label="Last day",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="At most 30 days for a NON-NEGOTIABLE principle, 180 for another.",
    )

    def __init__(self, *args: Any, matrix: Matrix, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["principle"]
        field.choices = [
            (row.key, row.title)
            for row in matrix.rows
            if row.principle and row.verdict in {MatrixVerdict.FAIL, "unknown"}
        ]
        self.is_needed = bool(field.choices)

    def expires_at(self) -> datetime:
        """The last moment of the last day."""
        return datetime.combine(self.cleaned_data["last_day"], time(23, 59, 59), UTC)
