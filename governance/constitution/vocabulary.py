"""The words by which law is compared: what obliges, negates, limits, compares, or means nothing."""

import re
from enum import IntEnum


class Modal(IntEnum):
    """How strongly a sentence binds."""

    MAY = 1
    SOFT = 2
    STRICT = 3


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODALS: dict[str, Modal] = {
    "must": Modal.STRICT,
    "shall": Modal.STRICT,
    "required": Modal.STRICT,
    "mandatory": Modal.STRICT,
    "never": Modal.STRICT,
    "always": Modal.STRICT,
    "forbidden": Modal.STRICT,
    "should": Modal.SOFT,
    "ought": Modal.SOFT,
    "recommended": Modal.SOFT,
    "prefer": Modal.SOFT,
    "preferred": Modal.SOFT,
    "encouraged": Modal.SOFT,
    "may": Modal.MAY,
    "optional": Modal.MAY,
    "permitted": Modal.MAY,
    "allowed": Modal.MAY,
}
NEGATIONS = frozenset({"not", "never", "no", "none", "nor", "neither", "without", "forbidden"})

# Several ways to say one thing, each written in the form that the tables above know.
PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\b(?:is|are|be)?\s*not (?:permitted|allowed)\b", " forbidden"),
        (r"\b(?:cannot|can not|can't|may not|mustn't|must never|shall never)\b", "must not"),
        (r"n't\b", " not"),
        (r"\b(?:is|are) to be\b", "must be"),
        (r"\b(?:has|have) to\b", "must"),
        (r"\bprohibited\b", "forbidden"),
        (r"\b(?:it is )?required to\b", "must"),
        (r"\bpull requests?\b", "pr"),
        (r"\bprior to\b", "before"),
        (r"\bin order to\b", "to"),
        (r"\bin case of\b", "if"),
        (r"\bat a minimum\b|\bno (?:fewer|less) than\b", "at least"),
        (r"\bat least\b", "atleast"),
        (r"\bat most\b|\bno more than\b|\bup to\b", "atmost"),
        (r"\bper ?cent\b", "%"),
    )
)
SAME_WORDS: dict[str, str] = {
    **dict(
        zip(
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
            map(str, range(11)),
            strict=True,
        )
    ),
    "prs": "pr",
    "utilize": "use",
    "utilise": "use",
    "utiliz": "us",
    "utilis": "us",
    "when": "if",
    "whenever": "if",
    "every": "all",
    "each": "all",
    "any": "all",
    "ensure": "guarantee",
    "ensur": "guarante",
    "alter": "change",
    "modify": "chang",
    "modifies": "chang",
    "modified": "chang",
    "delete": "remove",
    "delet": "remov",
    "begin": "start",
    "begins": "start",
    "written": "write",
    "writ": "write",
    "writt": "write",
    "wrote": "write",
    "ms": "millisecond",
    "behaviour": "behavior",
    "via": "through",
    "using": "with",
}
FUNCTION_WORDS = _words(
    "a an the this that these those of to in on at by for from with as is are be been being was"
    " were it its they their them there which who whom whose and so then also thus therefore"
    " will would do does did has have had we our us you your he she his her i both just very"
    " such hereby therein thereof itself themselves here"
)
# A sentence that goes on with one of these takes something back.
LIMITERS = _words(
    "not if unles except exempt only until where provid without but waiv option exclud other"
    " otherwis unless provided excluding hour day week month"
)
