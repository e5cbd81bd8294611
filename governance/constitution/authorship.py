"""Who wrote what a new text of the law holds: nobody ratifies his own words in another's name."""

from governance.base.authored_lines import telling_lines
from governance.constitution.models import Constitution

# Older drafts than these are looked at no more.
MOST_DRAFTS = 20


def writers_in(text: str, constitution: Constitution) -> set[int]:
    """The people whose drafts hold lines that the text keeps and that never were the law."""
    ratified = constitution.ratifications.order_by("-id").select_related("version").first()
    known = telling_lines(ratified.version.text) if ratified else frozenset()
    new = telling_lines(text) - known
    drafts = constitution.versions.filter(ratifications=None).order_by("-sequence")
    found: set[int] = set()
    for draft in drafts.only("text", "author", "co_authors")[:MOST_DRAFTS]:
        if new & telling_lines(draft.text):
            found |= draft.writers
    return found
