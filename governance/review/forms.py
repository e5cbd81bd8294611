from typing import Any

from django import forms

from governance.review.comments import LONGEST, LONGEST_PART
from governance.review.models import Review, Verdict


class VoteForm(forms.Form):
    """One vote. ``seen_sha256`` is the fingerprint of the text the page showed."""

    verdict = forms.ChoiceField(
        choices=Verdict.choices, widget=forms.RadioSelect, label="Your vote"
    )
    comment = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        label="Comment",
        help_text="Needed to request changes or to reject.",
    )
    seen_sha256 = forms.CharField(widget=forms.HiddenInput)

    @classmethod
    def about(cls, review: Review) -> "VoteForm":
        """An empty form for the text under review."""
        return cls(initial={"seen_sha256": review.version_sha256})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        verdict = cleaned.get("verdict")
        if verdict and verdict != Verdict.APPROVE and not cleaned.get("comment"):
            self.add_error("comment", "Say what is wrong, so that it can be put right.")
        return cleaned


class CommentForm(forms.Form):
    """A remark on a line, on a part of the contract, or on the whole."""

    text = forms.CharField(max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 3}))
    line = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    part = forms.CharField(required=False, max_length=LONGEST_PART, widget=forms.HiddenInput)


class DueField(forms.DateTimeField):
    """When an answer is hoped for; nothing decides by itself then."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label="Due",
            required=False,
            input_formats=["%Y-%m-%dT%H:%M"],
            help_text="People are told once more then. Nothing is decided by it.",
            **kwargs,
        )
