"""What people type about a list; what it means is decided by the services."""

from typing import Any

from django import forms

from agents.batches.services import LONGEST_TITLE
from agents.models import BatchKind, Environment
from governance.review.forms import DueField


class BatchForm(forms.Form):
    """Title and day; the versions are ticked in the table beside it."""

    kind = forms.ChoiceField(choices=BatchKind.choices, widget=forms.HiddenInput)
    family = forms.SlugField(required=False, widget=forms.HiddenInput)
    title = forms.CharField(
        max_length=LONGEST_TITLE, required=False, help_text="Shown in mails and in the inbox."
    )
    due_at = DueField()


class ReleaseAllForm(forms.Form):
    environment = forms.ModelChoiceField(
        Environment.objects.all(), to_field_name="slug", empty_label=None
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["environment"].label = "Environment"
