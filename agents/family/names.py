"""What the names by which texts call agents have in common."""

from governance.base.keys import slug, words

_GENERIC = frozenset({"agent", "agents", "subagent", "subagents"})


def plain_name(said: str) -> str:
    """What is the same in ``QA Engineers``, ``qa-engineer`` and ``the qa_engineer agent``."""
    found = words(said)
    while len(found) > 1 and found[-1] in _GENERIC:
        found.pop()
    return "-".join([*found[:-1], _singular(found[-1])]) if found else ""


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def possible_slugs(said: str) -> set[str]:
    """The slugs under which the portal may hold an agent that a text calls so."""
    plain = plain_name(said)
    if not plain:
        return set()
    bases = {slug(said, limit=120), plain, f"{plain}s"}
    return bases | {f"{base}-agent" for base in bases}
