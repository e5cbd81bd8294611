"""What push and chat say: the portal's own words, never those of an agent.

A notice passes through machines of others and shows on locked screens and in rooms. A title that
an agent wrote may hold a secret, or ask for something; so it stays in the portal.
"""

from governance.asking.models import Ask, AskKind, Reason

HEADLINES: dict[str, str] = {
    AskKind.CASE: "Decision needed",
    AskKind.REVIEW: "Review needed",
    AskKind.AMENDMENT: "Vote needed",
    AskKind.CONFIGURATION: "Confirmation needed",
}
BEGINNINGS: dict[str, str] = {
    Reason.REMINDER: "Still waiting. ",
    Reason.NUDGE: "A colleague asks. ",
}


def headline(ask: Ask, reason: str = Reason.ASKED) -> str:
    """``Decision needed: ESC-12``."""
    reference = ask.subject.partition(":")[2]
    # Other subjects carry names that people or agents chose.
    number = f": {reference}" if ask.kind == AskKind.CASE else ""
    return f"{BEGINNINGS.get(reason, '')}{HEADLINES[ask.kind]}{number}"
