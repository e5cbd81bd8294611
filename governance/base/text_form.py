"""The field in which a text is written, and what the page remembers beside it."""

from typing import Any, Self

from django import forms

from governance.base.editing import typed

TEXT_FIELD = {
    "class": "editor-text",
    "rows": 30,
    "spellcheck": "false",
    "autocapitalize": "off",
    "autocomplete": "off",
    "data-editor": "",
}


class TextForm(forms.Form):
    """``newest`` is the version that was the newest when the page was opened."""

    text = forms.CharField(
        label="Text",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs=TEXT_FIELD),
    )
    plain = forms.BooleanField(
        required=False,
        label="Save as plain UTF-8: no byte order mark, LF line ends",
    )
    newest = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0)

    def clean_text(self) -> str:
        return typed(self.cleaned_data["text"])

    @property
    def typed_text(self) -> str:
        """What was typed, whether or not the form is valid."""
        return typed(str(self.data.get("text", "")))

    def holding(self, **values: Any) -> Self:
        """The same form as it was sent, with other values in some fields."""
        sent = {name: self.data[name] for name in self.data}
        form = type(self)(sent | values)
        form.is_valid()
        return form
