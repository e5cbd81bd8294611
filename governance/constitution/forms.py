from typing import Any

from django import forms

from governance.constitution.levels import MAX_REASON
from governance.constitution.models import AmendmentLevel
from governance.constitution.services import MAX_BYTES


class ImportForm(forms.Form):
    """A file, or its text pasted."""

    file = forms.FileField(
        required=False,
        label="A Markdown file",
        widget=forms.ClearableFileInput(attrs={"accept": ".md,.markdown,.txt,text/markdown"}),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or the text itself",
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        upload, text = cleaned.get("file"), cleaned.get("text", "")
        if bool(upload) == bool(text.strip()):
            raise forms.ValidationError("Choose a file or paste the text: one of the two.")
        if upload and upload.size > MAX_BYTES:
            raise forms.ValidationError("A constitution may be at most 1 MB.")
        # Browsers send every line end of a text area as CRLF; a file's bytes stay as they are.
        cleaned["raw"] = upload.read() if upload else text.replace("\r\n", "\n").encode()
        return cleaned


class SubmitForm(forms.Form):
    """The level that is to count, where it is to be another than the computed one."""

    level = forms.ChoiceField(
        required=False,
        label="Level",
        choices=[("", "As the portal finds"), *AmendmentLevel.choices],
        help_text="MAJOR and MINOR make approvals stale that rest on what changes; PATCH none.",
    )
    override_reason = forms.CharField(
        required=False,
        max_length=MAX_REASON,
        label="Why another level, or a number that does not follow",
        help_text="Whoever votes reads this first.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
