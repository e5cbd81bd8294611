from django import forms


class HistoryFilter(forms.Form):
    """The filters of the history page; an empty one does not filter."""

    kind = forms.CharField(required=False, max_length=80, label="What happened")
    actor = forms.CharField(required=False, max_length=160, label="Who")
    subject = forms.CharField(required=False, max_length=160, label="About")
    since = forms.DateField(
        required=False, label="From", widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        required=False, label="Before", widget=forms.DateInput(attrs={"type": "date"})
    )
    before = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
