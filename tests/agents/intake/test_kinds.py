"""Agents are told from what lies beside them: skills, commands, rules, documents."""

import io
import zipfile

import pytest

from agents.intake.archives import from_path, from_uploads, from_zip
from agents.intake.kinds import tree_of, why_no_agent, why_no_definition

NAMED = b"---\nname: worker\ndescription: Works.\n---\nYou work.\n"
COMMAND = b"---\nname: go\nallowed-tools: Bash\n---\nGo.\n"
WITH_TOOLS = b"---\nname: worker\ntools: Read\n---\nYou work.\n"
UNNAMED = b"# Text\n\nYou work.\n"
PLACE = "left/worker.md", "right/other.md"


def why(path: str, raw: bytes, *others: str) -> str:
    return why_no_agent(path, raw, tree_of([path, *PLACE, *others]))


@pytest.mark.parametrize(
    ("path", "raw", "part"),
    [
        ("skills/pdf/SKILL.md", NAMED, "a skill"),
        ("pdf/skill.md", NAMED, "a skill"),
        (".claude/skills/pdf/notes.md", NAMED, "skills"),
        ("commands/deploy.md", UNNAMED, "command"),
        (".claude/commands/go.md", COMMAND, "command"),
        ("prompts/plan.md", UNNAMED, "prompt"),
        ("plan.prompt.md", NAMED, "prompt"),
        ("style.instructions.md", NAMED, "instructs"),
        ("rules/style.md", UNNAMED, "instructs"),
        ("docs/guide.md", UNNAMED, "docs"),
        ("a/examples/one/plan.md", UNNAMED, "examples"),
        ("templates/plan-template.md", UNNAMED, "templates"),
        ("SECURITY.md", UNNAMED, "about its folder"),
        ("README.zh-CN.md", UNNAMED, "about its folder"),
        ("readme_ja.md", UNNAMED, "about its folder"),
    ],
)
def test_what_is_no_agent_is_left_out_with_its_reason(path, raw, part):
    assert part in why(path, raw)


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("skills/pdf/agents/reader.md", UNNAMED),
        ("docs/ja/agents/reader.md", UNNAMED),
        ("docs/reader.agent.md", UNNAMED),
        ("skills/planner.chatmode.md", UNNAMED),
        ("commands/worker.md", WITH_TOOLS),
        ("prompts/worker.md", NAMED),
        ("rules/worker.md", NAMED),
        ("docs/worker.md", NAMED),
        ("readme-generator.md", UNNAMED),
        ("security.md", UNNAMED),
        ("engineering/worker.md", UNNAMED),
    ],
)
def test_what_may_be_an_agent_comes_in(path, raw):
    assert why(path, raw) == ""


def test_windows_line_ends_and_a_name_that_never_comes_cost_nothing():
    # Found on a real file: a pattern with two ways to end a line tried all their combinations.
    lines = b"---\r\n" + b"key: value\r\n" * 80
    assert why("docs/guide.md", lines) != ""
    assert why("docs/guide.md", lines + b"name: worker\r\n---\r\n") == ""


def test_a_name_in_the_text_or_within_another_key_names_no_agent():
    assert why("docs/guide.md", b"---\ntitle: Guide\n---\nname: x\n") != ""
    assert why("docs/guide.md", b"---\nauthor:\n  name: Eva\n---\n") != ""
    assert why("docs/guide.md", b"---\n name: worker\n tools: Read\n---\n") == ""


def test_a_name_in_utf_16_is_read():
    assert why("docs/worker.md", NAMED.decode().encode("utf-16")) == ""


def test_what_lies_beside_a_skill_belongs_to_it_but_its_agents_do_not():
    assert "pdf" in why("pdf/reference.md", NAMED, "pdf/SKILL.md")
    assert "pdf" in why("pdf/more/reference.md", UNNAMED, "pdf/SKILL.md")
    assert why("pdf/agents/reader.md", NAMED, "pdf/SKILL.md") == ""
    assert why("pdfs/reader.md", NAMED, "pdf/SKILL.md") == ""


def test_a_skill_at_the_top_does_not_make_the_whole_folder_its_own():
    assert why("worker.md", NAMED, "SKILL.md") == ""


def test_the_folder_that_was_chosen_says_nothing_about_the_files_in_it():
    tree = tree_of(["docs/one.md", "docs/two.md"])
    assert why_no_agent("docs/one.md", UNNAMED, tree) == ""
    assert why_no_agent("one.md", UNNAMED, tree_of(["one.md"])) == ""


def test_a_rule_of_cursor_and_an_issue_template_are_called_so():
    assert "Cursor" in why_no_definition("rules/style.mdc")
    assert "ISSUE_TEMPLATE" in why_no_definition(".github/ISSUE_TEMPLATE/bug.md")


def files(tmp_path):
    for path, raw in (
        ("agents/worker.md", NAMED),
        ("skills/pdf/SKILL.md", NAMED),
        ("docs/guide.md", UNNAMED),
        ("README.md", UNNAMED),
        ("logo.png", b"x"),
    ):
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(raw)
    return tmp_path


def taken(found) -> set[str]:
    return {file.path for file in found if not file.skipped}


def test_folder_zip_and_uploads_tell_the_same_apart(tmp_path):
    folder = files(tmp_path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder).as_posix())
    uploads = [
        (file.relative_to(folder).as_posix(), io.BytesIO(file.read_bytes()))
        for file in sorted(folder.rglob("*.*"))
    ]
    assert taken(from_path(folder)) == {"agents/worker.md"}
    assert taken(from_zip(packed)) == {"agents/worker.md"}
    assert taken(from_uploads(uploads)) == {"agents/worker.md"}


def test_everything_takes_each_markdown_file_for_a_definition(tmp_path):
    found = from_path(files(tmp_path), everything=True)
    assert len(taken(found)) == 4
    assert [file.path for file in found if file.skipped] == ["logo.png"]
