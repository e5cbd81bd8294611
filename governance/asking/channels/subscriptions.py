"""Which browsers show notices of a person."""

import hmac
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from governance.asking.channels.outbound import Refused, target_of
from governance.asking.channels.webpush import browser_key, browser_secret
from governance.asking.models import PushSubscription
from governance.audit.services import append
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.people.models import User
from governance.people.services import actor_of

# Each is a call of some seconds at worst, and a worker sends to all of them in one go.
MOST_BROWSERS = 5
LONGEST_ENDPOINT = 500


def is_on() -> bool:
    """Whether this portal has a key for Web Push."""
    return bool(settings.VAPID_KEY)


@transaction.atomic
def subscribe(
    *, user: User, endpoint: str, p256dh: str, auth: str, label: str, at: datetime
) -> PushSubscription:
    """Show notices in a browser from now on; the same browser again changes nothing.

    A browser that another person used before is theirs no more: whoever knows its secret has it
    in hand. Raises :class:`InvalidInput` for what no browser sends, :class:`Conflict` where it
    is too much or somebody else's.
    """
    _check(endpoint, p256dh, auth)
    known = PushSubscription.objects.select_for_update().filter(endpoint=endpoint).first()
    if known and not hmac.compare_digest(known.auth.encode(), auth.encode()):
        raise Conflict("This browser is known with another secret.", code="other_browser")
    if known and known.user_id == user.pk and known.gone_at is None:
        return known
    # Of two at once the second waits, and counts the first.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if browsers_of(user).count() >= MOST_BROWSERS:
        raise Conflict(
            f"{MOST_BROWSERS} browsers show your notices already. Remove one first.",
            code="too_many_browsers",
        )
    one = known or PushSubscription(endpoint=endpoint)
    one.user, one.p256dh, one.auth = user, p256dh, auth
    one.label = label.replace("\0", "\ufffd").strip()[:120]
    one.created_at, one.gone_at = at, None
    one.save()
    _record(one, "push.switched_on", user, at)
    return one


def _check(endpoint: str, p256dh: str, auth: str) -> None:
    try:
        browser_key(p256dh), browser_secret(auth)
    except ValueError as error:
        raise InvalidInput("The browser sent no usable key.", code="bad_key") from error
    if len(endpoint) > LONGEST_ENDPOINT:
        raise InvalidInput("The address of the push service is too long.", code="bad_endpoint")
    try:
        target_of(endpoint, private=is_own_service(endpoint))
    except Refused as refusal:
        raise InvalidInput(
            f"The portal does not call this push service. {refusal}", code="bad_endpoint"
        ) from refusal


def is_own_service(endpoint: str) -> bool:
    """Whether the operator named this push service as one on the own network."""
    if not endpoint.startswith("https://"):
        return False
    try:
        return target_of(endpoint, private=True).host in settings.PUSH_PRIVATE_HOSTS
    except Refused:
        return False


@transaction.atomic
def remove(*, subscription_id: int, by: User, at: datetime) -> None:
    """Show nothing in this browser any more."""
    found = PushSubscription.objects.select_for_update().filter(pk=subscription_id, user=by).first()
    if found is None:
        raise NotThere("There is no such browser of yours.")
    if found.gone_at is None:
        _end(found, "push.switched_off", by, at)


@transaction.atomic
def forget(one: PushSubscription, *, at: datetime) -> None:
    """The push service says that this browser is no more."""
    PushSubscription.objects.filter(pk=one.pk, gone_at=None).update(gone_at=at)


def browsers_of(user: User) -> QuerySet[PushSubscription]:
    """The browsers that show notices of a person now."""
    return PushSubscription.objects.filter(user=user, gone_at=None)


def _end(one: PushSubscription, kind: str, by: User, at: datetime) -> None:
    one.gone_at = at
    one.save(update_fields=["gone_at"])
    _record(one, kind, by, at)


def _record(one: PushSubscription, kind: str, by: User, at: datetime) -> None:
    append(stream=by.subject, kind=kind, by=actor_of(by), at=at, data={"browser": one.pk})
