"""Tags and filters of the design system; ``docs/design-system.md`` lists them."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from governance.base import encoding
from governance.base.prose import render_prose

register = template.Library()

_MARKER = re.compile(r"‹U\+[0-9A-F]{4,6}›")
_MINUTE, _DAY = 60, 86400
_CALLOUT_ICONS = {"info": "info", "good": "check-circle", "warn": "warning", "bad": "halt"}


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """One icon of the sprite; decoration unless a ``label`` is given."""
    href = f"{static('icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, href
        )
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', href
    )


@register.simple_tag
def badge(value: str, tone: str, label: str = "") -> SafeString:
    """A status: its tone comes from the ``TONES`` table beside the status."""
    return format_html(
        '<span class="badge" data-tone="{}" data-status="{}">{}</span>',
        tone or "neutral",
        value,
        label or str(value).replace("_", " ").capitalize(),
    )


@register.simple_tag(takes_context=True)
def when(context: template.Context, at: datetime | None, empty: str = "never") -> SafeString:
    """A moment: relative in the text, on the reader's clock in the title, exact for machines."""
    if at is None:
        return format_html('<span class="muted">{}</span>', empty)
    now = context.get("now") or timezone.now()
    zone = zone_of_reader(context)
    return format_html(
        '<time datetime="{}" title="{}" data-live>{}</time>',
        at.isoformat(timespec="seconds"),
        _absolute(at, zone),
        relative(at, now=now, zone=zone),
    )


def zone_of_reader(context: template.Context) -> tzinfo:
    """The zone of the person who is signed in; the portal's own for everybody else."""
    name = getattr(context.get("user"), "time_zone", "")
    try:
        return ZoneInfo(name) if name else timezone.get_current_timezone()
    except (ZoneInfoNotFoundError, ValueError):
        return timezone.get_current_timezone()


@register.simple_tag(takes_context=True)
def clock(context: template.Context, at: datetime) -> str:
    """``03:51:27 JST``: a moment of today on the reader's clock."""
    return f"{at.astimezone(zone_of_reader(context)):%H:%M:%S %Z}"


def _absolute(at: datetime, zone: tzinfo) -> str:
    """``Wednesday 25 November 2026, 12:51:27 JST (Asia/Tokyo)``."""
    local = at.astimezone(zone) if timezone.is_aware(at) else at
    place = f" ({zone})" if str(zone) != (local.tzname() or "") else ""
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S} {local.tzname() or ''}{place}".strip()


def relative(at: datetime, *, now: datetime, zone: tzinfo = UTC) -> str:
    """``3 min ago``, ``in 2 h``; beyond a month the date itself."""
    seconds = (at - now).total_seconds()
    if abs(seconds) < _MINUTE:
        return "just now" if seconds <= 0 else "in a moment"
    if abs(seconds) >= 30 * _DAY:
        local = at.astimezone(zone) if timezone.is_aware(at) else at
        return f"{local.day} {local:%b %Y}"
    amount = _amount(timedelta(seconds=abs(seconds)))
    return f"in {amount}" if seconds > 0 else f"{amount} ago"


def _amount(span: timedelta) -> str:
    minutes = round(span.total_seconds() / _MINUTE)
    if minutes < 60:
        return f"{minutes} min"
    hours = round(minutes / 60)
    if hours < 24:
        return f"{hours} h"
    days = round(hours / 24)
    return "1 day" if days == 1 else f"{days} days"


@register.inclusion_tag("components/fingerprint.html")
def fingerprint(sha256: str, length: int = 12) -> dict[str, Any]:
    """The beginning of a hash, the whole of it in the title and in the copy button."""
    return {"sha256": sha256, "short": str(sha256 or "")[:length]}


@register.filter
def visible(text: object) -> SafeString:
    """Text as written, with every hidden character shown and marked."""
    shown = encoding.visible("" if text is None else str(text))
    return mark_safe(mark_hidden(escape(shown)))  # noqa: S308 - escaped one call earlier


def mark_hidden(escaped: str) -> str:
    """Wrap each ``‹U+202E›`` in already escaped text."""
    return _MARKER.sub(
        lambda found: f'<mark class="unsafe-char" title="hidden character">{found[0]}</mark>',
        escaped,
    )


@register.filter
def prose(text: object) -> SafeString:
    """Markdown of definitions and constitutions as safe HTML."""
    html = render_prose("" if text is None else str(text))
    return mark_safe(mark_hidden(html))  # noqa: S308 - sanitised by render_prose


@register.filter
def pretty_json(value: object) -> str:
    """A value as indented JSON with sorted keys, complete."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=str)


@register.filter
def json_kind(value: object) -> str:
    """Which JSON type a value has: it decides how the tree shows it."""
    if value is None or isinstance(value, bool):
        return "word"
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "array"
    return "text" if isinstance(value, str) else "number"


@register.filter
def json_word(value: object) -> str:
    """``null``, ``true`` or ``false``."""
    return json.dumps(value)


@register.filter
def field_name(name: object) -> str:
    """``Security_Considerations`` as people write it."""
    return str(name).replace("_", " ").strip().capitalize()


@register.filter
def initials(name: object) -> str:
    """One or two letters that stand for a person."""
    words = re.findall(r"\w+", str(name or "").split("@")[0])
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


@register.simple_block_tag
def callout(content: str, tone: str = "info", title: str = "", name: str = "") -> SafeString:
    """A sentence that must not be overlooked; ``name`` chooses another icon."""
    return render_to_string(
        "components/callout.html",
        {
            "tone": tone,
            "title": title,
            "text": mark_safe(content.strip()),  # noqa: S308 - rendered by the template
            "icon_name": name or _CALLOUT_ICONS.get(tone, "info"),
        },
    )


@register.simple_block_tag
def claim(content: str, who: str = "the agent", title: str = "") -> SafeString:
    """A box around what somebody outside the portal says and nobody has checked."""
    return render_to_string("components/claim.html", {"body": content, "who": who, "title": title})


@register.simple_block_tag
def known(content: str, title: str = "Known to the portal", note: str = "") -> SafeString:
    """A box around what the portal itself has recorded or computed."""
    return render_to_string(
        "components/known.html", {"body": content, "title": title, "note": note}
    )
