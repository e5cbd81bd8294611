"""The guides name everything that there is, and no link in them is dead."""

import re
import struct
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.core.management import BaseCommand, load_command_class

from devtools.commands import COMMANDS
from devtools.places import ROOT

DOCS = ROOT / "docs"
IMAGES = DOCS / "img"
OPERATOR, RUNNER, USER = (DOCS / f"{name}-guide.md" for name in ("operator", "runner", "user"))
CLIENT = ROOT / "client/README.md"
PAGES = sorted(
    [*DOCS.rglob("*.md"), *(ROOT / f"{name}.md" for name in ("README", "CHANGELOG"))]
    + [ROOT / "CONTRIBUTING.md", CLIENT]
)
MOST_IMAGES, LARGEST_IMAGE = 12, 300_000
WIDEST = 1280
LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)|<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\"")
CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/?[^`\s?]+)")
PARAMETER = re.compile(r"\{[^}]+\}|ESC-12")
VERBS = {"get", "post", "put", "patch", "delete"}
# What Django gives every command.
COMMON = {action.dest for action in BaseCommand().create_parser("manage.py", "any")._actions}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """The page without its blocks of code, in which nothing is a link or a heading."""
    return re.sub(r"^ *```.*?^ *```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def anchors_of(page: Path) -> set[str]:
    """The anchors of headings as GitHub makes them; the second of a name ends with -1."""
    found: dict[str, int] = {}
    anchors = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose_of(page), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower().strip()).replace(" ", "-")
        count = found[slug] = found.get(slug, -1) + 1
        anchors.add(f"{slug}-{count}" if count else slug)
    return anchors


def links_of(page: Path) -> Iterator[tuple[Path, str]]:
    """The files that a page leads to, each with the anchor in it."""
    prose = re.sub(r"`[^`\n]*`", "", prose_of(page))
    for groups in LINK.findall(prose):
        target, _, anchor = next(filter(None, groups)).partition("#")
        if not re.match(r"[a-z]+:", target):
            yield (page.parent / target).resolve() if target else page, anchor


def calls_in(page: Path) -> set[tuple[str, str]]:
    """The calls that a page names, without what is different each time."""
    return {(verb, PARAMETER.sub("{}", path)) for verb, path in CALL.findall(text_of(page))}


def calls_of_the_api() -> set[tuple[str, str]]:
    document = yaml.safe_load(text_of(DOCS / "openapi.yaml"))
    return {
        (verb.upper(), PARAMETER.sub("{}", path.removeprefix("/api/v1/")))
        for path, verbs in document["paths"].items()
        for verb in verbs
        if verb in VERBS
    }


def commands_of_the_portal() -> Iterator[tuple[str, str]]:
    """The app and the name of each management command."""
    for folder in ("governance", "agents", "escalations"):
        for path in (ROOT / folder).rglob("management/commands/*.py"):
            if not path.stem.startswith("_"):
                app = path.relative_to(ROOT).parts[:-3]
                yield ".".join(app), path.stem


def options_of(parser: ArgumentParser) -> set[str]:
    """The longest name of each option."""
    return {
        max(action.option_strings, key=len)
        for action in parser._actions
        if action.option_strings and action.dest not in COMMON
    }


def commands_of_stuck(monkeypatch: pytest.MonkeyPatch) -> dict[str, ArgumentParser]:
    monkeypatch.syspath_prepend(str(ROOT / "client"))
    parser_module = __import__("stuck.parser", fromlist=["make_parser"])
    assert Path(sys.modules["stuck"].__path__[0]).parent == ROOT / "client"
    actions = parser_module.make_parser()._actions
    return next(dict(one.choices) for one in actions if isinstance(one, _SubParsersAction))


def size_of(image: Path) -> tuple[int, int]:
    """Width and height, from the header of a PNG."""
    width, height = struct.unpack(">II", image.read_bytes()[16:24])
    return width, height


# --- everything that there is ----------------------------------------------------------------


def test_the_runner_guide_names_every_call_of_the_api_and_no_other():
    named = {call for call in calls_in(RUNNER) if not call[1].startswith("/")}

    assert named == calls_of_the_api()


def test_every_call_that_another_guide_names_exists():
    for page in (USER, OPERATOR, CLIENT, ROOT / "README.md", *DOCS.glob("*.md")):
        named = {(verb, path.removeprefix("/api/v1/")) for verb, path in calls_in(page)}
        assert {call for call in named if not call[1].startswith("/")} <= calls_of_the_api(), page


def test_the_operator_guide_names_every_command_with_every_option():
    section = text_of(OPERATOR).split("\n## Commands\n")[1].split("\n## ")[0]
    for app, name in commands_of_the_portal():
        row = next((line for line in section.splitlines() if line.startswith(f"| `{name}")), "")
        assert row, f"{name} is missing"
        # Of Django's own command only what the portal changes is told.
        if name != "migrate":
            parser = load_command_class(app, name).create_parser("manage.py", name)
            assert {option for option in options_of(parser) if option not in row} == set(), name


def test_every_command_of_dev_py_is_told():
    told = text_of(ROOT / "CONTRIBUTING.md")

    assert {name for name in COMMANDS if f"python3 dev.py {name}" not in told} == set()


def test_the_client_names_every_command_with_every_option(monkeypatch):
    told = text_of(CLIENT)
    for name, parser in commands_of_stuck(monkeypatch).items():
        rows = [line for line in told.splitlines() if line.startswith(f"| `stuck {name}")]
        assert rows, f"stuck {name} is missing"
        options = {option for option in options_of(parser) if option not in "".join(rows)}
        assert options == set(), f"stuck {name}"


def test_every_benchmark_is_told():
    names = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    told = "".join(text_of(page) for page in PAGES)

    assert {name for name in names if f"bench {name}" not in told} == set()


# --- nothing dead ------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    dead = [
        f"{target}#{anchor}"
        for target, anchor in links_of(page)
        if not target.exists()
        or (anchor and target.suffix == ".md" and anchor not in anchors_of(target))
    ]

    assert dead == []


def test_every_page_of_the_docs_is_linked_from_another():
    linked = {target for page in PAGES for target, _ in links_of(page) if target != page}
    folders = {target for target in linked if target.is_dir()}
    pages = set(DOCS.rglob("*.md"))

    assert {page for page in pages if page not in linked and page.parent not in folders} == set()


def test_every_image_is_shown_and_small():
    images = set(IMAGES.iterdir())
    shown = {target for page in PAGES for target, _ in links_of(page)}

    assert images <= shown
    assert len(images) <= MOST_IMAGES
    for image in images:
        assert image.stat().st_size < LARGEST_IMAGE, image.name
        assert size_of(image)[0] <= WIDEST, image.name
