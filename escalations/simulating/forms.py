from typing import Any

from django import forms

from agents.models import Agent, Environment, Tier
from escalations.facts import teams_of
from escalations.raising import DEFAULT_ENVIRONMENT

_SEVERAL = "Several with commas between them."


class SimulationForm(forms.Form):
    """A question that nobody asked: what the portal would know of it."""

    agent = forms.ModelChoiceField(
        Agent.objects.select_related("owner"),
        to_field_name="slug",
        required=False,
        empty_label="An agent that is not here yet",
    )
    environment = forms.ChoiceField(required=False)
    risk = forms.ChoiceField(choices=Tier.choices, initial=Tier.LOW, required=False)
    blocking = forms.BooleanField(
        required=False, initial=True, label="The agent stands still until it gets an answer"
    )
    with_action = forms.BooleanField(required=False, label="It asks for an act")
    action_kind = forms.CharField(required=False, max_length=80, label="Kind of the act")
    triggers = forms.CharField(
        required=False, max_length=500, help_text=f"Keys of triggers that it fits. {_SEVERAL}"
    )
    principles = forms.CharField(
        required=False, max_length=500, help_text=f"Keys of principles that it touches. {_SEVERAL}"
    )
    authorities = forms.CharField(
        required=False, max_length=500, help_text=f"Authorities that an option names. {_SEVERAL}"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        environment = self.fields["environment"]
        places = Environment.objects.order_by("name").values_list("slug", "name")
        environment.choices = list(places)  # type: ignore[attr-defined]  # a ChoiceField
        environment.initial = DEFAULT_ENVIRONMENT

    def facts(self) -> dict[str, Any]:
        """As :func:`escalations.facts.facts_of` has them of a case."""
        said = self.cleaned_data
        agent: Agent | None = said["agent"]
        return {
            "agent": agent.slug if agent else "",
            "owner_teams": teams_of(agent) if agent else [],
            "environment": said["environment"],
            "triggers": _words(said["triggers"]),
            "principles": _words(said["principles"]),
            "risk": said["risk"] or Tier.LOW.value,
            "authorities": _words(said["authorities"]),
            "action_kind": said["action_kind"].strip(),
            "blocking": said["blocking"],
            "with_action": said["with_action"] or bool(said["action_kind"].strip()),
        }


def _words(text: str) -> list[str]:
    return sorted({word.strip() for word in text.split(",") if word.strip()})
