"""One answer for equal questions, or a verdict for each of several; nothing chosen beforehand."""

import re
from typing import Any

from django import forms

from escalations.forms import OPTION, REASON_BY_POLICY, DecideForm
from escalations.models import Escalation, Verdict
from governance.asking.policies.rules import Rules

_PICK = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


def picks_in(values: list[str]) -> dict[int, str]:
    """The chosen cases with the digest of the request that was shown for each."""
    found = (_PICK.fullmatch(value) for value in values)
    return {int(one[1]): one[2] for one in found if one}


class OneAnswerForm(DecideForm):
    """The answer that each of the chosen equal questions gets."""

    def __init__(self, *args: Any, case: Escalation, rules: Rules, **kwargs: Any) -> None:
        super().__init__(*args, case=case, **kwargs)
        del self.fields["seen_sha256"]
        if rules.reason_required:
            self.fields["reason"].help_text = REASON_BY_POLICY


class VerdictForm(forms.Form):
    """A verdict on one case of a list; left open unless somebody chooses."""

    choice = forms.ChoiceField(required=False, label="Your choice")
    reason = forms.CharField(
        required=False, label="Reason", widget=forms.Textarea(attrs={"rows": 2}), max_length=10_000
    )
    approach = forms.CharField(
        required=False,
        label="Approach",
        help_text="What to do instead, for another approach.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=10_000,
    )
    seen_sha256 = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, case: Escalation, **kwargs: Any) -> None:
        kwargs["prefix"] = f"case-{case.pk}"
        super().__init__(*args, **kwargs)
        self.initial["seen_sha256"] = case.request_sha256
        self.fields["choice"].choices = [  # type: ignore[attr-defined]  # a choice field
            ("", "Leave it open"),
            *((f"{OPTION}{option.key}", option.label) for option in case.options.all()),
            (Verdict.OTHER_APPROACH.value, "Another approach"),
            (Verdict.REJECTED.value, "Reject"),
        ]

    def words(self) -> dict[str, Any]:
        """The vote, in the words of the service; empty where it is left open."""
        said = self.cleaned_data
        choice = said["choice"]
        if not choice:
            return {}
        is_option = choice.startswith(OPTION)
        return {
            "verdict": Verdict.APPROVED_OPTION.value if is_option else choice,
            "option_key": choice.removeprefix(OPTION) if is_option else "",
            "reason": said["reason"],
            "approach": said["approach"],
            "seen_sha256": said["seen_sha256"],
        }
