"""The mail that asks: short, one link, the same meaning in text and HTML."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from governance.asking.links import url_of
from governance.asking.models import (
    Ask,
    AskKind,
    Notification,
    NotificationState,
    Reason,
    ReviewLink,
)
from governance.asking.permissions import NEEDED
from governance.base.encoding import visible
from governance.people.permissions import Permission, has

# Each kind: the beginning of the subject line, the first sentence, who may answer.
WORDS: dict[str, tuple[str, str, Permission]] = {
    AskKind.CASE: (
        "Decision needed",
        "An agent stopped and asks people to decide.",
        NEEDED[AskKind.CASE],
    ),
    AskKind.REVIEW: ("Review needed", "A new version waits for a review.", NEEDED[AskKind.REVIEW]),
    AskKind.AMENDMENT: (
        "Vote needed",
        "A new version of the constitution waits for a vote.",
        NEEDED[AskKind.AMENDMENT],
    ),
    AskKind.CONFIGURATION: (
        "Confirmation needed",
        "An administrator asks to loosen the configuration; another one has to confirm it.",
        NEEDED[AskKind.CONFIGURATION],
    ),
}
# Questions about something else than a version: by the beginning of their subject.
SENTENCES: dict[str, str] = {
    "stale": "Approvals stop unless people give them again.",
    "waiver": "Somebody asks that a version be excused from a principle.",
}
# What happened to a question, for those who asked it or only read: beginning and sentence.
NEWS: dict[str, tuple[str, str]] = {
    AskKind.CASE: ("News", "There is news about a case."),
    AskKind.REVIEW: ("New comments", "There are comments on a version that is under review."),
    AskKind.AMENDMENT: ("New comments", "There are comments on a version of the constitution."),
    AskKind.CONFIGURATION: (
        "Loosening asked for",
        "An administrator asks to loosen the configuration; another one has to confirm it.",
    ),
}
SETTLED: dict[str, str] = {
    AskKind.CASE: "A case is settled: {because}.",
    AskKind.REVIEW: "The review of a version ended: {because}.",
    AskKind.AMENDMENT: "The vote on a version of the constitution ended: {because}.",
    AskKind.CONFIGURATION: "A request to loosen the configuration was {because}.",
}
_ADDRESS = re.compile(r"\S*(?:://|\bwww\.)\S*", re.IGNORECASE)


def message_of(notice: Notification, link: ReviewLink) -> EmailMultiAlternatives:
    """The mail of one notice. Made again, it carries the same Message-ID and the same link."""
    ask = notice.question
    words = _words(notice, link)
    message = EmailMultiAlternatives(
        subject=_subject(ask),
        body=render_to_string("mail/ask.txt", words),
        to=[notice.person.email],
        headers=_headers(notice),
    )
    message.attach_alternative(render_to_string("mail/ask.html", words), "text/html")
    return message


def news_of(notice: Notification) -> EmailMultiAlternatives:
    """The mail that asks nothing: what happened to a question, and where to read it."""
    ask = notice.question
    beginning, sentence = NEWS[ask.kind]
    if notice.reason == Reason.SETTLED:
        because = ask.closed_because.replace("_", " ")
        beginning = because.capitalize()
        sentence = SETTLED[ask.kind].format(because=because)
    words = {
        "sentence": sentence,
        "title": shown(ask.title),
        "about": shown(ask.about),
        "url": settings.PORTAL_URL + ask.path,
        "portal": settings.PORTAL_URL,
    }
    message = EmailMultiAlternatives(
        subject=f"{beginning}: {shown(ask.title)}",
        body=render_to_string("mail/news.txt", words),
        to=[notice.person.email],
        headers=_headers(notice),
    )
    message.attach_alternative(render_to_string("mail/news.html", words), "text/html")
    return message


def shown(text: str) -> str:
    """Text of an agent on one line, hidden characters visible, addresses not clickable.

    Mail programs make links of anything that looks like one; the mail has one link, ours.
    """
    line = " ".join(visible(" ".join(text.split())).split())
    return _ADDRESS.sub(lambda found: found[0].replace(".", "[.]").replace("://", "[://]"), line)


def _subject(ask: Ask) -> str:
    """The same for every mail about one question: mail programs thread by it as well."""
    reference = ask.subject.partition(":")[2]
    name = f"{reference}: " if reference[:1].isalpha() else ""
    return f"{WORDS[ask.kind][0]}: {name}{shown(ask.title)}"


def _words(notice: Notification, link: ReviewLink) -> dict[str, Any]:
    ask = notice.question
    _, usual, permission = WORDS[ask.kind]
    sentence = SENTENCES.get(ask.subject.partition(":")[0], usual)
    return {
        "sentence": sentence,
        "title": shown(ask.title),
        "about": shown(ask.about),
        "reminder": notice.reason == "reminder",
        "opened": moment(ask.opened_at),
        "step": notice.step + 1,
        "steps": len(ask.ladder),
        "policy": shown(ask.policy_name),
        "may_answer": has(notice.person, permission),
        "url": url_of(link),
        "next": moment(ask.next_action_at),
        "portal": settings.PORTAL_URL,
    }


def moment(at: datetime | None) -> str:
    """``Monday 2 March 2026, 09:00 UTC``."""
    return f"{at:%A} {at.day} {at:%B %Y, %H:%M} UTC" if at else ""


def _headers(notice: Notification) -> dict[str, str]:
    headers = {
        "Message-ID": _message_id(notice),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    root = _thread_root(notice)
    if root.pk != notice.pk:
        headers["In-Reply-To"] = headers["References"] = _message_id(root)
    return headers


def _thread_root(notice: Notification) -> Notification:
    """The first mail about this question that went to this person."""
    sent = Notification.objects.filter(ask=notice.ask_id, recipient=notice.recipient_id)
    first = sent.filter(state=NotificationState.ACCEPTED).order_by("id").first()
    return first or notice


def _message_id(notice: Notification) -> str:
    return f"<{notice.message_id}@{urlsplit(settings.PORTAL_URL).hostname}>"
