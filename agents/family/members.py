"""The agents of a family as its graph, its reach and its report see them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agents.contract import is_demanded
from agents.diffing.powers import commands_among
from agents.family.names import plain_name
from agents.family.routes import Route, routes_in

_INVOKING = frozenset({"task", "agent", "runsubagent"})
_ASKING = frozenset(
    {"askuserquestion", "ask_user", "ask_user_question", "askquestions", "vscode_askquestions"}
)
_PORTAL_CALLS = ("escalate", "wait_for_decision")


@dataclass(frozen=True)
class Member:
    """One agent with one version of it: its contract, its text, and whether it may run."""

    slug: str
    name: str
    contract: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    released: bool = False
    suspended: bool = False

    def parts(self, name: str) -> Sequence[Mapping[str, Any]]:
        """One sort of part of the contract; empty where an older contract lacks it."""
        found: Sequence[Mapping[str, Any]] = self.contract.get(name) or ()
        return found

    @property
    def tools(self) -> Sequence[str] | None:
        """``None``: the agent inherits every tool."""
        named: Sequence[str] | None = self.contract.get("tools")
        return named

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """Whom the text tells the agent to ask; read once, as that takes the whole text."""
        return routes_in(self.text, self.parts, own=self.slug)

    @property
    def may_invoke(self) -> bool:
        """Whether its tools let it call another agent."""
        return self._holds(_INVOKING)

    @property
    def may_ask(self) -> bool:
        """Whether its tools let it ask people."""
        return self._holds(_ASKING)

    @property
    def may_call_portal(self) -> bool:
        """Whether it can run a command, or call the portal's own tools."""
        if self.tools is None:
            return True
        calls = any(_base(tool).rpartition("__")[2] in _PORTAL_CALLS for tool in self.tools)
        return calls or bool(commands_among(self.tools))

    def _holds(self, wanted: frozenset[str]) -> bool:
        if self.tools is None:
            denied = {_base(tool) for tool in self.contract.get("disallowed_tools") or ()}
            return bool(wanted - denied) and not (denied & wanted)
        return any(_base(tool) in wanted for tool in self.tools)

    def demands(self, key: str) -> bool:
        """Whether the frontmatter says that something is mandatory."""
        return is_demanded(str(self.contract.get(key, "")))

    def line_of(self, key: str) -> int:
        """The line of a key of the frontmatter; 0 where the text does not show it."""
        lines = self.text.split("\n", 200)
        wanted = key.replace("_", "")
        for number, line in enumerate(lines, 1):
            said = line.partition(":")[0].strip().lower().replace("_", "").replace("-", "")
            if ":" in line and said == wanted:
                return number
        return 0


def _base(tool: str) -> str:
    """``Agent(stuck)`` is ``agent``; ``agent/runSubagent`` is ``runsubagent``."""
    return tool.split("(")[0].strip().rpartition("/")[2].casefold()


class Names:
    """Who is meant by a name, among some agents: by slug first, then by name."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._by_name: dict[str, Member] = {}
        known = list(members)
        for name_of in (lambda one: one.slug, lambda one: one.name):
            for member in known:
                self._by_name.setdefault(plain_name(name_of(member)), member)
        self._by_name.pop("", None)

    def find(self, said: str) -> Member | None:
        return self._by_name.get(plain_name(said))
