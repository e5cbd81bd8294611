"""What the page of a case shows of what follows it: the cases around it, what is still to do."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from escalations.answers import CaseFile
from escalations.following.reconciling import still_to_do
from escalations.liveness import SENTENCES, liveness
from escalations.models import Escalation, Outcome, Status
from governance.base.encoding import visible

LONGEST_LINK = 500


def following_of(file: CaseFile, *, at: datetime) -> dict[str, Any]:
    """For ``escalations/_following.html``; at most one query."""
    case = file.case
    around = _around(case) if _may_have_others(file) else []
    newer = [one for one in around if one.supersedes_id == case.pk]
    return {
        "supersedes": [_link(one) for one in around if one.pk == case.supersedes_id],
        "superseded_by": [_link(one) for one in newer],
        "follows_up": [_link(one) for one in around if one.pk == case.follows_up_id],
        "follow_ups": [_link(one) for one in around if one.follows_up_id == case.pk],
        "still_to_do": still_to_do(file.permit, is_reported=file.outcome is not None, at=at),
        "runner": SENTENCES[liveness(case, at=at)] if case.is_unresolved else "",
    }


def _may_have_others(file: CaseFile) -> bool:
    """An open question that edits nothing stands alone: it costs no query."""
    case = file.case
    is_linked = bool(case.supersedes_id or case.follows_up_id)
    return is_linked or case.status == Status.WITHDRAWN or file.outcome is not None


def _around(case: Escalation) -> list[Escalation]:
    found = Escalation.objects.filter(pk__in=[case.supersedes_id or 0, case.follows_up_id or 0])
    found |= Escalation.objects.filter(supersedes=case) | Escalation.objects.filter(follows_up=case)
    wanted = found.only("title", "status", "supersedes_id", "follows_up_id")
    return list(wanted.order_by("pk"))


def _link(case: Escalation) -> dict[str, str]:
    return {
        "ref": case.ref,
        "title": case.title,
        "url": case.get_absolute_url(),
        "tone": case.tone,
        "status": case.status,
        "label": case.get_status_display(),
    }


def outcome_lines(outcome: Outcome) -> list[dict[str, Any]]:
    """What became of each constraint; ``href`` where the evidence is a plain https address."""
    return [{**line, "href": evidence_link(line["evidence"])} for line in outcome.constraints]


def evidence_link(text: str) -> str:
    """The address to click on: https, a host, nothing hidden, no name of a user; else empty."""
    if len(text) > LONGEST_LINK or not text.isascii() or visible(text) != text:
        return ""
    if any(sign in text for sign in " \t\r\n\"'<>\\`"):
        return ""
    try:
        parts = urlsplit(text)
        has_name = parts.username is not None or parts.password is not None
        is_address = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ""
    return text if is_address and not has_name else ""
