from django import forms

from governance.people.forms import ClockInput


class DigestForm(forms.Form):
    """At which hour of one's own day the digest comes."""

    digest_at = forms.TimeField(widget=ClockInput, label="Daily digest at", required=False)
