from django import forms


def _text(label: str, example: str, longest: int) -> forms.CharField:
    widget = forms.TextInput(attrs={"placeholder": example})
    return forms.CharField(required=False, max_length=longest, label=label, widget=widget)


class HistoryFilter(forms.Form):
    """The filters of the history page; an empty one does not filter."""

    kind = _text("What happened", "escalation decided", 80)
    actor = _text("Who", "a name or address", 160)
    subject = _text("About", "ESC-12 or an agent", 160)
    since = forms.DateField(
        required=False, label="From", widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        required=False, label="Before", widget=forms.DateInput(attrs={"type": "date"})
    )
    before = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
