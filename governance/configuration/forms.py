from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms

from governance.asking.models import PermitScope, Policy
from governance.configuration.services import LONGEST_REASON


class RefusalForm(forms.Form):
    """Why it stays as it is; who asked needs no reason to take it back."""

    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Why it stays as it is",
    )


RISKS = (("low", "Low"), ("medium", "Medium"), ("high", "High"))
# Lists that are typed.
TYPED = ("agents", "environments", "triggers", "principles", "authorities", "action_kinds")
_SEVERAL = "Several with commas between them; empty: any."


def _risks(help_text: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        choices=RISKS, required=False, widget=forms.CheckboxSelectMultiple, help_text=help_text
    )


EITHER = (("unknown", "Either"), ("true", "Yes"), ("false", "No"))


class PolicyForm(forms.ModelForm[Policy]):
    """A policy in the admin: lists are typed with commas, and what cannot be is refused."""

    risks = _risks("As the portal computes them, never as the runner claims. None ticked: any.")
    standing_risks = _risks("Risks for which a decision may stand for later questions.")
    permit_scopes = forms.MultipleChoiceField(
        choices=[choice for choice in PermitScope.choices if choice[0] != PermitScope.ONCE],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="A permit may reach as far as",
        help_text="The exact act, once, is always possible; these besides, if a decider wants.",
    )

    class Meta:
        model = Policy
        fields = "__all__"  # noqa: DJ007 - every field is set here, each with its own sentence
        labels: ClassVar[dict[str, str]] = {
            "is_default": "Default",
            "is_active": "In use",
            "owner_teams": "Teams of the agent",
            "authorities": "Authorities of options",
            "action_kinds": "Kinds of act",
            "blocking": "The agent stands still",
            "with_action": "It asks for an act",
            "required_votes": "Required votes",
            "teams": "A vote from each of",
            "one_rejection_ends": "One rejection ends it",
            "authentication": "Proof of who answers",
            "owner_may_answer": "The agent’s owner may answer",
            "in_digest": "Daily digest first",
            "wakes_people": "Reaches people in quiet hours",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "agents": f"Slugs of agents. {_SEVERAL}",
            "environments": f"Slugs of environments. {_SEVERAL}",
            "triggers": f"Keys of triggers that fit the question. {_SEVERAL}",
            "principles": f"Keys of principles that the question touches. {_SEVERAL}",
            "authorities": f"Authorities that one of the options asks for. {_SEVERAL}",
            "action_kinds": f"Kinds of the act that is asked for. {_SEVERAL}",
            "owner_teams": "The agent’s own team, or one that its owner is in. None ticked: any.",
            "is_default": "Takes what no other policy of the kind takes. Its conditions and its "
            "position count for nothing.",
            "is_active": "A policy that is switched off takes no question.",
            "blocking": "Whether the agent waits for the answer before it goes on.",
            "with_action": "Whether the question is about an act, or only to know something.",
            "reason_required": "Whoever answers has to say why.",
            "standing_uses": "How many questions one standing decision may answer; 0: none.",
            "standing_days": "For how many days one standing decision may answer; 0: none.",
            "required_votes": "So many people must choose the same.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("blocking", "with_action"):
            # Whoever may only read has no such field.
            if name in self.fields:
                self.fields[name].widget.choices = EITHER

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in TYPED:
            if name in cleaned:
                cleaned[name] = _tidy(cleaned[name])
        self._check_votes(cleaned)
        self._check_act(cleaned)
        self._check_standing(cleaned)
        return cleaned

    def _check_votes(self, cleaned: dict[str, Any]) -> None:
        teams = len(cleaned.get("teams") or ())
        votes = cleaned.get("required_votes") or 0
        if votes and teams > votes:
            self.add_error(
                "required_votes", f"{teams} teams give one vote each: it takes {teams} at least."
            )

    def _check_act(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("action_kinds") and cleaned.get("with_action") is False:
            self.add_error("action_kinds", "A question without an act has no kind of act.")
        if cleaned.get("wakes_people") and cleaned.get("in_digest"):
            self.add_error(
                "in_digest", "What reaches people in quiet hours cannot wait for the daily digest."
            )

    def _check_standing(self, cleaned: dict[str, Any]) -> None:
        parts = [cleaned.get(f"standing_{name}") for name in ("risks", "uses", "days")]
        if any(parts) and not all(parts):
            self.add_error(
                "standing_risks",
                "Standing decisions need all three: risks, a number of uses, a number of days.",
            )


def _tidy(values: Iterable[str]) -> list[str]:
    """Each value once, without the space around it."""
    return list(dict.fromkeys(filter(None, (value.strip() for value in values))))
