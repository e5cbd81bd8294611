"""From list items to the parts of a contract: triggers, steps, edges, standards."""

import re
from collections.abc import Iterable, Iterator

from agents.contract import (
    Coordination,
    EscalationStep,
    PeerKind,
    PrincipleClaim,
    QualityStandard,
    Statement,
    Trigger,
    TriggerKind,
    WorkflowStep,
)
from agents.rules import plain, prohibits
from agents.sections import Kind, Sections
from governance.base.keys import Keys, slug
from governance.base.outline import Item, Outline, Paragraph
from governance.constitution.names import principle_key

_BOLD = re.compile(r"^\W{0,4}(?:\*\*|__)(.+?)(?:\*\*|__)[ \t]*[:—–-]*[ \t]*(.*)$")
_COLON = re.compile(r"^([^:.!?]{2,60}):[ \t]+(\S.*)$")

_NUMBER = r"(?P<value>\d[\d,]{0,14}(?:\.\d{1,9})?)"
_BEFORE = {
    "<=": r"at most|up to|no more than|not exceed(?:ing)?|max(?:imum)?(?: of)?|within|≤|<="
    r"|(?:at least )?every",
    ">=": r"at least|no less than|min(?:imum)?(?: of)?|≥|>=",
    "<": r"under|below|less than|fewer than|faster than|<",
    ">": r"over|above|more than|greater than|exceed(?:s|ing)?|>",
}
_AFTER = {"<=": r"or (?:less|fewer|below|faster)", ">=": r"or (?:more|higher|above|better)|\+"}
_UNITS = (
    r"ms|milliseconds?|µs|us|seconds?|secs?|sec|s|minutes?|mins?|min|hours?|hrs?|h|days?|weeks?"
    r"|months?|years?|%|percent|[kKMGT]i?B|bytes|rps|qps|rpm|req/s|requests/s|lines|points|px|fps"
)
_COMPARED = tuple(
    (
        sign,
        re.compile(rf"(?<![\w])(?:{words})\s*{_NUMBER}\s?(?P<unit>{_UNITS}\b|%|[A-Za-z]+)?", re.I),
    )
    for sign, words in _BEFORE.items()
)
_COMPARED_AFTER = tuple(
    (sign, re.compile(rf"(?<![\w.]){_NUMBER}\s?(?P<unit>%|(?:{_UNITS})\b)?\s*(?:{words})", re.I))
    for sign, words in _AFTER.items()
)
_DENYING = re.compile(r"^(?:no|never|none|nothing|nobody)\b", re.IGNORECASE)
_MEASURED = re.compile(rf"(?<![\w.]){_NUMBER}\s?(?P<unit>%|(?:{_UNITS})\b)")

_WITH = re.compile(r"^with\s+(.{2,80}?)\s*[:—–-]\s+(.*)$", re.IGNORECASE)
_AGENT_NAME = re.compile(r"^[a-z0-9]+(?:-[a-z0-9]+)+$")
_MENTIONED = re.compile(r"^(?:[A-Za-z]+\s+){0,3}?[`@]?([a-z][a-z0-9]*(?:-[a-z0-9]+)+)\b")
_PEOPLE = re.compile(
    r"\b((?:[\w-]{1,30} )?(?:teams?|people|humans?|users?|customers?|stakeholders?|owners?|leads?"
    r"|managers?|management|business|developers|engineers|designers|reviewers|maintainers|operators"
    r"|analysts|legal|staff|on-?call))\b",
    re.IGNORECASE,
)
_TEAM = re.compile(r"[\w-]+-teams?$", re.IGNORECASE)
_NAMES_APART = re.compile(r"\s*(?:,|/|&|\band\b)\s*")

_ESCALATES = re.compile(
    r"\bescalat|\bstuck agent\b|\bask\b.{0,40}\b(?:human|person|people)\b", re.I
)
_BINDING = re.compile(r"\b(always|must|when|whenever|if|never)\b", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!?])\s+")
_CLAUSE = re.compile(r"^((?:when|whenever|if)\b[^,]*),", re.IGNORECASE)


def lead(text: str) -> tuple[str, str]:
    """The bold start, or the words before a colon, and what follows; ("", text) without one."""
    match = _BOLD.match(text) or _COLON.match(plain(text))
    if match is None:
        return "", plain(text)
    return plain(match[1]).strip(" :"), plain(match[2])


def statements(items: Iterable[Item]) -> tuple[Statement, ...]:
    keys = Keys()
    found = []
    for item in items:
        title, text = lead(item.text)
        found.append(Statement(keys.take(title or text), title, text, item.line))
    return tuple(found)


def principle_claims(items: Iterable[Item]) -> tuple[PrincipleClaim, ...]:
    """The claims, with the key that a constitution gives to the principle of that name."""
    keys = Keys()
    found = []
    for item in items:
        title, text = lead(item.text)
        name, meaning = (title, text) if title else (text, "")
        found.append(PrincipleClaim(keys.take(principle_key(name)), name, meaning, item.line))
    return tuple(found)


def escalation_steps(items: Iterable[Item]) -> tuple[EscalationStep, ...]:
    keys = Keys()
    return tuple(
        EscalationStep(keys.take(plain(item.text)), item.number, plain(item.text), item.line)
        for item in items
        if item.number is not None
    )


def triggers(sections: Sections) -> tuple[Trigger, ...]:
    """General ones, domain ones, then the closing paragraph where it is one."""
    keys = Keys()
    kinds = {
        Kind.GENERAL_TRIGGERS: TriggerKind.GENERAL,
        Kind.ESCALATION: TriggerKind.GENERAL,
        Kind.DOMAIN_TRIGGERS: TriggerKind.DOMAIN,
    }
    found = []
    for item in sections.items(*kinds):
        if prohibits(item.text):
            continue
        title, text = lead(item.text)
        kind = kinds[sections.kind_of_item(item)]
        found.append(Trigger(keys.take(title or text), kind, title or text, text, item.line))
    last = closing_paragraph(sections.outline)
    if last and (sentence := _escalating_sentence(last.text)):
        clause = _CLAUSE.match(sentence)
        title = clause[1] if clause else sentence
        key = keys.take(f"closing {title}")
        found.append(Trigger(key, TriggerKind.CLOSING, title, sentence, last.line))
    return tuple(found)


def closing_paragraph(outline: Outline) -> Paragraph | None:
    """The paragraph that ends the text, after every heading and list."""
    if not outline.paragraphs:
        return None
    last = outline.paragraphs[-1]
    others = (outline.items, outline.headings, outline.blocks)
    ends = [part[-1].line for part in others if part]
    return last if all(last.line > end for end in ends) else None


def _escalating_sentence(text: str) -> str:
    """The last sentence of a text that tells the agent to escalate."""
    said = (
        plain(sentence).strip()
        for sentence in reversed(_SENTENCES.split(text))
        if _ESCALATES.search(sentence) and _BINDING.search(sentence)
    )
    return next(said, "")


def workflow_steps(sections: Sections) -> tuple[WorkflowStep, ...]:
    """Numbered items; else numbered headings below a workflow heading; else its items."""
    items = sections.items(Kind.WORKFLOW)
    numbered = [item for item in items if item.number is not None]
    if numbered:
        return _steps((item.number or 0, item.text, item.line) for item in numbered)
    headed = list(_headed_steps(sections))
    return _steps(headed or ((n, item.text, item.line) for n, item in enumerate(items, 1)))


def _headed_steps(sections: Sections) -> Iterator[tuple[int, str, int]]:
    outline = sections.outline
    for i, kind in enumerate(sections.own):
        if kind is Kind.WORKFLOW:
            for child in outline.children(i):
                heading = outline.headings[child]
                match = re.match(r"^(?:phase |step )?(\d{1,3})[.):]?\s+(.*)$", heading.text, re.I)
                if match:
                    yield int(match[1]), f"**{match[2]}**", heading.line


def _steps(found: Iterable[tuple[int, str, int]]) -> tuple[WorkflowStep, ...]:
    keys = Keys()
    steps = []
    for number, written, line in found:
        title, text = lead(written)
        steps.append(WorkflowStep(keys.take(title or text), number, title, text, line))
    return tuple(steps)


def coordination(
    items: Iterable[Item], declared: Iterable[tuple[str, str, int]] = ()
) -> tuple[Coordination, ...]:
    """Edges to peers, those that the frontmatter declares first; who names nobody has none."""
    keys = Keys()
    edges = [(peer, PeerKind.AGENT, text, line) for peer, text, line in declared]
    edges += [(*edge, item.line) for item in items for edge in _edges(item.text)]
    return tuple(Coordination(keys.take(f"with {edge[0]}"), *edge) for edge in edges)


def _edges(written: str) -> Iterator[tuple[str, PeerKind, str]]:
    text = plain(written)
    match = _WITH.match(text)
    named, rest = (match[1], match[2]) if match else lead(written)
    mentioned = _MENTIONED.match(text)
    if named:
        yield from ((peer, kind, rest) for peer, kind in _peers(named))
    elif mentioned:
        yield mentioned[1], PeerKind.AGENT, text
    elif people := _PEOPLE.search(text):
        yield people[1].lower(), PeerKind.PEOPLE, text


def _peers(named: str) -> Iterator[tuple[str, PeerKind]]:
    named = named.removeprefix("With ").removeprefix("the ").strip(" `@")
    parts = [part.strip(" `@") for part in _NAMES_APART.split(named)]
    if _TEAM.search(named):
        yield named, PeerKind.PEOPLE
    elif all(_AGENT_NAME.match(part) for part in parts):
        yield from ((part, PeerKind.AGENT) for part in parts)
    elif _PEOPLE.search(named):
        yield named, PeerKind.PEOPLE
    else:
        yield slug(re.sub(r"\s+agent$", "", named, flags=re.IGNORECASE)), PeerKind.AGENT


def quality_standards(items: Iterable[Item]) -> tuple[QualityStandard, ...]:
    keys = Keys()
    found = []
    for item in items:
        text = plain(item.text)
        comparator, value, unit = measure(text)
        key = keys.take(_without_number(text))
        found.append(QualityStandard(key, text, comparator, value, unit, item.line))
    return tuple(found)


def measure(text: str) -> tuple[str, int | float | None, str]:
    """Comparator, number and unit of a bar: ``under 200ms`` is ``("<", 200, "ms")``."""
    sign, match = _measured(text)
    if match is None:
        return "", None, ""
    if _DENYING.match(text):
        sign = {">": "<=", "<": ">="}.get(sign, sign)
    return sign, _number(match["value"]), (match["unit"] or "").strip()


def _measured(text: str) -> tuple[str, re.Match[str] | None]:
    for sign, pattern in (*_COMPARED, *_COMPARED_AFTER, ("=", _MEASURED)):
        match = pattern.search(text)
        if match:
            return sign, match
    return "", None


def _without_number(text: str) -> str:
    """What stays the same when the bar is raised."""
    match = _measured(text)[1]
    return f"{text[: match.start()]}{text[match.end() :]}" if match else text


def _number(written: str) -> int | float:
    digits = written.replace(",", "")
    return float(digits) if "." in digits else int(digits)
