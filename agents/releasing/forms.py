"""What people type about releases; what it means is decided by the services."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils.dateparse import parse_datetime

from agents.models import Environment
from agents.releasing.services import LONGEST_HOURS, LONGEST_REASON, SHORTEST_EMERGENCY

PRODUCTION = "production"


class EnvironmentField(forms.ModelChoiceField):
    """One environment, by its slug; production unless another is chosen."""

    def __init__(self) -> None:
        super().__init__(
            Environment.objects.all(), to_field_name="slug", empty_label=None, initial=PRODUCTION
        )


class RollBackForm(forms.Form):
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What went wrong with what runs now.",
    )


class BreakGlassForm(forms.Form):
    environment = EnvironmentField()
    hours = forms.IntegerField(
        min_value=1,
        max_value=LONGEST_HOURS,
        initial=4,
        help_text=f"From 1 to {LONGEST_HOURS}. Then runners are refused again.",
    )
    reason = forms.CharField(
        label="The emergency",
        min_length=SHORTEST_EMERGENCY,
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What happens if it waits for an approval. Approvers and auditors read this.",
    )


class FamilySuspendForm(forms.Form):
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Runners and people read this.",
    )


class AsOfForm(forms.Form):
    """A moment in a time zone, and an environment; without a moment, now."""

    at = forms.CharField(
        required=False,
        label="Moment",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}),
    )
    zone = forms.CharField(
        required=False,
        label="Time zone",
        initial="UTC",
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
    )
    environment = EnvironmentField()

    def __init__(self, data: Any, *, now: datetime) -> None:
        given = {name: data.get(name) for name in ("at", "zone", "environment")}
        known = {"at": "", "zone": "UTC", "environment": PRODUCTION}
        super().__init__({name: value or known[name] for name, value in given.items()})
        self.now = now

    def clean_zone(self) -> ZoneInfo:
        zone: str = self.cleaned_data["zone"]
        if zone not in available_timezones():
            raise forms.ValidationError("Name a time zone such as Europe/Berlin or UTC.")
        return ZoneInfo(zone)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "zone" in cleaned:
            cleaned["at"] = self._moment(cleaned.get("at", ""), cleaned["zone"])
        return cleaned

    def _moment(self, typed: str, zone: ZoneInfo) -> datetime:
        """What was typed, in its own offset or in the zone; never a moment to come."""
        if not typed:
            return self.now
        try:
            # A plus sign that a link did not escape arrives as a space.
            found = parse_datetime(typed.strip().replace(" ", "+") if "T" in typed else typed)
        except ValueError:
            found = None
        if found is None:
            raise forms.ValidationError("Write the moment as 2026-05-03T12:00.")
        moment = found if found.tzinfo else found.replace(tzinfo=zone)
        if moment > self.now:
            raise forms.ValidationError("That moment is still to come.")
        return moment
