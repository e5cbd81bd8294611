"""The mail that asks: short, one link, the same meaning in text and HTML."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from governance.asking.links import url_of, word_is_enough, word_of
from governance.asking.models import (
    Ask,
    AskKind,
    Channel,
    Held,
    Notification,
    NotificationState,
    Reason,
    ReviewLink,
)
from governance.asking.permissions import NEEDED
from governance.asking.policies.rules import Rules, owner_answers
from governance.base.encoding import visible
from governance.people.hours import local
from governance.people.models import Delegation
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
# News from after the end of a question, by what the notice says it is: beginning and sentence.
AFTERWARDS: dict[str, tuple[str, str]] = {
    "unused:half": (
        "Permit not used",
        "People permitted an act. Half of the time is over, and it is not done yet.",
    ),
    "unused:end": (
        "Permit ended unused",
        "People permitted an act. The time is over; it was not done.",
    ),
    "unreported": (
        "Outcome missing",
        "An act that people permitted was begun. Nobody has reported what became of it.",
    ),
    "standing": (
        "Answered in your name",
        "A standing decision of yours answered a case in your name.",
    ),
    "proposal": (
        "Make a rule of it?",
        (
            "People answered a question of your agent the same way again and again. Its page leads"
            " to a proposed rule, which you take or decline."
        ),
    ),
}
# These ask nothing of their reader.
WITHOUT_ANSWER = (Reason.NEWS, Reason.SETTLED, Reason.MENTION)
_ADDRESS = re.compile(r"\S*(?:://|\bwww\.)\S*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """One notice and the link of its recipient; none for what asks nothing."""

    notice: Notification
    link: ReviewLink | None


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
    beginning, sentence = news_words(notice)
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


def news_words(notice: Notification) -> tuple[str, str]:
    """The beginning of the subject line, and the sentence."""
    ask = notice.question
    if notice.reason == Reason.MENTION:
        return "You are mentioned", "A colleague mentions you in a comment."
    if notice.reason == Reason.SETTLED:
        because = ask.closed_because.replace("_", " ")
        return because.capitalize(), SETTLED[ask.kind].format(because=because)
    why = notice.dedupe_key.split(":", 1)[1]
    after = (words for name, words in AFTERWARDS.items() if why.startswith(f"{name}:"))
    return next(after, NEWS[ask.kind])


def shown(text: str) -> str:
    """Text of an agent on one line, hidden characters visible, addresses not clickable.

    Mail programs make links of anything that looks like one; the mail has one link, ours.
    """
    line = " ".join(visible(" ".join(text.split())).split())
    return _ADDRESS.sub(lambda found: found[0].replace(".", "[.]").replace("://", "[://]"), line)


def _subject(ask: Ask) -> str:
    """The same for every mail about one question: mail programs thread by it as well."""
    return f"{WORDS[ask.kind][0]}: {title_of(ask)}"


def title_of(ask: Ask) -> str:
    """The title, after the number that people know a case by."""
    reference = ask.subject.partition(":")[2]
    name = f"{reference}: " if reference[:1].isalpha() else ""
    return f"{name}{shown(ask.title)}"


def _words(notice: Notification, link: ReviewLink) -> dict[str, Any]:
    ask = notice.question
    _, usual, permission = WORDS[ask.kind]
    zone = notice.person.time_zone
    return {
        "sentence": SENTENCES.get(ask.subject.partition(":")[0], usual),
        "title": shown(ask.title),
        "about": shown(ask.about),
        "reminder": notice.reason == Reason.REMINDER,
        "nudge": notice.reason == Reason.NUDGE,
        "opened": moment(ask.opened_at, zone),
        "stands_in": stands_in(notice),
        "handed_over": ":handed_over:" in notice.dedupe_key,
        "held": held(notice),
        "step": notice.step + 1,
        "steps": len(ask.ladder),
        "policy": shown(ask.policy_name),
        "may_answer": has(notice.person, permission) or answers_as_owner(notice),
        "url": url_of(link),
        "word": word_of(link) if word_is_enough(ask) else "",
        "next": moment(ask.next_action_at, zone),
        "portal": settings.PORTAL_URL,
    }


def answers_as_owner(notice: Notification) -> bool:
    """Whether the recipient owns the agent, and the policy lets the owner answer."""
    ask = notice.question
    is_owner = ask.owner_id is not None and ask.owner_id == notice.recipient_id
    return is_owner and owner_answers(Rules.of(ask.rules), ask.facts)


def moment(at: datetime | None, zone: str = "UTC") -> str:
    """``Monday 2 March 2026, 09:00 UTC``, on the clock of the reader."""
    if at is None:
        return ""
    shown_there = local(at, zone)
    return f"{shown_there:%A} {shown_there.day} {shown_there:%B %Y, %H:%M %Z}"


def stands_in(notice: Notification) -> str:
    """For whom the recipient is told, if not in their own right."""
    absent = notice.on_behalf_of
    if absent is None:
        return ""
    absences = Delegation.objects.running(at=notice.created_at).filter(person=absent)
    absence = absences.order_by("-made_at", "-id").first()
    until = f" until {moment(absence.ends_at, notice.person.time_zone)}" if absence else ""
    return f"You stand in for {shown(str(absent))}, who is away{until}."


def held(notice: Notification) -> str:
    """How long the notice did not go out, and why."""
    span = length(notice.due_at - notice.created_at)
    if notice.held == Held.QUIET_HOURS:
        return f"It was held for {span}: it came in your quiet hours."
    if notice.held == Held.LIMIT:
        return f"It was held for {span}: you had had as many mails as one hour allows."
    return ""


def length(span: timedelta) -> str:
    """``9 hours 30 minutes``; ``2 days``: of two sizes at most."""
    minutes = max(1, round(span.total_seconds() / 60))
    sizes = ((1440, "day"), (60, "hour"), (1, "minute"))
    words = []
    for size, name in sizes:
        count, minutes = divmod(minutes, size)
        if count:
            words.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(words[:2])


def headers_of(message_id: UUID) -> dict[str, str]:
    """What every mail of the portal says of itself."""
    return {
        "Message-ID": _as_header(message_id),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }


def _headers(notice: Notification) -> dict[str, str]:
    own = _message_id(notice)
    headers = headers_of(own)
    if (root := _thread_root(notice)) != own:
        headers["In-Reply-To"] = headers["References"] = _as_header(root)
    return headers


def _thread_root(notice: Notification) -> UUID:
    """The first mail about this question that went to this person."""
    sent = Notification.objects.filter(
        ask=notice.ask_id, recipient=notice.recipient_id, channel=Channel.MAIL
    )
    accepted = sent.filter(state=NotificationState.ACCEPTED).select_related("bundled_into")
    return _message_id(accepted.order_by("id").first() or notice)


def _message_id(notice: Notification) -> UUID:
    return (notice.bundled_into or notice).message_id


def _as_header(message_id: UUID) -> str:
    return f"<{message_id}@{urlsplit(settings.PORTAL_URL).hostname}>"
