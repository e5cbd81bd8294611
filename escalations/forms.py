"""What people write about a case. Nothing is chosen beforehand, and nothing wider than the act."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from agents.ledger.actions import normalise
from agents.ledger.forms import RuleForm, as_fields, own_matcher
from agents.permits import MOST_USES
from escalations.answers import request_of
from escalations.deciding import LONGEST_TEXT
from escalations.models import Escalation, Verdict
from escalations.scopes import Scope
from governance.asking.models import PermitScope
from governance.asking.policies.rules import Rules

OPTION = "option:"
CHANGES = "changes"
REASON_BY_POLICY = "The policy of this case asks for it."
PATTERN_FIELDS = (
    *("program", "subcommands", "flags", "words"),
    *("kind", "target", "paths", "arguments"),
)


def _lines(text: str) -> list[str]:
    return [line.strip().removeprefix("- ") for line in text.splitlines() if line.strip()]


def _long(label: str, help_text: str = "", rows: int = 3) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


def _choice(case: Escalation, *, with_changes: bool) -> forms.ChoiceField:
    changes = [(CHANGES, "Ask for an edited question")] if with_changes else []
    return forms.ChoiceField(
        label="Your choice",
        choices=[
            *((f"{OPTION}{option.key}", option.label) for option in case.options.all()),
            (Verdict.OTHER_APPROACH.value, "Another approach"),
            (Verdict.REJECTED.value, "Reject"),
            *changes,
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of these first. Nothing is chosen for you."},
    )


class DecideForm(forms.Form):
    """One choice, and the words that the agent reads; ``seen_sha256`` is what was shown."""

    choice = forms.ChoiceField(widget=forms.RadioSelect)
    reason = _long("Reason", "Needed to reject.")
    approach = _long("Approach", "What to do, and how. Needed for another approach.")
    constraints = _long("Constraints", "One per line. The runner reports on each of them.")
    next_steps = _long("Next steps", "One per line.")
    context = _long("Context", "What the agent should know to understand your answer.", rows=2)
    constitutional_notes = _long("Constitutional notes", rows=2)
    seen_sha256 = forms.CharField(widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, case: Escalation, rules: Rules | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.initial["seen_sha256"] = case.request_sha256
        self.fields["choice"] = _choice(case, with_changes=rules is not None)
        if rules is None:
            return
        self.fields["changes"] = _long(
            "What to ask instead", "What is missing or unclear. The runner edits its question."
        )
        if rules.reason_required:
            self.fields["reason"].help_text = REASON_BY_POLICY

    @property
    def needs_reason(self) -> bool:
        """Whether the policy asks for a reason, whatever is chosen."""
        return self.fields["reason"].help_text == REASON_BY_POLICY

    @property
    def says_more(self) -> bool:
        """Whether anything stands in the fields that are folded away at first."""
        return any(self[name].value() for name in ("next_steps", "context", "constitutional_notes"))

    @property
    def approves(self) -> bool:
        return str(self.cleaned_data["choice"]).startswith(OPTION)

    @property
    def asks_for_changes(self) -> bool:
        return bool(self.cleaned_data["choice"] == CHANGES)

    def answer(self) -> dict[str, Any]:
        """The vote, in the words of the service."""
        said = dict(self.cleaned_data)
        said.pop("changes", None)
        choice = said.pop("choice")
        is_option = choice.startswith(OPTION)
        said["verdict"] = Verdict.APPROVED_OPTION.value if is_option else choice
        said["option_key"] = choice.removeprefix(OPTION) if is_option else ""
        said["constraints"] = _lines(said["constraints"])
        said["next_steps"] = _lines(said["next_steps"])
        return said


class ByMailForm(DecideForm):
    """The same without signing in: the word of the mail stands for the person."""

    word = forms.CharField(
        label="The word in the mail",
        max_length=40,
        help_text="It stands beside the link, such as kavo-temi.",
        error_messages={"required": "Type the word that is printed in the mail."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )

    def __init__(self, *args: Any, case: Escalation, rules: Rules, **kwargs: Any) -> None:
        super().__init__(*args, case=case, **kwargs)
        if rules.reason_required:
            self.fields["reason"].help_text = REASON_BY_POLICY

    def answer(self) -> dict[str, Any]:
        said = super().answer()
        said.pop("word")
        return said


class ScopeForm(forms.Form):
    """How far the permit may reach. The exact act, once, is chosen until somebody widens it."""

    scope = forms.ChoiceField(widget=forms.RadioSelect, label="How far the permit reaches")
    uses = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_USES,
        label="At most how many times",
        help_text=f"At most {MOST_USES}, and that many unless you say less.",
    )
    until = forms.DateTimeField(
        required=False,
        label="Until",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(
        self, *args: Any, case: Escalation, rules: Rules, zone: str = "UTC", **kwargs: Any
    ) -> None:
        kwargs["prefix"] = "permit"
        super().__init__(*args, **kwargs)
        self.zone = ZoneInfo(zone)
        self.initial.setdefault("scope", PermitScope.ONCE.value)
        scopes = [PermitScope.ONCE, *(PermitScope(one) for one in rules.permit_scopes)]
        self.offered = [
            scope for scope in dict.fromkeys(scopes) if scope != PermitScope.RUN or case.run
        ]
        self.fields["scope"].choices = [(one.value, one.label) for one in self.offered]  # type: ignore[attr-defined]  # a choice field
        self.fields["until"].help_text = f"In your time zone, {zone}."
        if PermitScope.PATTERN in self.offered:
            self._offer_pattern(request_of(case).get("action") or {})

    def _offer_pattern(self, action: Mapping[str, Any]) -> None:
        """Fields as in a rule, filled in with what fits the very act and hardly more."""
        exact = as_fields(exact_pattern(action))
        for name in PATTERN_FIELDS:
            field = RuleForm.base_fields[name]
            self.fields[name] = forms.CharField(
                required=False,
                label=field.label,
                help_text=field.help_text,
                widget=field.widget,
                max_length=2000,
            )
            self.initial.setdefault(name, exact.get(name, ""))

    @property
    def pattern_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in PATTERN_FIELDS if name in self.fields]

    @property
    def is_offered(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.offered) > 1

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        return timezone.make_naive(until).replace(tzinfo=self.zone) if until else None

    def chosen(self) -> Scope:
        """In the words of the service."""
        said = self.cleaned_data
        kind = said["scope"]
        if kind == PermitScope.ONCE:
            return Scope()
        pattern = own_matcher(said) if kind == PermitScope.PATTERN else None
        return Scope(kind=kind, uses=said["uses"], until=said["until"], pattern=pattern)


def exact_pattern(action: Mapping[str, Any]) -> dict[str, Any]:
    """A matcher that states an act as narrowly as matchers can; its target, arguments, command."""
    kind, target = str(action.get("kind") or ""), str(action.get("target") or "")
    arguments = action.get("arguments")
    act = normalise(kind=kind, target=target, arguments=arguments)
    found: dict[str, Any] = {}
    for name, value in (("kind", kind), ("target", target)):
        if value:
            found[name] = [value]
    if len(act.commands) == 1:
        command = act.commands[0]
        flags = [word for word in command.words if word[:1] == "-"]
        words = [word for word in command.words if word[:1] != "-"]
        found["command"] = {"program": [command.program], "flags": flags, "words": words}
    elif not act.commands and isinstance(arguments, Mapping):
        found["arguments"] = [
            {"name": name, "op": "=", "value": value}
            for name, value in arguments.items()
            if isinstance(value, str | int | float) and " " not in name
        ]
    return found


class AskRunnerForm(forms.Form):
    text = forms.CharField(
        label="Your question",
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class RevokeForm(forms.Form):
    reason = forms.CharField(
        label="Why the runner must not use it any more",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class DismissForm(forms.Form):
    reason = forms.CharField(
        label="Why nobody needs an answer any more",
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
