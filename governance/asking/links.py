"""The Review link of a mail: where it leads, and whether somebody came through it.

A token is the link's id and half of an HMAC-SHA256 over it, in hexadecimal: derived when the
mail is made, so no stored row holds one that works, and letters whose case got lost in a mail
program change nothing.
"""

import hashlib
import hmac
import re
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from governance.asking.models import Ask, Authentication, ReviewLink
from governance.asking.policies.rules import LOW_RISK, Rules
from governance.people.models import User

LIFETIME = timedelta(days=30)
SESSION_KEY = "review_link"
SESSION, MAIL_LINK, MAIL_WORD = "session", "mail_link", "mail_word"
WORD_TRIES = 5
_PURPOSE = b"review-link:"
_WORD_PURPOSE = b"mail-word:"
# Sounds that cannot be mistaken for each other in print.
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_SYLLABLES = 4
_MAC_BYTES = 16
_LOST_IN_MAIL = re.compile(r"[\s=<]+")
# A ``=`` that a mail program encoded and never decoded may trail as ``3d``.
_TOKEN = re.compile(r"([0-9a-f]{32})([0-9a-f]{32})(?:3d)?(?![0-9a-z])")


def link_for(ask: Ask, recipient: User, *, at: datetime) -> ReviewLink:
    """The one link of this person for this ask; each mail that carries it renews its 30 days."""
    link, _ = ReviewLink.objects.update_or_create(
        ask=ask,
        recipient=recipient,
        defaults={"expires_at": at + LIFETIME},
        create_defaults={"created_at": at, "expires_at": at + LIFETIME},
    )
    return link


def token_of(link: ReviewLink) -> str:
    """What stands in the mail."""
    return link.id.hex + _mac(link.id)


def url_of(link: ReviewLink) -> str:
    """The address in the mail, on the portal's own name whatever a request called it."""
    return settings.PORTAL_URL + reverse("review-link", args=[token_of(link)])


def find_link(token: str, *, at: datetime) -> ReviewLink | None:
    """The link of a token; nothing for an unknown, expired or revoked one alike."""
    match = _TOKEN.match(_LOST_IN_MAIL.sub("", token).lower())
    if match is None:
        return None
    link_id = uuid.UUID(hex=match[1])
    link = usable_link(link_id, at=at)
    return link if hmac.compare_digest(match[2], _mac(link_id)) else None


def usable_link(link_id: uuid.UUID | str, *, at: datetime) -> ReviewLink | None:
    """A link that opens something now, for somebody who still has an account."""
    usable = ReviewLink.objects.filter(
        id=link_id,
        expires_at__gt=at,
        revoked_at=None,
        recipient__is_active=True,
        ask__closed_at=None,
    )
    return usable.select_related("ask", "recipient").first()


def link_in_session(request: HttpRequest, *, at: datetime) -> ReviewLink | None:
    """The link through which this browser came, while it opens something."""
    link_id = request.session.get(SESSION_KEY)
    return usable_link(link_id, at=at) if link_id else None


def method_of(request: HttpRequest, *, subject: str) -> str:
    """How a person came to what they answer now: ``mail_link`` or ``session``."""
    link = link_in_session(request, at=timezone.now())
    came_by_mail = (
        link is not None and link.ask.subject == subject and link.recipient_id == request.user.pk
    )
    return MAIL_LINK if came_by_mail else SESSION


def word_is_enough(ask: Ask) -> bool:
    """Whether the policy lets the mail's word decide; only where the portal finds low risk."""
    is_mild = ask.facts.get("risk") == LOW_RISK
    return is_mild and Rules.of(ask.rules).authentication == Authentication.MAIL_WORD


def word_of(link: ReviewLink) -> str:
    """The short word that is printed in the mail, such as ``kavo-temi``; kept nowhere."""
    whole = hmac.new(settings.LINK_KEY, _WORD_PURPOSE + link.id.bytes, hashlib.sha256).digest()
    number = int.from_bytes(whole)
    syllables = []
    for _ in range(_SYLLABLES):
        number, consonant = divmod(number, len(_CONSONANTS))
        number, vowel = divmod(number, len(_VOWELS))
        syllables.append(_CONSONANTS[consonant] + _VOWELS[vowel])
    half = _SYLLABLES // 2
    return f"{''.join(syllables[:half])}-{''.join(syllables[half:])}"


@transaction.atomic(durable=True)
def is_the_word(link: ReviewLink, said: str) -> bool:
    """Whether this is the word of the mail. A few wrong ones end it for this link, for good.

    Nobody is locked out by that: the link still leads to the sign-in page.
    """
    row = ReviewLink.objects.select_for_update().get(pk=link.pk)
    if row.word_failures >= WORD_TRIES:
        return False
    fits = hmac.compare_digest(_letters(said), _letters(word_of(row)))
    if not fits:
        row.word_failures += 1
        row.save(update_fields=["word_failures"])
    return fits


def tries_left(link: ReviewLink) -> int:
    """How many wrong words the link still bears."""
    failures = ReviewLink.objects.values_list("word_failures", flat=True).get(pk=link.pk)
    return max(WORD_TRIES - failures, 0)


def _letters(word: str) -> bytes:
    """Case, hyphens and spaces make no difference."""
    return "".join(one for one in word.casefold() if one.isalpha()).encode()


def _mac(link_id: uuid.UUID) -> str:
    whole = hmac.new(settings.LINK_KEY, _PURPOSE + link_id.bytes, hashlib.sha256).digest()
    return whole[:_MAC_BYTES].hex()
