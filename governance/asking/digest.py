"""The daily digest: one mail a day, at an hour of the person's own day, with what waits for them.

Each person's day is looked at once, from the hour of the digest on. Nothing that was asked before
that hour still waits: no mail that day.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string

from governance.asking.links import link_for, url_of
from governance.asking.mail import WORDS, headers_of, length, moment, shown, title_of
from governance.asking.models import (
    Ask,
    Held,
    Notification,
    NotificationState,
    Preference,
    Reason,
)
from governance.asking.permissions import NEEDED
from governance.asking.reaching import Reach
from governance.people.hours import local, moment_of, quiet_until
from governance.people.models import Role, User
from governance.people.permissions import has

USUAL = time(8)
# More than this in one mail is read by nobody; the mail says how many are left out.
MOST = 50


@dataclass(frozen=True, slots=True)
class Waiting:
    """One question that waits for a person, perhaps in place of somebody who is away."""

    ask: Ask
    on_behalf_of: User | None


def enqueue_digests(*, at: datetime) -> int:
    """Write today's digest of each person whose hour has come; returns how many were written."""
    due = [(user, day, hour) for user in _readers() for day, hour in _due(user, at)]
    if not due:
        return 0
    waiting = _waiting(at)
    written = 0
    for user, day, hour in due:
        asked_before = any(one.ask.opened_at <= hour for one in waiting[user.pk])
        written += _close_day(user, day, is_wanted=asked_before, at=at)
    return written


def _readers() -> list[User]:
    """Approvers, and whoever chose an hour."""
    people = User.objects.filter(is_active=True).select_related("preference")
    approvers = people.filter(roles__contains=[Role.APPROVER])
    chosen = people.filter(preference__digest_at__isnull=False)
    return list((approvers | chosen).distinct().order_by("id"))


def _due(user: User, at: datetime) -> list[tuple[date, datetime]]:
    """The person's day and the hour of its digest, once that has come and until it is done."""
    preference = getattr(user, "preference", None)
    clock = (preference.digest_at if preference else None) or USUAL
    today = local(at, user.time_zone).date()
    hour = moment_of(today, clock, user.time_zone)
    done = preference.last_digest_on if preference else None
    return [(today, hour)] if at >= hour and (done is None or done < today) else []


@transaction.atomic
def _close_day(user: User, day: date, *, is_wanted: bool, at: datetime) -> bool:
    """Once a day, whatever happens between: the key of the row is the day."""
    Preference.objects.update_or_create(user=user, defaults={"last_digest_on": day})
    if not is_wanted:
        return False
    _take_back_earlier(user, at)
    until = quiet_until(user.quiet_hours.all(), user.time_zone, at)
    Notification.objects.bulk_create(
        [
            Notification(
                recipient=user,
                reason=Reason.DIGEST,
                step=0,
                dedupe_key=f"digest:{user.pk}:{day.isoformat()}",
                created_at=at,
                due_at=until or at,
                held=Held.QUIET_HOURS if until else "",
            )
        ],
        ignore_conflicts=True,
    )
    return True


def _take_back_earlier(user: User, at: datetime) -> None:
    """Who comes back from days off gets one digest, not one for each of those days."""
    Notification.objects.filter(
        recipient=user, reason=Reason.DIGEST, state=NotificationState.PENDING, attempts=0
    ).update(state=NotificationState.CANCELLED, settled_at=at)


def _waiting(at: datetime) -> dict[int, list[Waiting]]:
    """By person, the open questions that have reached them and that they may answer."""
    asks = list(Ask.objects.open().filter(step__gte=0).order_by("opened_at", "id"))
    reach = Reach(asks, at=at)
    waiting: dict[int, list[Waiting]] = defaultdict(list)
    for ask in asks:
        for one in reach.up_to_step(ask, ask.step).told:
            if has(one.user, NEEDED[ask.kind]):
                waiting[one.user.pk].append(Waiting(ask, one.on_behalf_of))
    return waiting


def digest_of(notice: Notification, *, at: datetime) -> EmailMultiAlternatives | None:
    """The mail of one digest, with what waits when it is sent; None where nothing does."""
    user = notice.person
    waiting = _waiting(at)[user.pk]
    if not waiting:
        return None
    words = {
        "sentence": _sentence(waiting),
        "items": [_words(one, user, at) for one in waiting[:MOST]],
        "left_out": len(waiting[MOST:]),
        "portal": settings.PORTAL_URL,
    }
    message = EmailMultiAlternatives(
        subject=f"What waits for you: {_count(waiting)}",
        body=render_to_string("mail/digest.txt", words),
        to=[user.email],
        headers=headers_of(notice.message_id),
    )
    message.attach_alternative(render_to_string("mail/digest.html", words), "text/html")
    return message


def _count(waiting: Sequence[Waiting]) -> str:
    return f"{len(waiting)} question{'' if len(waiting) == 1 else 's'}"


def _sentence(waiting: Sequence[Waiting]) -> str:
    return f"{_count(waiting)} wait{'s' if len(waiting) == 1 else ''} for you."


def _words(one: Waiting, user: User, at: datetime) -> dict[str, str]:
    ask = one.ask
    for_whom = f" You stand in for {shown(str(one.on_behalf_of))}." if one.on_behalf_of else ""
    opened = moment(ask.opened_at, user.time_zone)
    return {
        "what": WORDS[ask.kind][0],
        "title": title_of(ask),
        "about": shown(ask.about),
        "sentence": f"Waiting for {length(at - ask.opened_at)}, since {opened}.{for_whom}",
        "url": url_of(link_for(ask, user, at=at)),
    }
