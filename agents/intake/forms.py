"""What people bring in; what it means is decided by the services."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from agents.intake.archives import Incoming, from_uploads
from agents.models import Family

MOST_FILES = 2000
ACCEPTED = ".md,.markdown,.mdx,.txt,.zip,text/markdown"


class Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files, as a list."""

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        several: Sequence[Any] = data if isinstance(data, list | tuple) else [data]
        return [file for file in several if file]


class ImportForm(forms.Form):
    """Files, a folder, a zip, or one pasted text, for one family or for one per folder.

    A browser tells the names of a folder's files only; a script adds their ``paths``.
    """

    uploads = FilesField(
        required=False,
        label="Files, or a zip",
        help_text=f"Markdown files up to 1 MB each, {MOST_FILES:,} at once; a zip up to 32 MB.",
        widget=Files(attrs={"accept": ACCEPTED, "multiple": True}),
    )
    folder = FilesField(
        required=False,
        label="Or a whole folder",
        help_text="Only its Markdown files come in; what is left out is listed.",
        widget=Files(attrs={"webkitdirectory": True, "multiple": True}),
    )
    paths = forms.CharField(required=False, widget=forms.HiddenInput)
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or paste one definition",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )
    family = forms.CharField(
        max_length=120,
        required=False,
        help_text="Needed for new agents. Known agents stay in their family.",
        widget=forms.TextInput(attrs={"list": "families", "autocomplete": "off"}),
    )
    family_per_folder = forms.BooleanField(
        required=False,
        label="Each folder is a family of its own",
        help_text="Agents of the same name are then kept apart instead of being refused.",
    )
    everything = forms.BooleanField(
        required=False,
        label="Also what looks like no agent",
        help_text="Skills, commands, rules and documents are left out otherwise.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        files = self._files(cleaned)
        if not files and not (cleaned.get("text") or "").strip():
            raise forms.ValidationError("Choose at least one file, or paste a definition.")
        if len(files) > MOST_FILES:
            raise forms.ValidationError(f"At most {MOST_FILES:,} files at once.")
        return cleaned

    def clean_paths(self) -> list[str]:
        paths = paths_in(self.cleaned_data["paths"])
        if paths is None:
            raise forms.ValidationError("The paths of the files cannot be read.")
        return paths

    @staticmethod
    def _files(cleaned: Mapping[str, Any]) -> list[UploadedFile]:
        return [*(cleaned.get("uploads") or []), *(cleaned.get("folder") or [])]

    def incoming(self) -> list[Incoming]:
        """Each file with its path, as far as it is told, and the pasted text."""
        files = self._files(self.cleaned_data)
        found = from_uploads(
            named_by(files, self.cleaned_data["paths"]), everything=self.cleaned_data["everything"]
        )
        if self.cleaned_data["text"].strip():
            # Browsers send every line end of a text field as CRLF.
            text = self.cleaned_data["text"].replace("\r\n", "\n")
            found.append(Incoming("", text.encode("utf-8", "surrogatepass")))
        return found

    @property
    def told_name(self) -> str:
        """What came in, as the list of imports calls it."""
        files = self._files(self.cleaned_data)
        paths = self.cleaned_data["paths"]
        if not files:
            return "Pasted text"
        first = paths[0].split("/")[0] if paths else files[0].name or ""
        return first if len(files) == 1 or (paths and "/" in paths[0]) else f"{len(files)} files"

    @staticmethod
    def families() -> list[str]:
        """Families to choose from while typing."""
        return list(Family.objects.values_list("name", flat=True)[:200])


def paths_in(said: str) -> list[str] | None:
    """Paths from a JSON list of texts; ``None`` for everything else."""
    try:
        paths = json.loads(said or "[]")
    except (ValueError, RecursionError):
        return None
    is_understood = isinstance(paths, list) and all(isinstance(path, str) for path in paths)
    return paths if is_understood else None


def named_by(files: Sequence[UploadedFile], paths: Sequence[str]) -> list[tuple[str, UploadedFile]]:
    """Files with their paths where one is told for each, else with their names."""
    if len(paths) == len(files):
        return list(zip(paths, files, strict=True))
    return [(file.name or "", file) for file in files]
