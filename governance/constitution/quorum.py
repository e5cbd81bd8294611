"""How many people the law itself asks for before it is amended.

Only the Governance section of the law in force is read for this; what a candidate says about
its own ratification counts once it is law.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from governance.constitution.parsing import ParsedConstitution, parse_constitution
from governance.constitution.statements import line_of, paragraphs_of

_NUMBERS = {
    word: number
    for number, words in enumerate(
        (
            "one single",
            "two both",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
        ),
        start=1,
    )
    for word in words.split()
}
_COUNT = rf"(\d{{1,3}}|{'|'.join(_NUMBERS)})"
_PEOPLE = (
    r"(?:approv\w*|votes?|maintainers?|reviewers?|owners?|people|persons?|members?|signatures?"
    r"|signatories|sign-?offs?|leads?|stewards?|ratifiers?|engineers?|architects?|committers?"
    r"|codeowners|administrators?|colleagues?|humans?|stakeholders?)"
)
_COUNTED = re.compile(rf"(?<![\w.-]){_COUNT}\s+(?:[\w-]+\s+){{0,3}}?{_PEOPLE}\b", re.IGNORECASE)
_APPROVES = re.compile(
    r"approv|ratif|\bvot(?:e|es|ing)\b|consent|sign(?:ed)?[- ]?off|\bagree|endors|accept"
    r"|signatures?|unanim|consensus",
    re.IGNORECASE,
)
_AMENDS = re.compile(
    r"amend|\bratif|this (?:constitution|document)|changes? to (?:the|these|this|any|a) "
    r"(?:constitution|document|principles?|core)|the constitution",
    re.IGNORECASE,
)
_UNCOUNTABLE = re.compile(
    r"unanim|two[- ]thirds|three[- ]quarters|three[- ]fourths|\b\d/\d\b|⅔|¾|\bmajority\b|\bquorum\b"
    r"|consensus|\ball (?:of )?(?:the )?(?:active |core |project )?(?:maintainers|members|owners"
    r"|approvers|reviewers|stakeholders|signatories|leads)|\b(?:every|each) (?:active |core )?"
    r"(?:maintainer|member|owner|approver|stakeholder|signatory)\b|\d\s?%|\bper ?cent\b|\bhalf\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|never|no longer) (?:need|require|be approved)|n't (?:need|require)", re.IGNORECASE
)
_LEVELS = re.compile(r"\b(MAJOR|MINOR|PATCH)\b")


@dataclass(frozen=True, slots=True)
class Quorum:
    """``votes`` is the number the law names, 0 where it names none. Where not ``countable`` the
    law asks for something else (``unanimous``) that no number says: the policy applies.
    """

    votes: int = 0
    countable: bool = True
    sentence: str = ""
    line: int = 0

    @property
    def rule(self) -> str:
        """The rule in a few words; equal where two laws ask for the same."""
        if not self.countable:
            return f"“{self.sentence}”"
        if not self.votes:
            return "what the policy asks for"
        return "1 approval" if self.votes == 1 else f"{self.votes} approvals"


def quorum_of(governance: str, *levels: str) -> Quorum:
    """The strictest rule of a Governance section, for amendments of any of these levels.

    A sentence that names MAJOR, MINOR or PATCH speaks of those alone; without levels all count.
    """
    wanted = {level.upper() for level in levels}
    rules = [
        rule
        for rule in _rules(governance)
        if not (named := set(_LEVELS.findall(rule.sentence))) or not wanted or named & wanted
    ]
    votes = max((rule.votes for rule in rules), default=0)
    uncountable = next((rule for rule in rules if not rule.countable), None)
    if uncountable is not None:
        return Quorum(votes, countable=False, sentence=uncountable.sentence)
    return next((rule for rule in rules if rule.votes == votes), Quorum())


def quorum_in(raw: bytes, *levels: str) -> Quorum:
    """The same read from a whole constitution, with the line where the sentence stands."""
    parsed = parse_constitution(raw)
    found = quorum_of(parsed.governance_text, *levels)
    if not found.sentence:
        return found
    line = line_of(found.sentence, parsed.text.split("\n"), _governance_line(parsed))
    return Quorum(found.votes, found.countable, found.sentence, line)


def _governance_line(parsed: ParsedConstitution) -> int:
    start = parsed.governance_text.split("\n", 1)[0]
    lines = parsed.text.split("\n")
    return next((at for at, line in enumerate(lines) if start and start in line), 0)


def _rules(governance: str) -> Iterator[Quorum]:
    for sentences in paragraphs_of(governance):
        if not _AMENDS.search(" ".join(sentences)):
            continue
        for sentence in sentences:
            if _APPROVES.search(sentence) and not _DENIED.search(sentence):
                votes = max(map(_number, _COUNTED.findall(sentence)), default=0)
                countable = not _UNCOUNTABLE.search(sentence)
                if votes or not countable:
                    yield Quorum(votes, countable, sentence)


def _number(word: str) -> int:
    return _NUMBERS.get(word.lower()) or int(word)
