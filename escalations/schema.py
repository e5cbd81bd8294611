"""What a runner may send when it asks, checked strictly and without judging its content.

Only wrong types, size and depth refuse. A missing field is a finding; a key that the portal
does not know is kept under ``unknown`` and shown to the people who decide.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from governance.base.errors import InvalidInput, TooLarge
from governance.base.json_shape import check_shape
from governance.base.keys import Keys

MAX_BODY = 256 * 1024
MAX_OPTIONS = 50
LONGEST_LABEL = 300

Short = Annotated[str, Meta(max_length=200)]
Key = Annotated[str, Meta(max_length=80)]
Lines = list[str]


class OptionPayload(msgspec.Struct, kw_only=True, omit_defaults=True):
    key: Key = ""
    label: str = ""
    description: str = ""
    pros: Lines = []
    cons: Lines = []
    consequence: str = ""
    fields: dict[str, Any] = {}
    requires_comment: bool = False
    authority: Short = ""


class ConstitutionalImpact(msgspec.Struct, kw_only=True, omit_defaults=True):
    text: str = ""
    principles: Lines = []


class ActionPayload(msgspec.Struct, kw_only=True, omit_defaults=True):
    kind: Short
    target: str = ""
    arguments: Any = None


class RaisePayload(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One question. ``risk`` and ``blocking`` are claims: the portal computes its own.

    ``supersedes`` names the runner's own open case whose question this is, edited.
    """

    agent: Annotated[str, Meta(min_length=1, max_length=200)]
    version: Annotated[str, Meta(max_length=64)] | int | None = None
    environment: Annotated[str, Meta(max_length=40)] = ""
    project: Short = ""
    instance: Short = ""
    run: Short = ""
    title: str = ""
    task: str = ""
    problem: str = ""
    attempted: Lines = []
    options: list[OptionPayload] = []
    recommendation: str = ""
    impact: str = ""
    constitutional_impact: ConstitutionalImpact | None = None
    extra: dict[str, Any] = {}
    trigger: str = ""
    risk: Literal["low", "medium", "high"] | None = None
    action: ActionPayload | None = None
    blocking: bool = True
    wait_until: datetime | None = None
    supersedes: Annotated[str, Meta(max_length=40)] = ""
    unknown: dict[str, Any] = {}


def read_payload(body: Mapping[str, Any]) -> RaisePayload:
    """A decoded body as a payload; :class:`InvalidInput` or :class:`TooLarge` with the reason."""
    check_shape(body)
    unknown: dict[str, Any] = {}
    known = _known(body, RaisePayload, "", unknown)
    _lift_short_forms(known, unknown)
    if len(known.get("options") or []) > MAX_OPTIONS:
        raise TooLarge(f"At most {MAX_OPTIONS} options, please.", code="too_many_options")
    try:
        payload = msgspec.convert({**known, "unknown": unknown}, RaisePayload)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The request is not as described: {error}.") from error
    _check_time(payload)
    payload.options = _named_options(payload)
    return payload


def as_request(payload: RaisePayload) -> dict[str, Any]:
    """The JSON value whose canonical bytes people are shown and decide on."""
    request: dict[str, Any] = msgspec.to_builtins(payload)
    return request


def _known(
    body: Mapping[str, Any], shape: type[msgspec.Struct], where: str, unknown: dict[str, Any]
) -> dict[str, Any]:
    """The keys that ``shape`` has; the others go to ``unknown`` under their path."""
    names = set(shape.__struct_fields__) - {"unknown"}
    unknown.update({f"{where}{key}": value for key, value in body.items() if key not in names})
    return {key: value for key, value in body.items() if key in names and value is not None}


def _lift_short_forms(known: dict[str, Any], unknown: dict[str, Any]) -> None:
    """A plain string will do for one attempt, an option, and the constitutional impact."""
    if isinstance(known.get("attempted"), str):
        known["attempted"] = [known["attempted"]]
    impact = known.get("constitutional_impact")
    if isinstance(impact, str):
        known["constitutional_impact"] = {"text": impact}
    nested: dict[str, type[msgspec.Struct]] = {
        "constitutional_impact": ConstitutionalImpact,
        "action": ActionPayload,
    }
    for name, shape in nested.items():
        if isinstance(known.get(name), Mapping):
            known[name] = _known(known[name], shape, f"{name}.", unknown)
    if isinstance(known.get("options"), list):
        known["options"] = [
            _option(option, f"options[{position}].", unknown)
            for position, option in enumerate(known["options"])
        ]


def _option(option: Any, where: str, unknown: dict[str, Any]) -> Any:
    if isinstance(option, str):
        return {"label": option}
    return _known(option, OptionPayload, where, unknown) if isinstance(option, Mapping) else option


def _named_options(payload: RaisePayload) -> list[OptionPayload]:
    """Every option with a key and a label; an act without options can be said yes to."""
    options = list(payload.options)
    if payload.action and not options:
        options = [OptionPayload(key="carry-out", label="Carry out the act as shown")]
    keys = Keys()
    for option in options:
        option.label = option.label or option.key or option.description[:LONGEST_LABEL]
        option.key = option.key or keys.take(option.label)
        if len(option.label) > LONGEST_LABEL:
            option.description = "\n\n".join(filter(None, (option.label, option.description)))
            option.label = f"{option.label[: LONGEST_LABEL - 1]}…"
    named = [option.key for option in options]
    if twice := sorted({key for key in named if named.count(key) > 1}):
        raise InvalidInput(f"Two options have the same key: {', '.join(twice)}.")
    return options


def _check_time(payload: RaisePayload) -> None:
    if payload.wait_until is not None and payload.wait_until.tzinfo is None:
        raise InvalidInput("wait_until needs a time zone, such as 2026-03-02T09:00:00Z.")
