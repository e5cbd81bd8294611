"""What people write in the editor; what it means is decided by the services."""

from typing import Any

from django import forms

from governance.base.text_form import TextForm


class ChangeForm(TextForm):
    """A new text for an agent that is there."""


class NewForm(TextForm):
    """The first text of an agent."""

    filename = forms.CharField(
        max_length=200,
        required=False,
        label="File name",
        help_text="The agent's name with .md, such as python-backend.md.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    family = forms.CharField(
        max_length=120,
        required=False,
        help_text="The family it joins. A name that is not there yet makes a new one.",
        widget=forms.TextInput(attrs={"list": "families", "autocomplete": "off"}),
    )


class StartForm(forms.Form):
    """How a new definition begins."""

    template = forms.ChoiceField(label="Start from")
    name = forms.CharField(
        max_length=120,
        required=False,
        help_text="Lower-case words joined by hyphens, such as python-backend.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    family = forms.CharField(
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"list": "families", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, templates: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["template"]
        field.choices = templates
