"""Comments beside the text: how many on which line, and what was said of earlier versions."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from agents.models import AgentVersion
from governance.review.models import Comment
from governance.review.panel import Panel

MOST_EARLIER = 50
LONGEST_NAME = 120
KINDS = {"rules": "rule", "triggers": "trigger"}


def part_names(contract: Mapping[str, Any]) -> dict[str, str]:
    """What can be commented on besides lines: ``rule:<key>`` and ``trigger:<key>``, in words."""
    return {
        f"{kind}:{item['key']}": (item.get("title") or item["text"])[:LONGEST_NAME]
        for name, kind in KINDS.items()
        for item in contract.get(name, [])
    }


def remarks_on(
    version: AgentVersion, panel: Panel | None, query: Mapping[str, str]
) -> dict[str, Any]:
    """The lines with their comments counted, what the form is about, and earlier comments."""
    comments = panel.comments if panel else []
    lines = version.text.split("\n")
    counts = Counter(comment.line for comment in comments if comment.line)
    return {
        "marked_lines": [(line, counts[number]) for number, line in enumerate(lines, 1)],
        "commented": _about(query, len(lines), part_names(version.contract)),
        "can_comment": panel is not None and not panel.why_no_comment,
        "earlier_comments": _earlier(version) if panel else [],
    }


def _about(query: Mapping[str, str], lines: int, parts: Mapping[str, str]) -> dict[str, Any]:
    """What the address of the page says that the next comment is about; nothing odd."""
    line, part = query.get("line", ""), query.get("part", "")
    if line.isdecimal() and len(line) < 8 and 1 <= int(line) <= lines:
        return {"line": int(line)}
    return {"part": part, "where": parts[part]} if part in parts else {}


def _earlier(version: AgentVersion) -> list[Comment]:
    """What was said of the same parts of earlier versions, with ``sequence``, newest first."""
    before = version.agent.versions.filter(sequence__lt=version.sequence).only("sequence")
    numbers = {one.subject: one.sequence for one in before}
    names = part_names(version.contract)
    found = (
        Comment.objects.filter(review__subject__in=list(numbers), part__in=list(names))
        .select_related("author", "resolved_by", "review")
        .order_by("-id")[:MOST_EARLIER]
    )
    comments: list[Any] = list(found)
    for comment in comments:
        comment.sequence = numbers[comment.review.subject]
        comment.where = names[comment.part]
    return comments
