"""Addresses that mail servers refuse: what they said, and who cannot be told by mail because of it.

A permanent refusal counts until the person proves the address anew, gets another one, or an
administrator says that it works again.
"""

import re
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower

from governance.asking.models import Bounce, Notification, NotificationState
from governance.asking.models.asks import Ask
from governance.audit.actors import Actor
from governance.audit.services import append
from governance.base.encoding import visible

# RFC 3463: 5.1.x is about the address, 5.2.1 a mailbox that is switched off. Others, such as
# 5.2.2 (full) and 5.7.x (policy), say nothing about the address itself.
_ABOUT_THE_ADDRESS = re.compile(r"\b5\.(?:1\.\d{1,3}|2\.1)\b")
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
REACHED = (NotificationState.PENDING, NotificationState.SENDING, NotificationState.ACCEPTED)


def is_about_the_address(code: int, text: str) -> bool:
    """Whether a refusal says that the address can never be reached."""
    if code < 500:
        return False
    return bool(_ABOUT_THE_ADDRESS.search(text)) or not _ENHANCED.search(text)


def in_force() -> QuerySet[Bounce]:
    """Permanent refusals that still count."""
    current = Q(user__address_good_since=None) | Q(user__address_good_since__lt=F("at"))
    bounces = Bounce.objects.annotate(now=Lower("user__email"), then=Lower("address"))
    return bounces.filter(current, is_permanent=True, then=F("now"))


def is_refused(user_id: int) -> bool:
    """Whether mail to this person is known not to arrive."""
    return in_force().filter(user=user_id).exists()


@transaction.atomic
def record(
    *, notice: Notification, is_permanent: bool, text: str, by: Actor, at: datetime
) -> Bounce:
    """Note that a mail server refused the address of a notice."""
    bounce = Bounce.objects.create(
        notification=notice,
        user=notice.person,
        address=notice.person.email,
        is_permanent=is_permanent,
        text=visible(text)[:500],
        at=at,
    )
    append(
        stream=notice.person.subject,
        kind="user.address_refused",
        by=by,
        at=at,
        data={"notice": notice.pk, "permanent": is_permanent, "bounce": bounce.pk},
    )
    return bounce


def note_unreached(notice: Notification, *, because: str, at: datetime) -> bool:
    """Let the next sweep climb at once if the people of this step got nothing at all."""
    if notice.ask_id is None:
        return False
    bounced = Bounce.objects.filter(is_permanent=True).values("notification")
    got = Notification.objects.filter(ask=notice.ask_id, step__gte=notice.step, state__in=REACHED)
    if got.exclude(pk=notice.pk).exclude(pk__in=bounced).exclude(recipient=None).exists():
        return False
    ask = Ask.objects.open().select_for_update(no_key=True).filter(pk=notice.ask_id).first()
    if ask is None or ask.step != notice.step:
        return False
    ask.unreached = because[:200]
    if ask.step < len(ask.ladder) - 1:
        # On the last step there is nowhere to climb to: it tells again at its time.
        ask.next_action_at = at
    ask.save(update_fields=["unreached", "next_action_at"])
    return True
