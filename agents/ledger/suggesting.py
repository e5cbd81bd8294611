"""What a rule amounts to, guessed from its words alone: always the same for the same text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents.ledger.presets import TITLES
from agents.models import RuleClass

_FORBIDS = re.compile(r"\b(?:never|must\s+not|do\s+not|don['’]?t|shall\s+not|must\s+never)\b", re.I)
_LEADING = re.compile(
    r"^[\W_]*(?:must\s+never|must\s+not|must\s+always|must|never|always|do\s+not|don['’]?t|shall\s+not)"
    r"\b[\s:*_–—❌✅]*",
    re.IGNORECASE,
)
_APPROVAL = re.compile(
    r"\b(?:without|unless|until|before|only\s+after|needs?|requires?|require|get|ask\s+for|with)\b"
    r"[^.;]{0,40}?\b(?:approv\w*|permission|confirm\w*|consent|sign[- ]?off|authori[sz]\w*"
    r"|asking|ask\w*\s+(?:first|the\s+user|the\s+human))\b"
    r"|\b(?:confirm|ask|get\s+approval|escalate)\s+(?:\w+\s+){0,3}?before\b"
    r"|\bmust\s+be\s+(?:explicitly\s+)?approved\b|\bwithout\s+(?:being\s+)?(?:asked|told)\b"
    r"|\bunless\s+(?:explicitly\s+)?(?:asked|requested|instructed|told|the\s+user)\b",
    re.IGNORECASE,
)
_VAGUE = re.compile(
    r"\b(?:best\s+practices?|appropriate(?:ly)?|helpful|careful(?:ly)?|clear(?:ly)?|clean|simple"
    r"|specific|professional|concise|creative|thoughtful|reasonable|good|quality|consider|transparent"
    r"|generic|assume|guess|hallucinat\w*|invent|fabricat\w*|overly|focus|remember|think|be\s+\w+)\b",
    re.IGNORECASE,
)
_CHECKABLE = re.compile(
    r"\b(?:tests?|testing|tdd|review(?:ed|s)?|document(?:ed|ation|s)?|docstrings?|validat\w+|typed?"
    r"|types|lint\w*|format\w*|coverage|comments?|naming|named?|names|kebab-case|schema|structure"
    r"|sections?|templates?|headers?|logs?|logged|logging|errors?|exceptions?|timeouts?|retr(?:y|ies)"
    r"|sanitiz\w+|escap\w+|encrypt\w*|hash\w*|index(?:es)?|quer(?:y|ies)|cit(?:e|ed)|sources?"
    r"|version\w*|include[sd]?|use[sd]?|import\w*|function\w*|class(?:es)?|files?|code|api|endpoints?"
    r"|strict|shebang|plan\w*|backup|measure\w*|verif\w+|checks?|run)\b|`[^`]+`",
    re.IGNORECASE,
)
_ESCALATES = re.compile(r"\bescalat\w*|\bask(?:s|ed|ing)?\b|\bstuck\b", re.IGNORECASE)
# verb, then thing: both in the same sentence make the preset likely.
_DOING = r"(?:\w+\W+){0,6}?"
_SIGNS: tuple[tuple[str, str], ...] = (
    (
        "dependencies",
        (
            r"\b(?:add|install|introduc\w*|upgrad\w*|updat\w*|bump|chang\w*|pull\s+in"
            r"|uninstall\w*)\w*\W+(?:\w+\W+){0,3}?(?:dependenc(?:y|ies)|packages?|librar(?:y|ies))\b"
            r"|\bnew\s+(?:external\s+)?(?:dependenc\w+|packages?|librar\w+)\b"
            r"|\b(?:pip|npm|yarn|cargo)\s+install\b|\binstalling(?:/uninstalling)?$"
        ),
    ),
    (
        "secrets",
        (
            r"\b(?:commit|expos\w*|print|read|copy|shar\w*|leak\w*|send|reveal|output|paste"
            rf"|transmit|upload)\w*\W+{_DOING}"
            r"(?:secrets?|credentials?|passwords?|(?:api\s+|private\s+|secret\s+)keys?|tokens?|\.env)\b"
            rf"|\b(?:secrets?|credentials?|api\s+keys?|passwords?)\W+{_DOING}"
            r"(?:committed|exposed|printed|shared|leaked|read)\b"
        ),
    ),
    (
        "migrations",
        (
            rf"\b(?:run|appl\w*|creat\w*|chang\w*|alter\w*|modif\w*|execut\w*|writ\w*|edit\w*|drop\w*)"
            rf"\W+{_DOING}(?:migrations?|database\s+schemas?|db\s+schemas?|schema\s+changes?"
            r"|(?:columns?|tables?))\b|\bschema\s+(?:change|migration)s?\b|\bmigrat\w+\s+(?:the\s+)?database"
        ),
    ),
    (
        "deployment",
        (
            r"\bdeploy(?:s|ing|ments?)?\b(?!\s+(?:files|strategy|guide|requests|steps))|\b(?:publish|releas)\w*\W+(?:\w+\W+){0,3}?"
            r"(?:packages?|to|production|versions?|images?)\b|\broll\s*out\b|\bterraform\s+apply\b"
            r"|\bkubectl\s+apply\b"
        ),
    ),
    ("skipped-checks", r"--no-verify|\b(?:skip|bypass|disabl\w*)\W+(?:\w+\W+){0,4}?hooks?\b"),
    (
        "tests-removed",
        rf"\b(?:delet|remov|skip|disabl)\w*\W+{_DOING}tests?\b(?!\s+(?:data|users?|credentials?))",
    ),
    (
        "pushes",
        (
            rf"\bpush(?:es|ing|ed)?\b\W+{_DOING}(?:to|main|master|changes|branch\w*|remote|origin|git"
            r"|commits?|force)\b|\bforce[- ]push\w*|\bgit\s+push\b"
            r"|\bopen(?:ing)?\s+(?:a\s+)?pull\s+request"
        ),
    ),
    (
        "commits",
        (
            r"^\W*(?:must\s+)?(?:never|not|do\s+not|don['’]?t)\s+(?:\w+\s+){0,2}?"
            r"(?:commit|merge|rebase)\b(?!\s+to\b)"
            r"|\b(?:before|without)\s+(?:committing|merging|rebasing)\b"
        ),
    ),
    (
        "destructive",
        (
            rf"\b(?:delet|destroy|drop|truncat|wip|purg|eras|overwrit|remov)\w*\W+{_DOING}"
            r"(?:files?|data|database|tables?|columns?|backups?|records?|branch\w*|production|resources?"
            r"|director(?:y|ies)|volumes?|history|tags?|user\s+data)\b|\brm\s+-rf\b|\bdestructive\b"
            r"|\birreversible\b|\bhard\s+reset\b|\breset\s+--hard\b"
        ),
    ),
    (
        "production",
        (r"\b(?:in|on|to|against|touch\w*|production)\s+(?:the\s+)?production\b(?!\s+code)"),
    ),
    (
        "privileges",
        (
            r"\bsudo\b|\broot\s+privileges?\b|\b(?:chang|grant|widen"
            r"|elevat)\w*\W+(?:\w+\W+){0,4}?(?:permissions?|privileges?|roles"
            r"|access\s+rights)\b"
        ),
    ),
    (
        "payments",
        (
            r"\b(?:refund|pay(?:ment|out)s?|charge|transfer)\w*\W+(?:\w+\W+){0,4}?(?:money"
            r"|customers?|funds?|cards?|issu\w*)\b|\bissu\w*\W+(?:\w+\W+){0,3}?refunds?\b"
        ),
    ),
    (
        "messages",
        (
            r"\b(?:send|post)\w*\W+(?:\w+\W+){0,4}?(?:e-?mails?|comments?\s+on"
            r"|to\s+customers?|tweets?|newsletters?)\b"
        ),
    ),
    (
        "network",
        (
            r"\b(?:open|reach|contact|call|load|send|test)\w*\W+(?:\w+\W+){0,5}?(?:internet"
            r"|external\s+(?:hosts?|apis?|services?|systems?)|other\s+hosts?"
            r"|outside\s+hosts?)\b|\bnetwork\s+(?:calls?|requests?)\b"
        ),
    ),
    (
        "file-edits",
        (
            r"\b(?:modif(?:y|ies|ying)|edit(?:s|ing)?|writ(?:e|es|ing)|creat(?:e|es|ing)|chang(?:e|es|ing)"
            r"|touch(?:es)?)\W+(?:or\W+\w+\W+)?(?:any\W+|source\W+|the\W+|existing\W+|application\W+|production\W+)*"
            r"(?:files?|source|code|codebase)\b(?!\s+(?:with|that|in\s+the\s+style))"
        ),
    ),
)
_COMPILED = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _SIGNS)
# What a rule about them means cannot be told from a command alone: a person says yes each time.
_CONDITION = re.compile(
    r"\b(?:unrelated|outside|other\s+than|unless|except|until|beyond|if)\b", re.IGNORECASE
)
_TOUCHING = re.compile(
    r"\b(?:modif\w+|edit\w*|touch\w*|chang\w+|delet\w+|overwrit\w+|writ\w+)\b", re.IGNORECASE
)
_QUOTED_PATH = re.compile(r"`(\.?[\w*-]+(?:/[\w.*-]*)+|\.[\w-]+|[\w-]+\.(?:\w{1,5}|\*))`")
_SOFT = frozenset({"commits", "file-edits", "network", "messages", "production", "pushes"})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``words`` are those of the rule that led to it; ``reason`` is the sentence for people."""

    rule_class: str
    presets: tuple[str, ...]
    words: tuple[str, ...]
    reason: str
    paths: tuple[str, ...] = ()

    @property
    def matchers(self) -> list[dict[str, Any]]:
        named = [{"paths": list(self.paths), "access": ["write"]}] if self.paths else []
        return [*({"preset": name} for name in self.presets), *named]


def suggest(text: str) -> Suggestion:
    """Class and matchers for one rule; people confirm them."""
    forbids = bool(_FORBIDS.search(text))
    approval = _APPROVAL.search(text)
    body = _LEADING.sub("", text)
    if forbids and (paths := _paths_in(body)):
        return _about_paths(paths, text, approval)
    presets = dict(_presets_in(text))
    if presets and (forbids or approval) and not _about_asking(text, forbids, approval):
        return _biting(presets, approval, text)
    if _ESCALATES.search(body) and not forbids:
        return _plain(
            RuleClass.ADVISORY.value, _ESCALATES, body, "It says when to ask, not what to do."
        )
    if (found := _CHECKABLE.search(body)) and not _only_vague(body, found):
        return _plain(
            RuleClass.REVIEWED.value, _CHECKABLE, body, "A reviewer can check the result."
        )
    return _plain(
        RuleClass.ADVISORY.value, _VAGUE, body, "No act and no result that could be checked."
    )


def _presets_in(body: str) -> Iterator[tuple[str, str]]:
    for name, pattern in _COMPILED:
        if found := pattern.search(body):
            yield name, " ".join(found.group().split())


def _about_asking(text: str, forbids: bool, approval: re.Match[str] | None) -> bool:
    """``ALWAYS escalate schema changes`` asks for a question, which no matcher sees."""
    return bool(_ESCALATES.search(text)) and not forbids and approval is None


def _paths_in(body: str) -> tuple[str, ...]:
    """Paths in code marks that the rule says not to touch, in its first words."""
    touching = _TOUCHING.match(body)
    return tuple(dict.fromkeys(_QUOTED_PATH.findall(body))) if touching else ()


def _about_paths(paths: tuple[str, ...], text: str, approval: re.Match[str] | None) -> Suggestion:
    conditional = approval or _CONDITION.search(text)
    rule_class = RuleClass.GATED if conditional else RuleClass.ENFORCED
    reason = f"It forbids changing {' and '.join(paths)}."
    return Suggestion(rule_class.value, (), paths, reason, paths)


def _biting(presets: dict[str, str], approval: re.Match[str] | None, text: str) -> Suggestion:
    names = tuple(presets)
    words = tuple(presets.values())
    things = " and ".join(TITLES[name] for name in names)
    if approval:
        said = " ".join(approval.group().split())
        reason = f"It forbids {things} without a yes."
        return Suggestion(RuleClass.GATED.value, names, (*words, said), reason)
    hard = tuple(name for name in names if name not in _SOFT)
    if hard and _CONDITION.search(text):
        reason = f"It forbids {things}, on a condition that a person must judge."
        return Suggestion(RuleClass.GATED.value, names, words, reason)
    if hard:
        kept = tuple(presets[name] for name in hard)
        things = " and ".join(TITLES[name] for name in hard)
        return Suggestion(RuleClass.ENFORCED.value, hard, kept, f"It forbids {things}.")
    reason = f"It is about {things}; whether an act is meant, a person must say."
    return Suggestion(RuleClass.GATED.value, names, words, reason)


def _only_vague(body: str, found: re.Match[str]) -> bool:
    vague = _VAGUE.search(body)
    return vague is not None and vague.start() < found.start()


def _plain(rule_class: str, pattern: re.Pattern[str], body: str, reason: str) -> Suggestion:
    found = pattern.search(body)
    words = (" ".join(found.group().split()),) if found else ()
    return Suggestion(rule_class, (), words, reason)
