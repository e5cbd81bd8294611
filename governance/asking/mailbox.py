"""The development mailbox: mail that the file backend wrote, on a page. Never in production."""

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

import nh3
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

SHOWN = 200
# What Django's file backend writes after each message.
_BETWEEN = b"-" * 79 + b"\n"
_ADDRESS = re.compile(r"https?://[^\s<>&\"]+(?:&amp;[^\s<>&\"]+)*")
_TAGS = {"a", "b", "blockquote", "br", "div", "em", "h1", "h2", "h3", "hr", "i", "li", "ol", "p"}
_TAGS |= {"pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}


@dataclass(frozen=True, slots=True)
class Mail:
    """One stored message; ``key`` names it in addresses."""

    key: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "(no subject)")

    @property
    def to(self) -> str:
        return str(self.message["To"] or "")

    @property
    def sender(self) -> str:
        return str(self.message["From"] or "")

    @property
    def at(self) -> datetime:
        written = self.message["Date"]
        at = parsedate_to_datetime(written) if written else datetime.fromtimestamp(0, UTC)
        # Django writes the date as -0000: UTC, read back without a zone.
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    @property
    def text(self) -> SafeString:
        """The text part with its addresses as links."""
        return linked(self._part("plain"))

    @property
    def html(self) -> SafeString:
        """The HTML part without styles, images and scripts."""
        clean = nh3.clean(
            self._part("html"),
            tags=_TAGS,
            attributes={"a": {"href"}},
            url_schemes={"http", "https", "mailto"},
        )
        return mark_safe(clean)  # noqa: S308 - sanitised one line above

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, str(value)) for name, value in self.message.items()]

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()) if part else ""


def linked(text: str) -> SafeString:
    """Plain text as HTML, http addresses clickable."""
    marked = _ADDRESS.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', escape(text))
    return mark_safe(marked)  # noqa: S308 - escaped one line above


def mails() -> list[Mail]:
    """The newest stored mails, the latest first."""
    return sorted(_stored(), key=lambda mail: mail.at, reverse=True)[:SHOWN]


def _stored() -> Iterator[Mail]:
    files = sorted(Path(settings.MAILBOX_PATH).glob("*.log"), reverse=True)
    for file in files[:SHOWN]:
        for index, raw in enumerate(_messages(file.read_bytes())):
            key = re.sub(r"[^A-Za-z0-9_-]", "-", file.stem)
            message = email.message_from_bytes(raw, policy=policy.default)
            yield Mail(f"{key}-{index}", message)


def _messages(content: bytes) -> list[bytes]:
    return [part for part in content.split(_BETWEEN) if part.strip()]


def _need_mailbox() -> None:
    if not settings.MAILBOX_PATH or settings.PRODUCTION:
        raise Http404("There is no development mailbox here.")


@never_cache
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every mail sent by this development installation."""
    _need_mailbox()
    return render(request, "asking/mailbox.html", {"mails": mails()})


@never_cache
@require_safe
def message(request: HttpRequest, key: str) -> HttpResponse:
    """One mail: text, HTML and headers."""
    _need_mailbox()
    mail = next((mail for mail in mails() if mail.key == key), None)
    if mail is None:
        raise Http404("There is no such mail.")
    return render(request, "asking/mailbox_message.html", {"mail": mail})
