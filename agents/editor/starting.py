"""What a new definition can start from: the blank form, the stuck agent, any agent as a model."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.text import slugify

from agents.models import Agent
from agents.permissions import agent_for, agents_for
from agents.placeholders import UNNAMED
from governance.base.errors import NotThere
from governance.base.keys import slug

BLANK, STUCK, MODEL = "blank", "stuck", "agent:"
MOST_OFFERED = 200
_HERE = Path(__file__).parent
_FILES = {
    BLANK: _HERE / "starts" / "blank.md",
    STUCK: _HERE.parent / "sample" / "stuck.md",
}
_NAME = re.compile(r"^name:[^\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Start:
    """A text to begin with, the name of its file, and the family it belongs to."""

    text: str
    filename: str
    family: str = ""


def start_from(template: str, *, name: str, family: str, by: Any) -> Start:
    """The text of a template under a new name."""
    if template.startswith(MODEL):
        model = agent_for(by, template.removeprefix(MODEL))
        return _from_model(model, slug(name, limit=120) if name else UNNAMED, family)
    path = _FILES.get(template)
    if path is None:
        raise NotThere("There is no such template.", code="unknown_template")
    text = path.read_text(encoding="utf-8")
    before = UNNAMED if template == BLANK else template
    named = slug(name, limit=120) if name else before
    return Start(_renamed(text, before, named), f"{named}.md", family)


def _from_model(model: Agent, name: str, family: str) -> Start:
    newest = model.versions.order_by("-sequence").first()
    if newest is None:
        raise NotThere(f"{model.name} has no version yet.", code="unknown_version")
    return Start(_renamed(newest.text, model.slug, name), f"{name}.md", family or model.family.name)


def _renamed(text: str, before: str, after: str) -> str:
    """The name in the frontmatter and in the block that is handed over."""
    text = _NAME.sub(f"name: {after}", text, count=1)
    return re.sub(rf"^(\s*Agent:\s*){re.escape(before)}\s*$", rf"\g<1>{after}", text, flags=re.M)


def templates(by: Any, family: str = "") -> list[tuple[str, str]]:
    """Value and label of each template; of the agents as many as a list can hold."""
    models = agents_for(by).filter(versions__isnull=False).distinct().order_by("slug")
    if family:
        models = models.filter(family__slug=slugify(family))
    return [
        (BLANK, "Blank: the form that this family follows"),
        (STUCK, "The stuck agent: carries questions to people"),
        *((f"{MODEL}{one.slug}", f"Like {one.name}") for one in models[:MOST_OFFERED]),
    ]
