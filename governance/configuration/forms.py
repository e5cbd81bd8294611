from django import forms

from governance.configuration.services import LONGEST_REASON


class RefusalForm(forms.Form):
    """Why it stays as it is; who asked needs no reason to take it back."""

    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Why it stays as it is",
    )
