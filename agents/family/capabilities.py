"""What “inherits every tool” means: the tools by what they let an agent do."""

from collections.abc import Iterable
from dataclasses import dataclass

from agents.declared import is_copilot_agent
from agents.family.members import Member


@dataclass(frozen=True, slots=True)
class Power:
    """What some tools let an agent do; ``tools`` as the harness names them."""

    name: str
    tools: tuple[str, ...]
    grave: bool = False


# The tools that come with the two dialects of definitions, from their own references.
_CLAUDE = (
    Power("Read and search files", ("Read", "Glob", "Grep", "LS")),
    Power("Change files", ("Write", "Edit", "MultiEdit", "NotebookEdit"), grave=True),
    Power("Run commands", ("Bash", "BashOutput", "KillShell"), grave=True),
    Power("Reach the network", ("WebFetch", "WebSearch"), grave=True),
    Power("Start other agents", ("Agent", "Task", "Skill", "SlashCommand"), grave=True),
    Power("Ask people", ("AskUserQuestion",)),
    Power("Keep its own list", ("TodoWrite",)),
)
_COPILOT = (
    Power("Read and search files", ("read", "search", "codebase", "usages", "problems")),
    Power("Change files", ("edit", "editFiles", "new"), grave=True),
    Power("Run commands", ("execute", "runCommands", "runTasks", "runTests"), grave=True),
    Power("Reach the network", ("web", "fetch", "githubRepo", "openSimpleBrowser"), grave=True),
    Power("Start other agents", ("agent", "runSubagent"), grave=True),
    Power("Ask people", ("vscode/askQuestions",)),
    Power("Keep its own list", ("todo",)),
)
_SERVERS = Power("Whatever connected servers offer", ("every MCP tool",), grave=True)


def inherited(filename: str, disallowed: Iterable[str] = ()) -> tuple[Power, ...]:
    """What an agent may do that names no tools, without those that its file forbids."""
    denied = {tool.casefold() for tool in disallowed}
    dialect = _COPILOT if is_copilot_agent(filename) else _CLAUDE
    left = (
        Power(power.name, tuple(t for t in power.tools if t.casefold() not in denied), power.grave)
        for power in dialect
    )
    return (*(power for power in left if power.tools), _SERVERS)


def inherited_by(member: Member, filename: str) -> tuple[Power, ...]:
    """Empty where the file names its tools."""
    if member.tools is not None:
        return ()
    return inherited(filename, member.contract.get("disallowed_tools") or ())
