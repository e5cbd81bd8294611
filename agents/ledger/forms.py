"""The form of a rule: class, mode, presets, one matcher built from fields, others as JSON."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from agents.ledger.actions import action_of_tool
from agents.ledger.matchers import read_matchers, stored
from agents.ledger.presets import TITLES
from agents.ledger.services import LONGEST_REASON
from agents.models import RuleClass, RuleMode
from governance.base.errors import Refusal

CLASSES = [
    (RuleClass.ENFORCED, "Enforced: an act that matches is denied"),
    (RuleClass.GATED, "Gated: an act that matches needs a person's approval"),
    (RuleClass.REVIEWED, "Reviewed: people check it in what the agent delivers"),
    (RuleClass.ADVISORY, "Advisory: nothing can be checked"),
]
MODES = [
    (RuleMode.OBSERVE, "Observe: count what it would have stopped"),
    (RuleMode.ENFORCE, "Enforce: stop it"),
]
_LISTS = ("tool", "kind", "target", "paths", "phrases")
OWN_FIELDS = (
    *("program", "subcommands", "flags", "words", "tool", "kind", "target", "paths"),
    *("only_writes", "phrases", "arguments"),
)
_COMMAND_LISTS = ("program", "subcommands", "flags", "words")


def _names(value: str) -> list[str]:
    return [one.strip() for one in value.replace("\n", ",").split(",") if one.strip()]


def _line(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(required=False, label=label, help_text=help_text, max_length=2000)


class RuleForm(forms.Form):
    """What a person says a rule is."""

    rule_class = forms.ChoiceField(choices=CLASSES, widget=forms.RadioSelect, label="This rule is")
    mode = forms.ChoiceField(
        choices=MODES,
        widget=forms.RadioSelect,
        required=False,
        label="An enforced or gated rule",
        help_text="A rule observes first.",
    )
    presets = forms.MultipleChoiceField(
        choices=[(name, title.capitalize()) for name, title in TITLES.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="It is about",
    )
    program = _line("Programs", "Separated by commas: git, gh")
    subcommands = _line("Subcommands", "One of these: push, workflow run")
    flags = _line("Options", "Each of these; alternatives with a bar: -f|--force")
    words = _line("Words", "One of these, * stands for anything: main, release/*")
    tool = _line("Tools", "As the harness names them: Edit, Write, mcp__*")
    kind = _line("Kinds of act", "As the runner names them: payment, sql")
    target = _line("Targets", "prod-*")
    paths = _line("Paths", "src/**, .env, !*.example")
    only_writes = forms.BooleanField(required=False, label="Only where the path is changed")
    phrases = _line("Phrases in a statement", "drop table, delete from")
    arguments = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Arguments",
        help_text="One a line, all must hold: amount > 100",
    )
    others = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        label="Further matchers as JSON",
    )
    reason = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Reason",
        help_text="Needed to loosen a rule.",
    )

    @classmethod
    def of(cls, rule_class: str, mode: str, matchers: list[dict[str, Any]]) -> "RuleForm":
        """The form filled in for a stance or a suggestion."""
        presets = [one["preset"] for one in matchers if "preset" in one]
        own = [one for one in matchers if "preset" not in one]
        first = as_fields(own[0]) if own else {}
        others = own[1:] if first or not own else own
        initial = {"rule_class": rule_class, "mode": mode, "presets": presets, **first}
        if others:
            initial["others"] = json.dumps(others, indent=1, ensure_ascii=False)
        return cls(initial=initial)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("rule_class") not in {RuleClass.ENFORCED, RuleClass.GATED}:
            return {**cleaned, "mode": "", "matchers": []}
        cleaned["mode"] = cleaned.get("mode") or RuleMode.OBSERVE.value
        try:
            cleaned["matchers"] = self._matchers(cleaned)
        except Refusal as refusal:
            self.add_error(None, refusal.sentence)
        return cleaned

    def _matchers(self, cleaned: Mapping[str, Any]) -> list[dict[str, Any]]:
        found: list[Any] = [{"preset": name} for name in cleaned.get("presets", [])]
        if own := own_matcher(cleaned):
            found.append(own)
        if text := cleaned.get("others", "").strip():
            found += self._json(text)
        if not found:
            self.add_error(None, "Say which acts it is about: choose or fill in at least one.")
        return stored(read_matchers(found))

    def _json(self, text: str) -> list[Any]:
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            self.add_error("others", "This is not JSON.")
            return []
        return read if isinstance(read, list) else [read]


def own_matcher(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """The matcher that the single fields state; empty where none is filled in."""
    found: dict[str, Any] = {
        name: values for name in _LISTS if (values := _names(cleaned.get(name, "")))
    }
    command = {name: values for name in _COMMAND_LISTS if (values := _names(cleaned.get(name, "")))}
    if command:
        found["command"] = {"program": [], **command}
    if "paths" in found and cleaned.get("only_writes"):
        found["access"] = ["write"]
    if lines := [line for line in cleaned.get("arguments", "").splitlines() if line.strip()]:
        found["arguments"] = [_argument(line) for line in lines]
    return found


def _argument(line: str) -> dict[str, Any]:
    name, _, rest = line.strip().partition(" ")
    op, _, value = rest.strip().partition(" ")
    return {"name": name, "op": op or "exists", "value": _value(value.strip())}


def _value(text: str) -> Any:
    try:
        read = json.loads(text)
    except ValueError:
        return text
    return read if isinstance(read, str | int | float | bool) else text


def as_fields(matcher: Mapping[str, Any]) -> dict[str, Any]:
    """A matcher as the fields of the form; empty where it says more than they can."""
    known = {*_LISTS, "command", "access", "arguments"}
    command = matcher.get("command", {})
    access = matcher.get("access", [])
    says_more = set(matcher) - known or set(command) - set(_COMMAND_LISTS)
    if says_more or (access and list(access) != ["write"]):
        return {}
    fields: dict[str, Any] = {
        name: ", ".join(values)
        for name, values in (*matcher.items(), *command.items())
        if name in (*_LISTS, *_COMMAND_LISTS)
    }
    lines = [
        f"{one['name']} {one['op']} {json.dumps(one.get('value'))}".removesuffix(" null")
        for one in matcher.get("arguments", [])
    ]
    return {**fields, "only_writes": bool(access), "arguments": "\n".join(lines)}


class TryForm(forms.Form):
    """An act to try a rule on; nothing of it is kept."""

    try_tool = forms.CharField(required=False, label="Tool or kind", initial="Bash", max_length=200)
    try_command = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        label="Command",
        max_length=4000,
    )
    try_paths = forms.CharField(
        required=False, label="Paths", help_text="Separated by commas", max_length=2000
    )

    def action(self) -> dict[str, Any]:
        said = self.cleaned_data
        return action_of_tool(
            said["try_tool"] or "Bash",
            command=said["try_command"],
            paths=_names(said["try_paths"]),
        )


class ReasonForm(forms.Form):
    reason = forms.CharField(required=False, max_length=LONGEST_REASON, label="Reason")
