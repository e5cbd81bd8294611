"""What people write about a case. Nothing is chosen beforehand."""

from typing import Any

from django import forms

from escalations.deciding import LONGEST_TEXT
from escalations.models import Escalation, Verdict

OPTION = "option:"


def _lines(text: str) -> list[str]:
    return [line.strip().removeprefix("- ") for line in text.splitlines() if line.strip()]


def _long(label: str, help_text: str = "", rows: int = 3) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


def _choice(case: Escalation) -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Your choice",
        choices=[
            *((f"{OPTION}{option.key}", option.label) for option in case.options.all()),
            (Verdict.OTHER_APPROACH.value, "Another approach"),
            (Verdict.REJECTED.value, "Reject"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of these first. Nothing is chosen for you."},
    )


class DecideForm(forms.Form):
    """One choice, and the words that the agent reads; ``seen_sha256`` is what was shown."""

    choice = forms.ChoiceField(widget=forms.RadioSelect)
    reason = _long("Reason", "Needed to reject.")
    approach = _long("Approach", "What to do, and how. Needed for another approach.")
    constraints = _long("Constraints", "One per line. The runner reports on each of them.")
    next_steps = _long("Next steps", "One per line.")
    context = _long("Context", "What the agent should know to understand your answer.", rows=2)
    constitutional_notes = _long("Constitutional notes", rows=2)
    seen_sha256 = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, case: Escalation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("seen_sha256", case.request_sha256)
        self.fields["choice"] = _choice(case)

    def answer(self) -> dict[str, Any]:
        """The vote, in the words of the service."""
        said = dict(self.cleaned_data)
        choice = said.pop("choice")
        is_option = choice.startswith(OPTION)
        said["verdict"] = Verdict.APPROVED_OPTION.value if is_option else choice
        said["option_key"] = choice.removeprefix(OPTION) if is_option else ""
        said["constraints"] = _lines(said["constraints"])
        said["next_steps"] = _lines(said["next_steps"])
        return said


class AskRunnerForm(forms.Form):
    text = forms.CharField(
        label="Your question",
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class DismissForm(forms.Form):
    reason = forms.CharField(
        label="Why nobody needs an answer any more",
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
