import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines
from django.template.loader import get_template
from django.test import RequestFactory

from governance.base.samples import samples

TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))
MAIL = Path(settings.BASE_DIR, "templates", "mail")
INLINE = re.compile(r"""<style|\sstyle=["']|\son[a-z]+=["']|hx-on|<script(?![^>]*(src=|json))""")


@pytest.mark.parametrize(
    "path", [path for path in TEMPLATES if MAIL not in path.parents], ids=lambda path: path.name
)
def test_no_page_needs_inline_styles_or_scripts(path: Path):
    assert not INLINE.search(path.read_text())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_icon_used_is_in_the_sprite(path: Path):
    sprite = Path(settings.BASE_DIR, "static", "icons.svg").read_text()
    used = re.findall(r'{% icon "([^"]+)"', path.read_text())
    used += re.findall(r'icon_name="([^"]+)"', path.read_text())
    assert [name for name in used if f'id="{name}"' not in sprite] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_template_compiles(path: Path):
    engines["django"].from_string(path.read_text())


def test_text_is_cut_before_it_is_shown_never_after():
    wrong = [path.name for path in TEMPLATES if "|visible|truncate" in path.read_text()]
    assert wrong == []


def test_the_page_of_a_failure_needs_no_context():
    assert "The portal failed" in get_template("500.html").render({})


def test_the_style_guide_shows_every_component(now):
    shown = get_template("styleguide.html").template.source
    by_tag = {"callout", "claim", "known", "fingerprint"}
    by_frame = {"dialog", "printed_note", "messages", "nav", "user_menu", "head", "footer_links"}
    # The page around them gives them their places and their form.
    by_frame |= {"subnav", "editor", "standing_still"}
    inner = {"field", "field_notes"}
    names = {path.stem for path in TEMPLATES if path.parent.name == "components"}
    missing = {name for name in names if f"components/{name}.html" not in shown}
    assert missing == by_tag | by_frame | inner
    assert all(f"{{% {tag} " in shown or f"{{% {tag} %}}" in shown for tag in by_tag)
    assert samples(now)["form_with_errors"].errors


@pytest.mark.django_db
def test_strangers_do_not_see_the_style_guide(client):
    assert client.get("/styleguide/").status_code == 302


def test_a_sample_request_renders_without_a_user():
    html = get_template("404.html").render({}, RequestFactory().get("/nowhere/"))
    assert "Nothing is here" in html
