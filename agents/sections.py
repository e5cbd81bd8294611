"""Which section of a definition is which, by the many names people give them."""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from governance.base.outline import Item, Outline


class Kind(StrEnum):
    RESPONSIBILITIES = "responsibilities"
    EXPERTISE = "expertise"
    PRINCIPLES = "principles"
    STANDARDS = "standards"
    ESCALATION = "escalation"
    GENERAL_TRIGGERS = "general_triggers"
    DOMAIN_TRIGGERS = "domain_triggers"
    HOW = "how"
    RULES = "rules"
    EXAMPLES = "examples"
    ESCALATION_TOOLS = "escalation_tools"
    WORKFLOW = "workflow"
    COORDINATION = "coordination"
    QUALITY = "quality"
    OTHER = "other"


# In order: the first that fits wins, so what is particular stands before what is general.
_NAMES: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (
        Kind.EXAMPLES,
        (
            r"((worked|sample|example) )?escalation examples?",
            r"(worked|sample|example) escalations?",
        ),
    ),
    (Kind.ESCALATION_TOOLS, (r"(tools|channels) (available )?for escalation", r"escalation tools")),
    (Kind.DOMAIN_TRIGGERS, (r"[\w/-]+[ -]specific (escalation )?triggers", r"domain triggers")),
    (
        Kind.HOW,
        (
            r"how to (escalate|ask)",
            r"escalation (procedure|process|steps|format|template|report)",
        ),
    ),
    (
        Kind.GENERAL_TRIGGERS,
        (
            r"when (to|you must) (escalate|ask)( .*)?",
            r"(general |automatic )?(escalation )?triggers",
            r"escalation (criteria|conditions|matrix|points?|triggers?)",
            r"escalate (immediately |to (a |the )?(humans?|users?|people|person) )?(when|if)",
            r"(actions|operations|changes) (requiring|that (need|require)) (human )?approval",
        ),
    ),
    (
        Kind.RULES,
        (r"no[ -]fallbacks?( rules?)?", r"(hard|critical|strict|absolute|golden) rules"),
    ),
    (
        Kind.ESCALATION,
        (
            r"(mandatory )?escalation( protocols?| policy| rules?)?( mandatory)?",
            r"escalation (guidelines?|framework)",
            r"escalation (paths?|chain|ladder|levels?)",
        ),
    ),
    (
        Kind.PRINCIPLES,
        (r"constitutional (integration|principles|compliance|alignment)", r"constitution"),
    ),
    (
        Kind.COORDINATION,
        (
            r"(integration |team |agent |peer )?coordination",
            r"(integration|working|collaboration) with (the )?other (agents|specialists)",
            r"collaboration|handoffs?|delegation|delegates to|works? with",
        ),
    ),
    (
        Kind.QUALITY,
        (
            r"quality (standards|bars?|gates|criteria|requirements)",
            r"(acceptance|success) criteria|definition of done",
            r"([\w/-]+ ){0,4}checklists?",
        ),
    ),
    (
        Kind.WORKFLOW,
        (
            r"((implementation|development|working|core|review|design) )?workflow( steps)?",
            r"((implementation|development|working|review) )?process",
            r"(response )?approach|when invoked",
        ),
    ),
    (
        Kind.RESPONSIBILITIES,
        (r"((core|key|primary|main|your) )?(responsibilities|duties)", r"what you do"),
    ),
    (
        Kind.STANDARDS,
        (
            r"((implementation|coding|development|code|engineering) )?(standards|guidelines)",
            r"best practices|(coding )?conventions",
        ),
    ),
    (
        Kind.EXPERTISE,
        (
            r"((technical|core|domain|key) )?(expertise|capabilities|competenc(y|ies)|skills)",
            r"focus areas|knowledge( base)?",
        ),
    ),
)
# What calls an agent up is a trigger too; alone the word says nothing about escalation.
_BARE_TRIGGERS = re.compile(r"\W*triggers\W*", re.IGNORECASE)
LONGEST = 90
_KINDS = tuple((kind, re.compile("|".join(patterns))) for kind, patterns in _NAMES)
_NOISE = re.compile(r"\([^()]*\)|[^\w\s/-]+|(?<!\w)-+|-+(?!\w)")
_NUMBER = re.compile(r"^(?:(?:step|phase|section) )?(?:(?:\d+|[ivx]+)(?:[.) ]\s*|$))+")
# What belongs to escalation also counts below a heading such as "Escalation Protocol".
ESCALATING = frozenset({Kind.ESCALATION, Kind.GENERAL_TRIGGERS, Kind.DOMAIN_TRIGGERS, Kind.HOW})
_NO_HEIRS = frozenset({Kind.OTHER, Kind.ESCALATION, Kind.EXAMPLES})


@lru_cache(maxsize=4096)
def kind_of(name: str) -> Kind:
    """The kind of a heading, or of the line that introduces a list."""
    if len(name) > LONGEST:
        return Kind.OTHER
    plain = _NUMBER.sub("", _NOISE.sub(" ", name.lower()).strip())
    plain = " ".join(plain.split())
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(plain)), Kind.OTHER)


class Sections:
    """The kinds of all headings of an outline, and their items."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.own = [
            Kind.OTHER if heading.level == 1 and i == 0 else kind_of(heading.text)
            for i, heading in enumerate(outline.headings)
        ]
        self._parents = outline.parents()
        for i, heading in enumerate(outline.headings):
            if _BARE_TRIGGERS.fullmatch(heading.text) and not self._within_escalation(i):
                self.own[i] = Kind.OTHER
        self._kinds = [self._inherited(i) for i in range(len(self.own))]

    def _within_escalation(self, index: int) -> bool:
        return any(self.own[at] in ESCALATING for at in self._upwards(self._parents[index]))

    def _inherited(self, index: int) -> Kind:
        for at in self._upwards(index):
            kind = self.own[at]
            if kind is not Kind.OTHER:
                return Kind.OTHER if at != index and kind in _NO_HEIRS else kind
        return Kind.OTHER

    def _upwards(self, index: int) -> Iterator[int]:
        """A heading and those above it."""
        while index >= 0:
            yield index
            index = self._parents[index]

    def kind(self, section: int) -> Kind:
        return self._kinds[section] if section >= 0 else Kind.OTHER

    def kind_of_item(self, item: Item) -> Kind:
        """A list is what the line above it says, else what its section is."""
        by_intro = kind_of(item.intro) if item.intro else Kind.OTHER
        return self.kind(item.section) if by_intro is Kind.OTHER else by_intro

    def items(self, *kinds: Kind) -> list[Item]:
        """The outermost list items of sections of these kinds."""
        return [
            item
            for item in self.outline.items
            if item.depth == 0 and self.kind_of_item(item) in kinds
        ]

    @property
    def escalates(self) -> bool:
        intros = {item.intro for item in self.outline.items} - {""}
        introduced = [kind_of(one) for one in intros if not _BARE_TRIGGERS.fullmatch(one)]
        return any(kind in ESCALATING for kind in (*self.own, *introduced))
