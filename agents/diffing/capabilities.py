"""Changes of what an agent may use: tools, modes, hooks, servers, model and settings."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from agents.changes import Change, Kind
from agents.contract import ParsedDefinition
from agents.declared import known_key
from agents.diffing.powers import commands_among, compare_tools, is_looser
from governance.base.frontmatter import Frontmatter

_HOOKS = "hooks"
_SERVERS = "mcp_servers"
# Keys that other changes tell of.
_TOLD = frozenset(
    {
        "name",
        "description",
        "tools",
        "disallowed_tools",
        "model",
        "permission_mode",
        "escalation",
        "constitutional_compliance",
        _HOOKS,
        _SERVERS,
    }
)
# Keys that no harness acts upon.
_LABELS = frozenset(
    {"version", "color", "colour", "author", "license", "category", "tags", "updated", "date"}
)
_LONGEST = 400


def capability_changes(
    old: ParsedDefinition, new: ParsedDefinition, *, before: Frontmatter, after: Frontmatter
) -> Iterator[Change]:
    yield from _frontmatter(before, after)
    yield from _tools(old.tools, new.tools)
    yield from _denials(old.disallowed_tools, new.disallowed_tools)
    yield from _mode(old.permission_mode, new.permission_mode)
    was, now = _settings(old), _settings(new)
    yield from _hooks(was.get(_HOOKS), now.get(_HOOKS))
    yield from _servers(was.get(_SERVERS), now.get(_SERVERS))
    yield from _model(old.model, new.model)
    yield from _others(was, now)


def _frontmatter(before: Frontmatter, after: Frontmatter) -> Iterator[Change]:
    if before.present and not after.present:
        yield Change(
            Kind.FRONTMATTER_LOST,
            "frontmatter",
            "The frontmatter is lost: whatever it limited is not limited any more.",
            before=before.raw,
        )
    elif before.parsed and after.present and not after.parsed:
        yield Change(
            Kind.FRONTMATTER_BROKEN,
            "frontmatter",
            "The frontmatter is no valid YAML any more: harnesses may ignore it.",
            before=before.raw,
            after=after.raw,
        )


def _tools(old: Sequence[str] | None, new: Sequence[str] | None) -> Iterator[Change]:
    if old is not None and new is not None:
        yield from _named_tools(old, new)
    elif old is not None:
        yield Change(
            Kind.TOOLS_KEY_DROPPED,
            "tools",
            f"The list of tools is gone: the agent inherits every tool. Before: {_names(old)}.",
            before=_names(old),
            after="every tool",
        )
    elif new is not None:
        yield from _limited(new)


def _limited(new: Sequence[str]) -> Iterator[Change]:
    commands = commands_among(new)
    if commands:
        named = _names(commands)
        yield Change(
            Kind.COMMANDS_NAMED,
            "tools-commands",
            f"Adds {named} to the tools by name: the agent may run commands. Before, it inherited"
            f" every tool, {named} among them.",
            before="every tool",
            after=named,
        )
    yield Change(
        Kind.TOOLS_LIMITED,
        "tools",
        f"The tools are limited to {_names(new)}. Before, the agent inherited every tool.",
        before="every tool",
        after=_names(new),
    )


def _named_tools(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    compared = compare_tools(old, new)
    was, now = _names(old), _names(new)
    if compared.more:
        risky = " The agent may run commands with it." if commands_among(compared.more) else ""
        sentence = f"Adds {_names(compared.more)} to the tools.{risky}"
        yield Change(Kind.TOOLS_WIDENED, "tools", sentence, was, now)
    if compared.alike:
        sentence = f"Adds {_names(compared.alike)}, which can do no more than the tools it had."
        yield Change(Kind.TOOLS_ALIKE, "tools-alike", sentence, was, now)
    if compared.less:
        sentence = f"Takes {_names(compared.less)} from the tools."
        yield Change(Kind.TOOLS_NARROWED, "tools-narrowed", sentence, was, now)


def _denials(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    lifted = [tool for tool in old if tool not in new]
    added = [tool for tool in new if tool not in old]
    if lifted:
        sentence = f"{_names(lifted)} is no longer denied to the agent."
        yield Change(Kind.DENIAL_LIFTED, "disallowed-tools", sentence, _names(old), _names(new))
    if added:
        sentence = f"{_names(added)} is denied to the agent now."
        yield Change(Kind.DENIAL_ADDED, "disallowed-tools", sentence, _names(old), _names(new))


def _mode(old: str, new: str) -> Iterator[Change]:
    if old == new:
        return
    loosened = is_looser(old, new)
    kind = Kind.MODE_LOOSENED if loosened else Kind.MODE_TIGHTENED
    how = "loosened" if loosened else "tightened"
    sentence = f"The permission mode is {how}: from {old or 'default'} to {new or 'default'}."
    yield Change(kind, "permission-mode", sentence, old, new)


def _hooks(old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    done = "added" if not old else "removed" if not new else "changed"
    sentence = f"The hooks, which run commands and stop acts, are {done}."
    yield Change(Kind.HOOKS_CHANGED, "hooks", sentence, _shown(old), _shown(new))


def _servers(old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    kept = _is_part_of(new, old)
    kind = Kind.SERVERS_NARROWED if kept else Kind.SERVERS_WIDENED
    sentence = "MCP servers are taken away." if kept else "MCP servers are added or changed."
    yield Change(kind, "mcp-servers", sentence, _shown(old), _shown(new))


def _is_part_of(new: Any, old: Any) -> bool:
    if not new:
        return True
    if isinstance(old, dict) and isinstance(new, dict):
        return all(name in old and old[name] == value for name, value in new.items())
    if isinstance(old, list) and isinstance(new, list):
        return all(server in old for server in new)
    return False


def _model(old: str, new: str) -> Iterator[Change]:
    if old == new:
        return
    default = "the harness's choice"
    sentence = f"The model changes from {old or default} to {new or default}."
    yield Change(Kind.MODEL_CHANGED, "model", sentence, old, new)


def _others(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for key in sorted((old.keys() | new.keys()) - _TOLD):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        kind = Kind.LABEL_CHANGED if key in _LABELS else Kind.SETTING_CHANGED
        done = "added" if key not in old else "removed" if key not in new else "changed"
        yield Change(kind, f"setting-{key}", f"{key} is {done}.", _shown(was), _shown(now))


def _settings(parsed: ParsedDefinition) -> dict[str, Any]:
    return {known_key(key): value for key, value in parsed.frontmatter.items()}


def _names(tools: Sequence[str]) -> str:
    return ", ".join(tools) or "no tool"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, str):
        return (value or "")[:_LONGEST]
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)[:_LONGEST]
