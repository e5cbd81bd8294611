"""What a list of tools lets an agent do, and whether another list lets it do more."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Within a group, holding one tool means being able to do what the others do.
_GROUPS = (
    frozenset({"read", "glob", "grep", "ls", "notebookread"}),
    frozenset({"write", "edit", "multiedit", "notebookedit"}),
)
_COMMANDS = frozenset({"bash", "shell", "terminal", "execute", "powershell", "run_in_terminal"})
# What only keeps lists for the agent itself.
_HARMLESS = frozenset({"todowrite", "todoread", "todo"})
_MODES = {"plan": 0, "default": 1, "": 1, "acceptedits": 2, "dontask": 3, "bypasspermissions": 4}
_NEVER_KNOWN = 5
_LIMITED = re.compile(r"^\s*([^()]+?)\s*\((.*)\)\s*$")


@dataclass(frozen=True, slots=True)
class ToolChange:
    """``more`` gives new power, ``alike`` none, ``less`` is taken away."""

    more: tuple[str, ...]
    alike: tuple[str, ...]
    less: tuple[str, ...]


def compare_tools(old: Sequence[str], new: Sequence[str]) -> ToolChange:
    """What is added and taken away between two lists of named tools."""
    held = {tool.casefold() for tool in old}
    kept = {tool.casefold() for tool in new}
    added = [tool for tool in new if tool.casefold() not in held]
    alike = tuple(tool for tool in added if _covered(tool, held))
    return ToolChange(
        more=tuple(tool for tool in added if tool not in alike),
        alike=alike,
        less=tuple(tool for tool in old if tool.casefold() not in kept),
    )


def _covered(tool: str, held: set[str]) -> bool:
    """Whether the tools held, as far as they are not limited, do what this one does."""
    limited = _LIMITED.match(tool)
    name = (limited[1] if limited else tool).casefold()
    if name in _HARMLESS or (limited and name in held):
        return True
    return any(name in group and held & group for group in _GROUPS)


def commands_among(tools: Sequence[str]) -> tuple[str, ...]:
    """The tools that run commands."""
    return tuple(tool for tool in tools if tool.split("(")[0].strip().casefold() in _COMMANDS)


def is_looser(old: str, new: str) -> bool:
    """Whether a permission mode asks people less than another; an unknown one is feared."""
    before = _MODES.get(old.casefold(), _NEVER_KNOWN)
    return _MODES.get(new.casefold(), _NEVER_KNOWN) >= before
