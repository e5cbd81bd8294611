from django import forms

from agents.models import Environment
from governance.review.forms import DueField


class SubmitForm(forms.Form):
    """What a version is submitted for, and by when an answer is hoped for."""

    environment = forms.ModelChoiceField(
        Environment.objects.all(),
        to_field_name="slug",
        required=False,
        empty_label="every environment",
        label="For",
        help_text="An approval for one environment is good for that one only.",
    )
    due_at = DueField()
