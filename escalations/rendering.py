"""Which text of the templates showed a request: recorded with every vote."""

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings

PAGE = (
    "escalations/case.html",
    "escalations/_act.html",
    "escalations/_agent_words.html",
    "escalations/_option_card.html",
    "escalations/_choices.html",
    "escalations/_decide.html",
    "escalations/_answer_fields.html",
    "escalations/_scope.html",
)
BY_MAIL = (
    "escalations/by_mail.html",
    "escalations/_act.html",
    "escalations/_agent_words.html",
    "escalations/_option_card.html",
    "escalations/_choices.html",
    "escalations/_answer_fields.html",
)
GROUP = (
    "escalations/together/group.html",
    "escalations/_act.html",
    "escalations/_agent_words.html",
    "escalations/_option_card.html",
    "escalations/_choices.html",
    "escalations/_answer_fields.html",
)
LIST = ("escalations/together/list.html",)
ADMIN = ("escalations/admin_decide.html",)


@cache
def template_version(names: tuple[str, ...] = PAGE) -> str:
    """A short fingerprint of the templates that render a request."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(Path(settings.BASE_DIR, "templates", name).read_bytes())
    return digest.hexdigest()[:12]
