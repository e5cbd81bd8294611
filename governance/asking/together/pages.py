"""The panel of what colleagues do about a question together, as one person sees it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import QuerySet

from governance.asking.models import Ask, Comment, Snooze, Watcher
from governance.asking.nudging import nudge_of
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

Row = TypeVar("Row", Snooze, Comment)


def together_of(
    user: User, ask: Ask | None, *, at: datetime, with_comments: bool = True
) -> dict[str, Any] | None:
    """What ``asking/_together.html`` reads; nothing without a question that one may read."""
    if ask is None:
        return None
    return together_for(user, [ask], at=at, with_comments=with_comments).get(ask.pk)


def together_for(
    user: User, asks: Iterable[Ask], *, at: datetime, with_comments: bool = True
) -> dict[int, dict[str, Any]]:
    """The same for several questions, in as many queries as for one."""
    readable = [ask for ask in asks if may_read(user, ask)]
    known = _Known(user, readable, at, with_comments=with_comments)
    return {ask.pk: _panel(ask, known) for ask in readable}


class _Known:
    """What the panels of some questions are made of, each read once."""

    def __init__(
        self, user: User, asks: Sequence[Ask], at: datetime, *, with_comments: bool
    ) -> None:
        self.user, self.at, self.with_comments = user, at, with_comments
        waiting = [ask for ask in asks if ask.closed_at is None]
        self.watchers = _watchers(asks)
        self.snoozes = _by_ask(Snooze.objects.running(at=at).select_related("user"), waiting)
        said = Comment.objects.select_related("author")
        self.comments = _by_ask(said, asks if with_comments else ())
        kinds = {ask.kind for ask in waiting if may_answer(user, ask)}
        self.colleagues = {kind: list(colleagues_for(kind)) for kind in kinds}
        away = Delegation.objects.running(at=at).values_list("person", flat=True)
        self.away = set(away) if kinds else set()


def _watchers(asks: Iterable[Ask]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    rows = Watcher.objects.filter(subject__in=[ask.subject for ask in asks])
    for subject, user in rows.values_list("subject", "user"):
        found[subject].add(user)
    return found


def _by_ask(rows: QuerySet[Row], asks: Sequence[Ask]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows.filter(ask__in=asks) if asks else ():
        found[row.ask_id].append(row)
    return found


def _panel(ask: Ask, known: _Known) -> dict[str, Any]:
    is_open, watchers = ask.closed_at is None, known.watchers[ask.subject]
    is_watched = known.user.pk in watchers
    return {
        "ask": ask,
        "is_open": is_open,
        "claim": claim_of(known.user, ask, at=known.at),
        "nudge": nudge_of(known.user, ask, at=known.at),
        "claim_is_away": ask.claimed_by_id in known.away,
        "is_watched": is_watched,
        "has_more": is_open or is_watched or bool(known.comments[ask.pk]),
        "watchers": len(watchers),
        **(_while_open(ask, known) if is_open else {}),
        **(_comments(ask, known, is_open=is_open) if known.with_comments else {}),
    }


def _while_open(ask: Ask, known: _Known) -> dict[str, Any]:
    user, snoozes = known.user, known.snoozes[ask.pk]
    mine = next((one for one in snoozes if one.user_id == user.pk), None)
    may_snooze = not sentence_of(check_may_snooze, user, ask)
    return {
        "snooze": mine,
        "snooze_words": heard_again(ask, mine, at=known.at) if mine else "",
        "snooze_form": SnoozeForm(auto_id=f"snooze_{ask.pk}_%s")
        if may_snooze and not mine
        else None,
        "snoozing": [_about(one, known) for one in snoozes if one is not mine],
        "hand_over_form": _hand_over_form(ask, known) if may_answer(user, ask) else None,
    }


def _about(snooze: Snooze, known: _Known) -> dict[str, str]:
    until = moment_words(snooze.until, zone_of(known.user), at=known.at)
    return {
        "sentence": f"{snooze.user} is not reminded before {until}",
        "reason": snooze.reason,
    }


def _hand_over_form(ask: Ask, known: _Known) -> HandOverForm | None:
    left_out = {known.user.pk, ask.claimed_by_id, *ask.excluded}
    colleagues = [
        (str(one.pk), f"{one} (out of office)" if one.pk in known.away else str(one))
        for one in known.colleagues[ask.kind]
        if one.pk not in left_out
    ]
    if not colleagues:
        return None
    return HandOverForm(auto_id=f"hand_over_{ask.pk}_%s", colleagues=colleagues)


def _comments(ask: Ask, known: _Known, *, is_open: bool) -> dict[str, Any]:
    why_not = sentence_of(check_may_comment, known.user, ask) if is_open else ""
    may_comment = is_open and not why_not
    return {
        "comments": known.comments[ask.pk],
        "comment_form": CommentForm(auto_id=f"together_{ask.pk}_%s") if may_comment else None,
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


def handed_over_words(ask: Ask, user: User, *, at: datetime) -> str:
    """When the colleague who has a question now is told of it."""
    to = ask.claimed_by
    if to is None:
        return "It was handed over."
    absence = Delegation.objects.running(at=at).filter(person=to).first()
    if absence:
        back = moment_words(absence.ends_at, zone_of(user), at=at)
        told = f"{to} has it now, but is out of office until {back}."
    elif until := held_until(to, at):
        wakes = moment_words(until, zone_of(user), at=at)
        told = f"{to} has it now, and is told at {wakes}: these are quiet hours there."
    else:
        told = f"{to} has it now, and is told at once."
    return f"{told} Others are reminded all the same."
