"""Addresses that mail servers refuse: what they said, and who cannot be told by mail because of it.

A permanent refusal counts until the person proves the address anew, gets another one, or an
administrator says that it works again.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, message_from_string, policy
from email.message import Message
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower

from governance.asking.models import Ask, Bounce, Channel, Notification, NotificationState
from governance.audit.actors import Actor
from governance.audit.services import append
from governance.base.encoding import visible
from governance.base.errors import InvalidInput, NotThere

# RFC 3463: 5.1.x is about the address, 5.2.1 a mailbox that is switched off. Others, such as
# 5.2.2 (full) and 5.7.x (policy), say nothing about the address itself.
_ABOUT_THE_ADDRESS = re.compile(r"\b5\.(?:1\.\d{1,3}|2\.1)\b")
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
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


@dataclass(frozen=True, slots=True)
class Report:
    """What a delivery status report (RFC 3464) says about one of our mails."""

    message_id: UUID
    action: str
    status: str
    text: str

    @property
    def is_permanent(self) -> bool:
        return self.action == "failed" and bool(_ABOUT_THE_ADDRESS.search(self.status))


def read_report(raw: bytes) -> Report:
    """Parse a ``multipart/report`` mail; raises :class:`InvalidInput` for anything else."""
    mail = message_from_bytes(raw, policy=policy.default)
    if mail.get_content_type() != "multipart/report":
        raise InvalidInput("This is no delivery report (multipart/report).", code="no_report")
    fields = _recipient_fields(mail)
    text = " ".join(str(fields.get("Diagnostic-Code", "")).split())
    return Report(
        message_id=_our_message_id(mail),
        action=str(fields.get("Action", "")).strip().lower(),
        status=str(fields.get("Status", "")).strip(),
        text=text or "The delivery report gives no reason.",
    )


def _recipient_fields(mail: Message) -> Message:
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            blocks = [block for block in part.walk() if block.get("Action")]
            if blocks:
                return blocks[0]
    raise InvalidInput("The report says nothing about a recipient.", code="no_report")


def _our_message_id(mail: Message) -> UUID:
    """From the mail that came back, whole or its headers only."""
    for part in mail.walk():
        if part is mail:
            continue
        head = part
        if part.get_content_type() == "text/rfc822-headers":
            head = message_from_string(str(part.get_payload()), policy=policy.default)
        if found := _UUID.search(str(head.get("Message-ID", ""))):
            return UUID(found[0])
    raise InvalidInput("The report does not hold the mail that came back.", code="no_report")


@transaction.atomic
def record_report(report: Report, *, by: Actor, at: datetime) -> Bounce | None:
    """Note a report that came later. None where it says that the mail is only late or arrived.

    Raises :class:`NotThere` for mails that the portal did not send. A mail that bundled several
    questions bounced for all of them.
    """
    root = Notification.objects.filter(message_id=report.message_id, channel=Channel.MAIL).first()
    if root is None:
        raise NotThere("The portal has sent no such mail.")
    if report.action != "failed":
        return None
    text = f"{report.status} {report.text}"
    bounce = record(notice=root, is_permanent=report.is_permanent, text=text, by=by, at=at)
    for notice in Notification.objects.filter(Q(pk=root.pk) | Q(bundled_into=root)):
        because = f"the mail to user:{notice.recipient_id} came back"
        note_unreached(notice, because=because, at=at)
    return bounce
