"""The panel of what colleagues do about a question together, as one person sees it."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from governance.asking.models import Ask, Snooze, Watcher
from governance.asking.together.claims import claim_of
from governance.asking.together.comments import check_may_comment
from governance.asking.together.forms import CommentForm, HandOverForm, SnoozeForm
from governance.asking.together.handing_over import colleagues_for
from governance.asking.together.questions import may_answer, may_read
from governance.asking.together.snoozing import check_may_snooze, next_heard_at
from governance.base.errors import sentence_of
from governance.people.models import Delegation, User
from governance.people.own_hours import held_until
from governance.people.own_time import moment_words, zone_of


def together_of(
    user: User, ask: Ask | None, *, at: datetime, with_comments: bool = True
) -> dict[str, Any] | None:
    """What ``asking/_together.html`` reads; nothing without a question that one may read."""
    if ask is None or not may_read(user, ask):
        return None
    is_open = ask.closed_at is None
    watching = list(Watcher.objects.filter(subject=ask.subject).values_list("user", flat=True))
    return {
        "ask": ask,
        "is_open": is_open,
        "claim": claim_of(user, ask, at=at),
        "is_watched": user.pk in watching,
        "watchers": len(watching),
        **(_while_open(user, ask, at) if is_open else {}),
        **(_comments(user, ask, is_open) if with_comments else {}),
    }


def _while_open(user: User, ask: Ask, at: datetime) -> dict[str, Any]:
    snoozes = list(ask.snoozes.running(at=at).select_related("user"))
    mine = next((one for one in snoozes if one.user_id == user.pk), None)
    may_snooze = not sentence_of(check_may_snooze, user, ask)
    return {
        "snooze": mine,
        "snooze_words": heard_again(ask, mine, at=at) if mine else "",
        "snooze_form": SnoozeForm(auto_id="snooze_%s") if may_snooze and not mine else None,
        "snoozing": [_about(one, user, at) for one in snoozes if one is not mine],
        "hand_over_form": _hand_over_form(user, ask, at) if may_answer(user, ask) else None,
    }


def _about(snooze: Snooze, user: User, at: datetime) -> dict[str, str]:
    until = moment_words(snooze.until, zone_of(user), at=at)
    return {
        "sentence": f"{snooze.user} is not reminded before {until}",
        "reason": snooze.reason,
    }


def _hand_over_form(user: User, ask: Ask, at: datetime) -> HandOverForm | None:
    colleagues = list(colleagues_for(ask, but=user).exclude(pk=ask.claimed_by_id))
    if not colleagues:
        return None
    away = set(
        Delegation.objects.running(at=at)
        .filter(person__in=colleagues)
        .values_list("person", flat=True)
    )
    return HandOverForm(auto_id="hand_over_%s", colleagues=_named(colleagues, away))


def _named(colleagues: Collection[User], away: set[int]) -> list[tuple[str, str]]:
    return [
        (str(one.pk), f"{one} (out of office)" if one.pk in away else str(one))
        for one in colleagues
    ]


def _comments(user: User, ask: Ask, is_open: bool) -> dict[str, Any]:
    why_not = sentence_of(check_may_comment, user, ask) if is_open else ""
    return {
        "comments": list(ask.comments.select_related("author")),
        "comment_form": CommentForm(auto_id="together_%s") if is_open and not why_not else None,
        "why_no_comment": why_not,
    }


def heard_again(ask: Ask, snooze: Snooze, *, at: datetime) -> str:
    """When a person who snoozes a question hears of it again."""
    user = snooze.user
    zone, due = zone_of(user), next_heard_at(ask, snooze.until)
    held = None if ask.wakes_people else held_until(user, due)
    until = moment_words(snooze.until, zone, at=at)
    then = moment_words(held or due, zone, at=at)
    night = ", after your quiet hours" if held else ""
    return (
        f"You are not reminded of this before {until} ({zone.key}); the next reminder after that"
        f" is due {then}{night}. Everybody else is reminded as before."
    )
