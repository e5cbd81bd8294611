from datetime import timedelta
from typing import Any, ClassVar

from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms

from governance.people.models import Runner, Scope


class RunnerForm(forms.ModelForm[Runner]):
    """A new runner; ``agents`` are slugs, one per line, or ``*`` for all."""

    agents = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Agents it may ask for",
        help_text="One slug per line. * stands for all of them.",
    )

    class Meta:
        model = Runner
        fields = ("name", "slug")
        labels: ClassVar = {"slug": "Short name"}
        help_texts: ClassVar = {"slug": "Small letters, digits and hyphens, such as build-server."}

    def clean_agents(self) -> list[str]:
        return sorted(set(self.cleaned_data["agents"].split()))


class KeyForm(forms.Form):
    """What a new key opens, and for how long."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=list(Scope.values)
    )
    days = forms.IntegerField(label="Days until it expires", min_value=1, max_value=366, initial=90)

    def lifetime(self) -> timedelta:
        """The days as a span."""
        return timedelta(days=self.cleaned_data["days"])


class AddPasskeyForm(AddWebAuthnForm):
    """A new passkey; without *passwordless* it is a second step after the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["passwordless"]
        field.initial = True
        field.label = "Sign in with it alone, without the password"
        field.help_text = "It then has to check your finger, face or PIN each time."
