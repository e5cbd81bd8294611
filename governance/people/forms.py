from datetime import datetime, timedelta
from typing import Any, ClassVar

from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.people.away import LONGEST_REASON
from governance.people.hours import moment_of
from governance.people.models import Runner, Scope, User
from governance.people.own_hours import DAYS
from governance.people.own_time import zone_names


class RunnerForm(forms.ModelForm[Runner]):
    """A new runner; ``agents`` are slugs, one per line, or ``*`` for all."""

    agents = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Agents it may ask for",
        help_text="One slug per line. * stands for all of them.",
    )

    class Meta:
        model = Runner
        fields = ("name", "slug")
        labels: ClassVar = {"slug": "Short name"}
        help_texts: ClassVar = {"slug": "Small letters, digits and hyphens, such as build-server."}

    def clean_agents(self) -> list[str]:
        return sorted(set(self.cleaned_data["agents"].split()))


class KeyForm(forms.Form):
    """What a new key opens, and for how long."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=list(Scope.values)
    )
    days = forms.IntegerField(label="Days until it expires", min_value=1, max_value=366, initial=90)

    def lifetime(self) -> timedelta:
        """The days as a span."""
        return timedelta(days=self.cleaned_data["days"])


class AddPasskeyForm(AddWebAuthnForm):
    """A new passkey; without *passwordless* it is a second step after the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["passwordless"]
        field.initial = True
        field.label = "Sign in with it alone, without the password"
        field.help_text = "It then has to check your finger, face or PIN each time."


class ChoiceInput(forms.TextInput):
    """A text field that offers what may be meant while one types; it takes no script."""

    def __init__(self, choices: list[str], list_id: str) -> None:
        super().__init__(attrs={"list": list_id, "autocomplete": "off", "spellcheck": "false"})
        self.choices, self.list_id = choices, list_id

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        offered = format_html_join("", '<option value="{}"></option>', ((n,) for n in self.choices))
        field = super().render(*args, **kwargs)
        return format_html('{}<datalist id="{}">{}</datalist>', field, self.list_id, offered)


class TimeZoneForm(forms.Form):
    """Where one lives by the clock."""

    time_zone = forms.CharField(max_length=60, label="Time zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].widget = ChoiceInput(zone_names(), "time-zones")
        self.fields["time_zone"].help_text = "Type a city, such as Berlin, and choose."


class ClockInput(forms.TimeInput):
    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


class QuietHoursForm(forms.Form):
    """One more window in which nothing reaches one."""

    weekdays = forms.TypedMultipleChoiceField(
        choices=list(enumerate(DAYS)),
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        label="Begins on",
        initial=list(range(7)),
        error_messages={"required": "Choose the days on which it begins."},
    )
    starts = forms.TimeField(widget=ClockInput, label="From", initial="22:00")
    ends = forms.TimeField(
        widget=ClockInput,
        label="To",
        initial="07:00",
        help_text="At or before the beginning: the next day.",
    )


class MomentInput(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class AbsenceForm(forms.Form):
    """From when to when somebody is away, on their own clock, and who stands in."""

    starts_at = forms.DateTimeField(widget=MomentInput, label="From")
    ends_at = forms.DateTimeField(widget=MomentInput, label="Until")
    delegate = forms.ModelChoiceField(
        User.objects.none(),
        required=False,
        empty_label="Nobody",
        label="Who is told instead",
        help_text="They answer in their own name; both names stand in the history.",
    )
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        required=False,
        label="Reason",
        help_text="Only you and administrators see it.",
    )

    def __init__(self, *args: Any, person: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        colleagues = User.objects.filter(is_active=True).order_by("name", "email")
        if person is not None:
            colleagues = colleagues.exclude(pk=person.pk)
        self.fields["delegate"].queryset = colleagues  # type: ignore[attr-defined]  # rows

    def whose(self) -> User | None:
        """The person who is away."""
        return self.person

    def clean(self) -> dict[str, Any]:
        """What was typed is what the clock of that person shows."""
        cleaned = super().clean() or {}
        person = self.whose()
        if person is not None:
            for name in ("starts_at", "ends_at"):
                if name in cleaned:
                    cleaned[name] = on_clock_of(person, cleaned[name])
        return cleaned


class AbsenceOfSomebodyForm(AbsenceForm):
    """The same by an administrator."""

    who = forms.ModelChoiceField(
        User.objects.none(), label="Who is away", help_text="The times are those of their clock."
    )
    field_order = ("who",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(is_active=True).order_by("name", "email")
        self.fields["who"].queryset = people  # type: ignore[attr-defined]  # rows

    def whose(self) -> User | None:
        return self.cleaned_data.get("who")


def on_clock_of(person: User, typed: datetime) -> datetime:
    """The moment at which a person's clock shows what was typed."""
    shown = timezone.make_naive(typed) if timezone.is_aware(typed) else typed
    return moment_of(shown.date(), shown.time(), person.time_zone)
