"""The switch for notices in this browser, on pages of any app."""

from typing import Any

from django import template
from django.conf import settings

from governance.asking.channels import subscriptions
from governance.asking.channels.webpush import encoded, point_of, private_key
from governance.people.models import User

register = template.Library()


@register.simple_tag
def push_of(user: User) -> dict[str, Any]:
    """The portal's public key for browsers, empty where push is off, and a person's browsers."""
    if not subscriptions.is_on():
        return {"key": "", "browsers": []}
    public = private_key(settings.VAPID_KEY).public_key()
    return {"key": encoded(point_of(public)), "browsers": list(subscriptions.browsers_of(user))}
