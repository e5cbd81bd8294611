"""Precedents on pages that lie below cases: the constitution's articles, an agent's rules."""

from typing import Any

from django import template

from agents.models import AgentVersion
from escalations.precedents.pages import marks_by_key

register = template.Library()


@register.inclusion_tag("escalations/precedents/_marks.html", takes_context=True)
def precedents_of(context: template.Context, about: str, key: str) -> dict[str, Any]:
    """The precedents of one trigger or principle; all of a page are read in one query."""
    kept: dict[str, Any] = context.render_context.setdefault("precedents", {})  # type: ignore[arg-type,assignment]  # stubs know Django's own keys only
    if about not in kept:
        kept[about] = marks_by_key(about)
    return {"lines": kept[about].get(key, [])}


@register.inclusion_tag("escalations/precedents/_marks_of_agent.html")
def precedents_for(version: AgentVersion | None) -> dict[str, Any]:
    """The precedents of the triggers of an agent's version, by trigger."""
    triggers = version.triggers.all() if version else []
    titles = {trigger.key: trigger.title for trigger in triggers}
    found = marks_by_key("trigger", list(titles)) if titles else {}
    return {"groups": [(titles[key], lines) for key, lines in found.items()]}
