from typing import Any

from django import forms

from agents.models import Agent, Tier
from governance.people.models import Role, Team, User


class HandOverForm(forms.Form):
    """The owners to choose from are the people with that role."""

    owner = forms.ModelChoiceField(User.objects.none(), empty_label=None)
    team = forms.ModelChoiceField(Team.objects.all(), required=False, empty_label="no team")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["owner"]
        field.queryset = User.objects.with_role(Role.OWNER).order_by("name", "email")

    @classmethod
    def of(cls, agent: Agent) -> "HandOverForm":
        """The form as it stands for an agent."""
        return cls(initial={"owner": agent.owner_id, "team": agent.team_id})


class TierForm(forms.Form):
    tier = forms.ChoiceField(
        choices=Tier.choices,
        label="Risk",
        help_text="Raising it counts at once. Lowering it is asked for by an administrator and "
        "waits until another one confirms it.",
    )
