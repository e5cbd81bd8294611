"""What people type about agents; what it means is decided by the services."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from agents.importing import MAX_BYTES
from agents.models import Environment, Family
from agents.releasing.services import LONGEST_REASON

MOST_FILES = 100


class Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files, as a list."""

    widget = Files(attrs={"accept": ".md,.markdown,.txt,text/markdown", "multiple": True})

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        several: Sequence[Any] = data if isinstance(data, list | tuple) else [data]
        return [file for file in several if file]


class ImportForm(forms.Form):
    """Files, or one pasted text, for one family."""

    family = forms.CharField(
        max_length=120,
        required=False,
        help_text="Needed for new agents. Known agents stay in their family.",
        widget=forms.TextInput(attrs={"list": "families", "autocomplete": "off"}),
    )
    uploads = FilesField(
        required=False,
        label="Files",
        help_text=f"Markdown files, up to {MOST_FILES} at once, 1 MB each.",
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or paste one definition",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        files = cleaned.get("uploads") or []
        if not files and not (cleaned.get("text") or "").strip():
            raise forms.ValidationError("Choose at least one file, or paste a definition.")
        if len(files) > MOST_FILES:
            raise forms.ValidationError(f"At most {MOST_FILES} files at once.")
        return cleaned

    def definitions(self) -> list[tuple[str, bytes]]:
        """Name and bytes of each; one byte more than allowed is read, so that it is refused."""
        found = [
            (file.name or "", file.read(MAX_BYTES + 1)) for file in self.cleaned_data["uploads"]
        ]
        if self.cleaned_data["text"].strip():
            # Browsers send every line end of a text field as CRLF.
            text = self.cleaned_data["text"].replace("\r\n", "\n")
            found.append(("", text.encode("utf-8", "surrogatepass")))
        return found

    @staticmethod
    def families() -> list[str]:
        """Families to choose from while typing."""
        return list(Family.objects.values_list("name", flat=True)[:200])


class ReleaseForm(forms.Form):
    """``without`` are the environments where the version is released already."""

    environment = forms.ModelChoiceField(
        Environment.objects.all(), to_field_name="slug", empty_label=None, initial="production"
    )

    def __init__(self, *args: Any, without: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["environment"]
        field.queryset = field.queryset.exclude(pk__in=without)
        self.is_everywhere = not field.queryset.exists()


class SuspendForm(forms.Form):
    """``version`` is empty where the whole agent is meant."""

    version = forms.TypedChoiceField(
        coerce=int, empty_value=None, required=False, label="What to suspend"
    )
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Runners and people read this.",
    )

    def __init__(self, *args: Any, sequences: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        numbered: list[tuple[Any, str]] = [(number, f"Version {number}") for number in sequences]
        field: Any = self.fields["version"]
        field.choices = [("", "The whole agent"), *numbered]
