"""Who wrote what a new text holds: nobody approves his own words because another sent them in."""

from agents.comparing import base_of
from agents.models import Agent
from agents.permissions import excluded_from
from governance.base.authored_lines import telling_lines

# Older drafts than these are looked at no more.
MOST_DRAFTS = 20


def writers_in(text: str, agent: Agent) -> set[int]:
    """The people whose drafts hold lines that the text keeps and nobody has approved.

    Whatever the way it comes: through the editor, as a file, or from a runner.
    """
    base, approved = base_of(agent)
    drafts = agent.versions.order_by("-sequence")
    if base and approved:
        drafts = drafts.exclude(pk=base.pk)
    known = telling_lines(base.text) if base and approved else frozenset()
    new = telling_lines(text) - known
    found: set[int] = set()
    held = drafts.select_related("proposed_by").only(
        "text", "author", "co_authors", "proposed_by__owner"
    )
    for draft in held[:MOST_DRAFTS]:
        if new & telling_lines(draft.text):
            found |= excluded_from(draft)
    return found
