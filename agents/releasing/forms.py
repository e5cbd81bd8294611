"""What people type about releases; what it means is decided by the services."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils.dateparse import parse_datetime

from agents.models import Agent, Environment
from agents.releasing.services import LONGEST_HOURS, LONGEST_REASON, SHORTEST_EMERGENCY

PRODUCTION = "production"
MOST_VERSIONS = 100


class EnvironmentField(forms.ModelChoiceField):
    """One environment, by its slug; production unless another is chosen."""

    def __init__(self) -> None:
        super().__init__(
            Environment.objects.all(), to_field_name="slug", empty_label=None, initial=PRODUCTION
        )


def _reason(help_text: str) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 3})
    return forms.CharField(max_length=LONGEST_REASON, widget=widget, help_text=help_text)


class ReleaseForm(forms.Form):
    """``without`` are the environments where the version is released already."""

    environment = EnvironmentField()

    def __init__(self, *args: Any, without: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["environment"]
        field.queryset = field.queryset.exclude(pk__in=without)
        self.is_everywhere = not field.queryset.exists()


class RollBackForm(forms.Form):
    reason = _reason("What went wrong with what runs now.")


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


class SuspendForm(forms.Form):
    """``version`` is empty where the whole agent is meant."""

    version = forms.TypedChoiceField(
        coerce=int, empty_value=None, required=False, label="What to suspend"
    )
    reason = _reason("Runners and people read this.")

    def __init__(self, *args: Any, sequences: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        numbered: list[tuple[Any, str]] = [(number, f"Version {number}") for number in sequences]
        field: Any = self.fields["version"]
        field.choices = [("", "The whole agent"), *numbered]

    @classmethod
    def of(cls, agent: Agent, data: Any = None) -> "SuspendForm":
        """The form for the newest versions of an agent, as many as its page shows."""
        numbers = agent.versions.order_by("-sequence").values_list("sequence", flat=True)
        return cls(data, sequences=list(numbers[:MOST_VERSIONS]))


class FamilySuspendForm(forms.Form):
    reason = _reason("Runners and people read this.")


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
