"""What people look for among decisions, and what they make of one."""

from typing import Any

from django import forms

from agents.models import Environment
from escalations.models import Escalation, Verdict
from escalations.precedents.making import EQUAL, LONGEST_REASON, LONGEST_WHY, TRIGGER
from escalations.precedents.marking import LONGEST_NOTE, subjects_of
from escalations.precedents.searching import LONGEST_QUERY
from governance.asking.policies.rules import Rules


def _long(label: str, most: int, help_text: str = "", *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=required,
        max_length=most,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SearchForm(forms.Form):
    """Whatever is odd in an address is left out, never an error."""

    q = forms.CharField(
        label="Words",
        required=False,
        max_length=LONGEST_QUERY,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    agent = forms.CharField(label="Agent", required=False, max_length=120)
    trigger = forms.CharField(label="Trigger", required=False, max_length=120)
    principle = forms.CharField(label="Principle", required=False, max_length=120)
    verdict = forms.ChoiceField(
        label="Decided", required=False, choices=[("", "Anything"), *Verdict.choices]
    )
    marked = forms.BooleanField(label="Precedents only", required=False)

    def wanted(self) -> dict[str, Any]:
        """The filters that can be used."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class MarkForm(forms.Form):
    """What a decision is a precedent of, and why."""

    subject = forms.ChoiceField(label="Of")
    note = _long("Note", LONGEST_NOTE, "What others should learn from it.", required=False)

    def __init__(self, *args: Any, case: Escalation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["subject"]
        field.choices = subjects_of(case)


class StandingForm(forms.Form):
    """What a standing decision answers, for how long and how often; bounded by the policy."""

    answers = forms.ChoiceField(label="It answers", widget=forms.RadioSelect)
    environments = forms.MultipleChoiceField(
        label="In", widget=forms.CheckboxSelectMultiple, required=True
    )
    most_uses = forms.IntegerField(label="At most so many times", min_value=1)
    days = forms.IntegerField(label="For so many days", min_value=1)
    reason = _long(
        "Reason", LONGEST_REASON, "Why people need not look at each of these cases themselves."
    )

    def __init__(self, *args: Any, case: Escalation, rules: Rules, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["answers"].choices = _answered(case)
        known = list(Environment.objects.order_by("slug").values_list("slug", flat=True))
        names = [case.environment, *(slug for slug in known if slug != case.environment)]
        fields["environments"].choices = [(name, name) for name in names]
        fields["environments"].initial = [case.environment]
        for name, most in (("most_uses", rules.standing_uses), ("days", rules.standing_days)):
            fields[name].max_value = most
            fields[name].help_text = f"The policy allows {most}."
            fields[name].widget.attrs |= {"max": most, "inputmode": "numeric"}


def _answered(case: Escalation) -> list[tuple[str, str]]:
    equal = [(EQUAL, "Questions that ask the same, with the same options")]
    by_trigger = [
        (f"{TRIGGER}{key}", f"Whatever touches the trigger {key}") for key in case.triggers
    ]
    return (equal if case.group_key else []) + by_trigger


class RevokeForm(forms.Form):
    reason = _long("Why it must not answer any more", LONGEST_WHY)


class DeclineForm(forms.Form):
    note = _long("Why no rule is made of it", LONGEST_WHY)
