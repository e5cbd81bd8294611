"""One mail for many notices: each with its own link, and how many they are."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from governance.asking.links import url_of, word_is_enough, word_of
from governance.asking.mail import (
    WORDS,
    Item,
    answers_as_owner,
    headers_of,
    held,
    moment,
    news_words,
    shown,
    stands_in,
    title_of,
)
from governance.asking.models import Notification, Reason
from governance.people.permissions import has


def bundle_of(root: Notification, items: Sequence[Item]) -> EmailMultiAlternatives:
    """The mail of several notices. Made again, it carries the same Message-ID."""
    recipient = items[0].notice.person
    words = {
        "sentence": summary(items),
        "items": [words_of(item) for item in items],
        "asks": any(item.link for item in items),
        "portal": settings.PORTAL_URL,
    }
    message = EmailMultiAlternatives(
        subject=summary(items).removesuffix("."),
        body=render_to_string("mail/bundle.txt", words),
        to=[recipient.email],
        headers=headers_of(root.message_id),
    )
    message.attach_alternative(render_to_string("mail/bundle.html", words), "text/html")
    return message


def summary(items: Sequence[Item]) -> str:
    """``4 questions wait for you, and there is news about 2 more.``"""
    questions = sum(item.link is not None for item in items)
    news = len(items) - questions
    if not questions:
        return f"There is news about {_count(news, 'question')}."
    waits = "waits" if questions == 1 else "wait"
    also = f", and there is news about {news} more" if news else ""
    return f"{_count(questions, 'question')} {waits} for you{also}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def words_of(item: Item) -> dict[str, Any]:
    """What a mail says of one notice among others."""
    notice, ask = item.notice, item.notice.question
    words = {
        "title": title_of(ask),
        "about": shown(ask.about),
        "stands_in": stands_in(notice),
        "held": held(notice),
    }
    if item.link is None:
        beginning, sentence = news_words(notice)
        place = {"verb": "Read", "url": settings.PORTAL_URL + ask.path}
        return words | place | {"what": beginning, "sentence": sentence}
    return words | {
        "what": WORDS[ask.kind][0],
        "verb": "Review",
        "url": url_of(item.link),
        "sentence": _how_it_stands(notice),
        "word": word_of(item.link) if word_is_enough(ask) and _may_answer(notice) else "",
    }


def _may_answer(notice: Notification) -> bool:
    return has(notice.person, WORDS[notice.question.kind][2]) or answers_as_owner(notice)


def _how_it_stands(notice: Notification) -> str:
    ask = notice.question
    opened = moment(ask.opened_at, notice.person.time_zone)
    again = {Reason.REMINDER: "; this is a reminder", Reason.NUDGE: "; a colleague asks for it"}
    cannot = "" if _may_answer(notice) else " You cannot answer it yourself."
    step = f"Step {notice.step + 1} of {len(ask.ladder)}."
    return f"Asked on {opened}{again.get(Reason(notice.reason), '')}. {step}{cannot}"
