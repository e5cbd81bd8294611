"""What a person wrote to colleagues and could not send: it stands in the form again."""

from typing import Any

from django import template

from governance.asking.together.forms import draft_name
from governance.people.models import User
from governance.people.signed_in import draft_of

register = template.Library()
FORMS = {"comment": "comment_form", "snooze": "snooze_form", "hand_over": "hand_over_form"}


@register.simple_tag(takes_context=True)
def kept_words(context: template.Context, together: dict[str, Any] | None) -> dict[str, Any]:
    """The refused words by form; the forms of the panel are filled in with them."""
    request = context.get("request")
    if not together or request is None or not isinstance(request.user, User):
        return {}
    found = {}
    for what, name in FORMS.items():
        words = draft_of(request, draft_name(what, together["ask"].pk))
        if words is None:
            continue
        found[what] = words.dict()
        if form := together.get(name):
            form.initial = {**form.initial, **found[what]}
    return found
