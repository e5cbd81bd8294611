"""What a template hands on to the parts that it includes."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
INCLUDE = re.compile(r'{% include "(?P<name>[^"]+)"(?P<rest>[^%]*)%}')
SOURCES = {str(path.relative_to(TEMPLATES)): path.read_text() for path in TEMPLATES.rglob("*.html")}


def has_a_form(name: str) -> bool:
    """Whether a part, or one that it includes, posts something."""
    source = SOURCES.get(name, "")
    return "{% csrf_token %}" in source or any(
        has_a_form(found["name"]) for found in INCLUDE.finditer(source) if found["name"] != name
    )


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_part_with_a_form_gets_the_token_that_protects_it(name: str) -> None:
    cut_off = [
        found["name"]
        for found in INCLUDE.finditer(SOURCES[name])
        if "only" in found["rest"].split() and has_a_form(found["name"])
    ]
    assert not cut_off, f"{name} includes {cut_off} with `only`, which drops the token"
