"""Whom the text of an agent tells it to ask: the portal, a tool, another agent, people."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agents.family.names import plain_name

Parts = Callable[[str], Sequence[Mapping[str, Any]]]
STUCK = "stuck"


class Way(StrEnum):
    PORTAL = "portal"
    TOOL = "tool"
    AGENT = "agent"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Route:
    """Whom a line of the text tells the agent to ask; ``name`` where that is an agent."""

    way: Way
    line: int
    name: str = ""


_STUCK_AGENT = re.compile(r"\bstuck[ -](?:sub)?agent\b|@stuck\b", re.IGNORECASE)
_PORTAL = re.compile(
    r"\bstuck (?:ask|wait|say)\b|\bgovernance portal\b|/api/v1/escalations"
    r"|\bmcp__\w+__(?:escalate|wait_for_decision)\b",
    re.IGNORECASE,
)
_TOOL = re.compile(r"\bAskUserQuestion\b|\bask_user(?:_question)?\b|\bvscode_askQuestions\b")
_WHO = (
    r"(?:humans?|persons?|people|users?|operators?|maintainers?|stakeholders?|team leads?"
    r"|service owners?|product owners?|engineer on call|on-?call engineers?)"
)
_TO = r"(?:an?|the|your|any|their|appropriate|responsible)\s+"
_PEOPLE = re.compile(
    rf"\bask(?:s|ing)?\s+(?:{_TO})?{_WHO}\b"
    r"|\bask(?:s|ing)?\s+(?:for\s+)?(?:\w+\s+)?clarif"
    rf"|\b(?:escalat\w+|hand\w*\s+(?:\w+\s+){{0,3}}(?:over|back)|surface)\s+"
    rf"(?:[\w ,'’-]{{0,50}}?\s)?to\s+(?:{_TO})?{_WHO}\b"
    rf"|\b(?:wait\w*|paus\w+)\s+for\s+(?:explicit\s+)?(?:{_TO})?{_WHO}\b"
    rf"|\b(?:confirm\w*|check)\s+(?:\w+\s+){{0,3}}with\s+(?:{_TO})?{_WHO}\b"
    rf"|\b(?:approv\w+|permission|confirmation|consent|clarification)\s+(?:from|by)\s+"
    rf"(?:{_TO})?{_WHO}\b"
    r"|\b(?:request|require|obtain|get|seek)\w*\s+(?:explicit\s+)?(?:human|user)\s+"
    r"(?:approval|permission|confirmation|consent|decision)\b"
    r"|\b(?:flag\w*|submit\w*|needs?|requires?)\s+(?:[\w ]{0,30}?\s)?(?:for\s+)?human\s+review\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:never|not|don['’]?t|without|avoid|before)\b[\w\s]{0,25}$", re.IGNORECASE
)
# What a product does for its users is no question to people.
_FOR_USERS = re.compile(r"^surface .*users$", re.IGNORECASE)
_NAMED_AGENT = re.compile(
    r"\b(?:invok\w+|call|hand\w* (?:\w+ ){0,3}(?:over )?to|escalat\w+ (?:\w+ ){0,3}to)\s+"
    r"(?:the\s+)?[`@*]*([a-z0-9]+(?:-[a-z0-9]+)*)[`*]*\s+(?:sub)?agent\b",
    re.IGNORECASE,
)


def routes_in(text: str, parts: Parts, *, own: str) -> tuple[Route, ...]:
    """Whom a text names, each once, with the first line that does; ``own`` is its agent."""
    found: dict[tuple[Way, str], Route] = {}
    for route in _routes(text, parts, plain_name(own)):
        found.setdefault((route.way, route.name), route)
    return tuple(found.values())


def _routes(text: str, parts: Parts, own: str) -> Iterator[Route]:
    for number, line in enumerate(text.split("\n"), 1):
        if _PORTAL.search(line):
            yield Route(Way.PORTAL, number)
        if _TOOL.search(line) and not line.lower().startswith(("tools:", "allowed-tools:")):
            yield Route(Way.TOOL, number)
        if _STUCK_AGENT.search(line) and own != STUCK:
            yield Route(Way.AGENT, number, STUCK)
        if _asks_people(line):
            yield Route(Way.PEOPLE, number)
    for name in ("escalation_steps", "escalation_tools", "triggers"):
        for part in parts(name):
            for said in _NAMED_AGENT.finditer(str(part["text"])):
                peer = plain_name(said[1])
                if peer not in {own, STUCK}:
                    yield Route(Way.AGENT, int(part["line"]), peer)


def _asks_people(line: str) -> bool:
    return any(
        not _DENIED.search(line[: said.start()]) and not _FOR_USERS.match(said.group())
        for said in _PEOPLE.finditer(line)
    )
