"""What the frontmatter declares: name, version, tools, and what is wrong with them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from governance.base.findings import Finding, Severity
from governance.base.frontmatter import Frontmatter, starts_key
from governance.base.keys import slug

_SLUG = re.compile(r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$")
_SUFFIXES = re.compile(r"(\.(agent|chatmode|prompt|instructions))?\.(md|markdown|mdx|txt)$", re.I)
_BETWEEN_TOOLS = re.compile(r",(?![^()]*\))")
_PLUS_PLUS = re.compile(r"(?<=\b[Cc])\+\+")
_SHARP = re.compile(r"(?<=\b[CcFf])#")
_CALLS = re.compile(r"(?:Task|Agent)\(([^()]*)\)$")
_EVERY_TOOL = frozenset({"*", "all", "all tools"})
_NO_AGENT_NAMES = frozenset({"readme", "index", "agents", "claude", "skill", "agent"})
_LITERAL_BREAK = re.compile(r"\\n")
_DIALECT_FILE = re.compile(r"\.(agent|chatmode|prompt|instructions)\.md$", re.IGNORECASE)
_COPILOT_AGENT = re.compile(r"\.(agent|chatmode)\.md$", re.IGNORECASE)
# As they are written: Claude says maxTurns where Gemini says max_turns.
_DIALECTS = {
    "Copilot": frozenset({"target", "handoffs", "argument-hint", "applyTo", "infer"}),
    "Claude": frozenset(
        {"permissionMode", "disallowedTools", "maxTurns", "skills", "memory", "isolation"}
    ),
    "Gemini": frozenset({"kind", "max_turns", "timeout_mins"}),
    "OpenCode": frozenset({"permission", "maxSteps", "steps"}),
}
_MODES = {
    "OpenCode": frozenset({"primary", "subagent", "all"}),
    "Copilot": frozenset({"agent", "ask", "edit"}),
}


@dataclass(slots=True)
class Declared:
    """The frontmatter's keys that the portal knows, as text; ``tools`` ``None`` inherits all."""

    texts: dict[str, str] = field(default_factory=dict)
    tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)


def read_declared(front: Frontmatter, filename: str) -> Declared:
    declared = Declared()
    for key, value in front.data.items():
        declared.texts[known_key(key)] = front.texts.get(key, _as_text(value)).strip()
    _check_name(declared, front, filename)
    _check_description(declared, front)
    _read_tools(declared, front)
    _check_dialects(declared, front, filename)
    return declared


def stem_of(filename: str) -> str:
    """A file's own name without what tells its kind: ``docs.agent.md`` is ``docs``."""
    return _SUFFIXES.sub("", PurePosixPath(filename.replace("\\", "/")).name)


def is_copilot_agent(filename: str) -> bool:
    """Whether a file's name makes it an agent of Copilot, which takes its name from it."""
    return _COPILOT_AGENT.search(filename) is not None


def spelled_out(name: str) -> str:
    """``C++ Expert`` and ``C# Expert`` are two agents, though a slug holds neither sign."""
    return _PLUS_PLUS.sub("pp", _SHARP.sub("sharp", name))


def known_key(key: str) -> str:
    """``permissionMode`` and ``permission-mode`` are ``permission_mode``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|-", "_", key).lower()


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_as_text(part) for part in value)
    return str(value)


def _check_name(declared: Declared, front: Frontmatter, filename: str) -> None:
    name = declared.texts.get("name", "")
    line = front.lines.get("name", 0)
    if not name:
        declared.findings.append(_named_by_file() if is_copilot_agent(filename) else _no_name())
        return
    if not isinstance(front.data.get("name"), str):
        declared.findings.append(_name_not_text(name, line))
    elif not _SLUG.match(name):
        declared.findings.append(_name_not_slug(name, line))
    stem = stem_of(filename)
    if stem and stem.lower() not in _NO_AGENT_NAMES and slug(stem) != slug(name):
        declared.findings.append(_name_differs(name, stem, line))


def _named_by_file() -> Finding:
    return Finding(
        "NO_NAME",
        Severity.INFO,
        0,
        "The frontmatter names no agent; Copilot takes the name of the file, others need one.",
        "Add a line such as name: python-backend.",
    )


def _no_name() -> Finding:
    return Finding(
        "NO_NAME",
        Severity.ERROR,
        0,
        "The frontmatter names no agent.",
        "Add a line such as name: python-backend.",
    )


def _name_not_text(name: str, line: int) -> Finding:
    return Finding(
        "NAME_NOT_TEXT",
        Severity.WARNING,
        line,
        f"YAML reads the name {name} as something else than text.",
        "Put the name in quotes.",
        excerpt=name,
        replacement=f'name: "{name}"' if _SLUG.match(name) else None,
    )


def _name_not_slug(name: str, line: int) -> Finding:
    return Finding(
        "NAME_NOT_PLAIN",
        Severity.WARNING,
        line,
        f"The name “{name}” is not lower-case words joined by hyphens; some harnesses refuse it.",
        f"Use {slug(spelled_out(name))}.",
        excerpt=name,
        replacement=f"name: {slug(spelled_out(name))}",
    )


def _name_differs(name: str, stem: str, line: int) -> Finding:
    return Finding(
        "NAME_DIFFERS_FROM_FILE",
        Severity.WARNING,
        line,
        f"The file is called {stem}, the agent in it {name}.",
        "Rename one of them.",
        excerpt=name,
    )


def _check_description(declared: Declared, front: Frontmatter) -> None:
    description = declared.texts.get("description", "")
    line = front.lines.get("description", 0)
    if not description:
        declared.findings.append(_no_description(line))
    elif _LITERAL_BREAK.search(description):
        declared.findings.append(_literal_break(line, _with_real_breaks(front)))


def _no_description(line: int) -> Finding:
    return Finding(
        "NO_DESCRIPTION",
        Severity.WARNING,
        line,
        "The frontmatter has no description; harnesses choose an agent by it.",
        "Add a description that says when to use this agent.",
    )


def _with_real_breaks(front: Frontmatter) -> str | None:
    """The description in double quotes, where it is one line and \\n means a break."""
    lines = front.raw.split("\n")
    found = [at for at, one in enumerate(lines) if one.startswith("description:")]
    if len(found) != 1 or not all(map(starts_key, lines[found[0] + 1 :][:1])):
        return None
    value = lines[found[0]].partition(":")[2].strip()
    if value[:1] == '"' and r"\\n" in value:
        return "description: " + value.replace(r"\\n", r"\n")
    if not value or value[0] in '"|>':
        return None
    if value[0] == "'":
        value = value[1:-1].replace("''", "'") if value.endswith("'") else value
    escaped = re.sub(r"\\(?!n)", r"\\\\", value).replace('"', '\\"')
    return f'description: "{escaped}"'


def _literal_break(line: int, replacement: str | None) -> Finding:
    return Finding(
        "LITERAL_LINE_BREAK",
        Severity.INFO,
        line,
        "The description holds \\n as two characters where a line break was meant.",
        "Put the description in double quotes, or write it as a block with | and line breaks.",
        replacement=replacement,
    )


def _check_dialects(declared: Declared, front: Frontmatter, filename: str) -> None:
    """Say which keys only some harnesses know; the others leave them out without a word."""
    suffix = _DIALECT_FILE.search(filename)
    for harness, known in _DIALECTS.items():
        keys = [key for key in front.data if key in known]
        if str(front.data.get("mode", "")) in _MODES.get(harness, ()):
            keys.append("mode")
        if keys or (suffix and harness == "Copilot"):
            line = min((front.lines.get(key, 1) for key in keys), default=1)
            declared.findings.append(_dialect(harness, keys, line))


def _dialect(harness: str, keys: list[str], line: int) -> Finding:
    what = f"the keys {', '.join(sorted(keys))}" if keys else "this kind of file"
    return Finding(
        f"DIALECT_{harness.upper()}",
        Severity.INFO,
        line,
        f"Only {harness} knows {what}; other harnesses leave out what it says.",
        "Nothing, if only that harness runs this agent.",
        excerpt=", ".join(sorted(keys)),
    )


def _read_tools(declared: Declared, front: Frontmatter) -> None:
    line = front.lines.get("tools", 0)
    written = front.data.get("tools")
    if "tools" in front.data and not isinstance(written, str | list):
        declared.findings.append(_tools_form(written, line))
    names = _tool_names(written)
    declared.tools = names if names is None else tuple(dict.fromkeys(names))
    if declared.tools is None:
        declared.findings.append(_inherits(line))
    declared.disallowed_tools = tuple(
        dict.fromkeys(
            tool
            for key in ("disallowedTools", "disallowed-tools", "disallowed_tools")
            for tool in _tool_names(front.data.get(key)) or ()
        )
    )


def declared_peers(
    front: Frontmatter, tools: tuple[str, ...] | None
) -> Iterator[tuple[str, str, int]]:
    """Agents that the frontmatter names, with what for and where: handoffs, agents, Agent(x)."""
    handoffs, agents = front.data.get("handoffs"), front.data.get("agents")
    for handoff in handoffs if isinstance(handoffs, list) else ():
        if isinstance(handoff, dict) and _is_peer(handoff.get("agent")):
            text = _as_text(handoff.get("label")) or "Hand over."
            yield handoff["agent"].strip(), text, front.lines.get("handoffs", 0)
    for name in agents if isinstance(agents, list) else ():
        if _is_peer(name):
            yield name.strip(), "May call it as a subagent.", front.lines.get("agents", 0)
    for tool in tools or ():
        called = _CALLS.match(tool)
        for name in called[1].split(",") if called else ():
            if _is_peer(name):
                yield name.strip(), "May call it as a subagent.", front.lines.get("tools", 0)


def _is_peer(name: Any) -> bool:
    """A name, and not the harness's own default agent or all of them."""
    return isinstance(name, str) and name.strip().lower() not in {"", "*", "agent", "all"}


def _tool_names(written: Any) -> list[str] | None:
    """The tools by name; ``None`` where the words mean every tool."""
    if written is None or written is True or written == "":
        return None
    if isinstance(written, dict):
        return [name for name, granted in written.items() if granted not in (False, None)]
    parts = written if isinstance(written, list) else _BETWEEN_TOOLS.split(str(written))
    names: list[str] = []
    for part in parts:
        names += list(part) if isinstance(part, dict) else [_as_text(part).strip(" '\"[]")]
    names = [name for name in names if name]
    return None if any(name.lower() in _EVERY_TOOL for name in names) else names


def _inherits(line: int) -> Finding:
    return Finding(
        "INHERITS_ALL_TOOLS",
        Severity.WARNING,
        line,
        "The file does not limit its tools, so the agent inherits every tool of its harness.",
        "Add a tools line that names only what the agent needs.",
    )


def _tools_form(written: Any, line: int) -> Finding:
    kind = "empty" if written is None else "a map" if isinstance(written, dict) else "not a list"
    return Finding(
        "TOOLS_FORM",
        Severity.WARNING,
        line,
        f"The tools are {kind}; harnesses read that differently.",
        "Write the tools as a list, or as names separated by commas.",
        excerpt=kind,
    )
