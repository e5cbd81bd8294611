"""What people write when they snooze, hand over or say something."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms

from governance.asking.together.comments import LONGEST
from governance.asking.together.snoozing import LONGEST_REASON
from governance.people.models import User
from governance.people.own_time import zone_of

MORNING = time(8)
SPANS = (
    ("1", "1 hour"),
    ("2", "2 hours"),
    ("4", "4 hours"),
    ("8", "8 hours"),
    ("24", "24 hours"),
    ("morning", "until 08:00 on my clock"),
)


class SnoozeForm(forms.Form):
    """For how long, and why."""

    span = forms.ChoiceField(choices=SPANS, label="For", initial="4")
    reason = forms.CharField(max_length=LONGEST_REASON, label="Why")

    def until(self, user: User, *, at: datetime) -> datetime:
        """The end of what was chosen."""
        span = self.cleaned_data["span"]
        return morning_after(user, at=at) if span == "morning" else at + timedelta(hours=int(span))


def draft_name(what: str, ask_id: int) -> str:
    """Under which name refused words about a question are kept in the session."""
    return f"{what}:{ask_id}"


def morning_after(user: User, *, at: datetime) -> datetime:
    """The next time that it is eight in the morning where this person lives."""
    local = at.astimezone(zone_of(user))
    morning = datetime.combine(local.date(), MORNING, tzinfo=local.tzinfo)
    if morning <= local:
        morning = datetime.combine(local.date() + timedelta(days=1), MORNING, tzinfo=local.tzinfo)
    return min(morning, at + timedelta(hours=24))


class HandOverForm(forms.Form):
    """To whom, and why. The service says why somebody cannot have it."""

    to = forms.ChoiceField(label="Colleague")
    reason = forms.CharField(max_length=LONGEST_REASON, required=False, label="Why")

    def __init__(self, *args: Any, colleagues: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = colleagues  # type: ignore[attr-defined]  # a choice of rows


class CommentForm(forms.Form):
    """A word to colleagues."""

    text = forms.CharField(
        max_length=LONGEST,
        label="Comment",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="@name or @address tells a colleague by mail. Runners never see it.",
    )
