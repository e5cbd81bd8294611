"""What must never be of questions and notices. NULL is a failure, whatever constraints say."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from django.db.models import Q

from governance.asking.heartbeat import allowed_gap
from governance.asking.models import Ask, Notification, NotificationState
from governance.asking.outbox import LEASE
from governance.asking.watchdogs.checks import Suspect, register

# A sweep that has much to do at once is no failure yet.
LATE = timedelta(minutes=5)
LONG = timedelta(days=3)
SLACK = timedelta(days=1)
# Quiet hours hold nothing longer than this.
LONGEST_HOLD = timedelta(days=16)
S = NotificationState


def without_a_timer(at: datetime, limit: int) -> Iterable[Suspect]:
    """Nobody would ever be reminded again."""
    for ask in Ask.objects.open().filter(next_action_at=None)[:limit]:
        yield Suspect(
            ask.subject, "The question had no time of its next action.", partial(_wake, ask.pk)
        )


def asleep(at: datetime, limit: int) -> Iterable[Suspect]:
    """Its next action lies further ahead than its own ladder can have put it."""
    far = Ask.objects.open().filter(next_action_at__gt=at + LONG).order_by("-next_action_at", "id")
    for ask in far[:limit]:
        if ask.next_action_at is not None and ask.next_action_at > at + _longest_wait(ask):
            yield Suspect(
                ask.subject,
                f"The next action was planned for {ask.next_action_at:%Y-%m-%d}, later than the"
                " policy says.",
                partial(_wake, ask.pk),
            )


def _longest_wait(ask: Ask) -> timedelta:
    spans = [span for rung in ask.ladder for span in (rung["delay_s"], rung["cap_s"])]
    return max(timedelta(seconds=max(spans, default=0)), LONG) + SLACK


def _wake(ask_id: int, at: datetime) -> bool:
    """The next sweep acts on it."""
    ask = Ask.objects.open().filter(pk=ask_id).select_for_update(skip_locked=True).first()
    if ask is None:
        return False
    ask.next_action_at = at
    ask.save(update_fields=["next_action_at"])
    return True


def not_moved(at: datetime, limit: int) -> Iterable[Suspect]:
    """Due for long, and the sweep does not move it."""
    grace = max(allowed_gap(), LATE)
    for ask in Ask.objects.due(at=at - grace)[:limit]:
        yield Suspect(ask.subject, f"Due since {ask.next_action_at:%Y-%m-%d %H:%M}, and not moved.")


def stuck_lease(at: datetime, limit: int) -> Iterable[Suspect]:
    """A worker has it, or had it, and nobody will ever take it up again."""
    lost = Q(lease_until=None) | Q(lease_until__gt=at + 2 * LEASE) | Q(lease_until__lt=at - LATE)
    sending = Notification.objects.filter(lost, state=S.SENDING).select_related("ask")
    for notice in sending.order_by("due_at", "id")[:limit]:
        yield Suspect(
            _subject_of(notice),
            f"Notice {notice.pk} was being sent without an end.",
            partial(_give_back, notice.pk, notice.lease_until),
        )


def _give_back(notice_id: int, lease: datetime | None, at: datetime) -> bool:
    """The next dispatch takes it; it may have been delivered, and carries the same Message-ID."""
    found = Notification.objects.filter(pk=notice_id, state=S.SENDING, lease_until=lease)
    return found.update(state=S.PENDING, lease_until=None, due_at=at) == 1


def held_for_ever(at: datetime, limit: int) -> Iterable[Suspect]:
    """A notice waits for a day that no quiet hours can have named."""
    waiting = Notification.objects.filter(state=S.PENDING, due_at__gt=at + LONGEST_HOLD)
    for notice in waiting.select_related("ask").order_by("-due_at", "id")[:limit]:
        yield Suspect(
            _subject_of(notice),
            f"Notice {notice.pk} was held back until {notice.due_at:%Y-%m-%d}.",
            partial(_send_now, notice.pk, notice.due_at),
        )


def _send_now(notice_id: int, due_at: datetime, at: datetime) -> bool:
    found = Notification.objects.filter(pk=notice_id, state=S.PENDING, due_at=due_at)
    return found.update(due_at=at) == 1


def without_an_end(at: datetime, limit: int) -> Iterable[Suspect]:
    """A notice has been tried, or has been due, for days."""
    unsettled = Notification.objects.filter(state__in=[S.PENDING, S.SENDING])
    old = Q(due_at__lt=at - LONG) | Q(created_at__lt=at - LONG, attempts__gt=0)
    for notice in unsettled.filter(old).select_related("ask").order_by("due_at", "id")[:limit]:
        yield Suspect(
            _subject_of(notice),
            f"Notice {notice.pk} has not got out since {notice.created_at:%Y-%m-%d}.",
        )


def _subject_of(notice: Notification) -> str:
    """A digest is about no single question: it stands in the history of the person."""
    return notice.ask.subject if notice.ask else f"user:{notice.recipient_id}"


register("question without a timer", without_a_timer)
register("question asleep", asleep)
register("question not moved", not_moved)
register("notice with a stuck lease", stuck_lease)
register("notice held for ever", held_for_ever)
register("notice without an end", without_an_end)
