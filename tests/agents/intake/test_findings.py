"""Everything that is known to be wrong with real files, each as a finding (traps 73 and 74)."""

import codecs

import pytest

from agents.importing import slug_of
from agents.intake.fixing import apply_fix, fixed_by_all, is_fixable
from agents.parsing import parse_definition

PLAIN = """---
name: worker
description: Works.
tools: Read
---

# Worker

You work.
"""
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"


def front(*lines: str, body: str = "\n# Worker\n\nYou work.\n") -> bytes:
    return ("---\n" + "\n".join(lines) + "\n---\n" + body).encode()


def replaced(old: str, new: str) -> bytes:
    assert old in PLAIN
    return PLAIN.replace(old, new).encode()


# code, severity, line, whether one click mends it, the bytes
CASES = [
    ("UNQUOTED_VALUE", "warning", 3, True, replaced("Works.", "Use when: always")),
    ("FRONTMATTER_UNPARSEABLE", "error", 3, False, replaced("Works.", "Use when: always")),
    ("UNQUOTED_VALUE", "warning", 3, True, replaced("Works.", "*bold* words")),
    ("UNQUOTED_VALUE", "warning", 3, True, replaced("Works.", "@here")),
    ("CONTROL_CHARACTER", "error", 3, True, replaced("Works.", "Wor\x07ks.")),
    ("FRONTMATTER_UNPARSEABLE", "error", 3, False, replaced("Works.", "Wor\x07ks.")),
    ("FRONTMATTER_MISSING", "error", 1, False, b"# Worker\n\nYou work.\n"),
    ("FRONTMATTER_UNTERMINATED", "error", 1, True, b"---\nname: worker\ntools: x\n\n# W\n\nDo.\n"),
    (
        "FRONTMATTER_UNTERMINATED",
        "error",
        1,
        True,
        b"---\nname: worker\ntools: Read\n\n# W\n\nDo it.\n\n---\n\nMore.\n",
    ),
    ("FRONTMATTER_AFTER_BLANK_LINE", "warning", 3, True, b"\n\n" + PLAIN.encode()),
    ("BYTE_ORDER_MARK", "info", 1, True, codecs.BOM_UTF8 + PLAIN.encode()),
    ("ENCODING_UTF16", "warning", 1, True, PLAIN.encode("utf-16")),
    ("ENCODING_UTF16", "warning", 1, True, PLAIN.encode("utf-16-be")),
    ("LINE_ENDS", "info", 0, True, PLAIN.replace("\n", "\r\n").encode()),
    ("LINE_ENDS", "info", 0, True, PLAIN.replace("\n", "\r").encode()),
    ("ENCODING_REPAIRED", "warning", 9, True, replaced("You work.", "Itâ€™s cafÃ© work.")),
    ("ENCODING_NOT_UTF8", "warning", 9, True, replaced("You work.", "§").replace(b"\xc2", b"")),
    ("ZERO_WIDTH_CHARACTER", "warning", 9, True, replaced("You work.", "You wo\u200brk.")),
    ("BIDI_CHARACTER", "error", 9, True, replaced("You work.", "You \u202ework.")),
    ("TAG_CHARACTER", "error", 9, True, replaced("You work.", "You work.\U000e0041")),
    ("NUL_CHARACTER", "error", 9, True, replaced("You work.", "You\0 work.")),
    ("MIXED_SCRIPT", "warning", 9, False, replaced("You work.", "You w\u043erk.")),
    ("UNCLOSED_FENCE", "warning", 11, False, PLAIN.encode() + b"\n```python\nx = 1\n"),
    ("DUPLICATE_KEY", "error", 4, False, front("name: worker", "tools: Read", "tools: Bash")),
    ("YAML_ANCHOR", "error", 2, False, front(BOMB, "name: worker")),
    ("YAML_ANCHOR", "error", 3, False, front("name: worker", "description: *alias")),
    ("YAML_TOO_COMPLEX", "error", 3, False, front("name: worker", "deep: " + "[" * 20 + "]" * 20)),
    ("YAML_TAG", "error", 3, False, front("name: worker", "x: !!python/object:os.system ls")),
    ("FRONTMATTER_TOO_LARGE", "error", 2, False, front("name: worker", "x: " + "y" * 70_000)),
    ("NAME_NOT_TEXT", "warning", 2, True, front("name: 3000", "tools: Read")),
    ("NAME_NOT_PLAIN", "warning", 2, True, front("name: The Worker", "tools: Read")),
    ("NAME_DIFFERS_FROM_FILE", "warning", 2, False, front("name: other", "tools: Read")),
    ("TOOLS_FORM", "warning", 3, False, front("name: worker", "tools: {bash: true, edit: false}")),
    ("INHERITS_ALL_TOOLS", "warning", 0, False, front("name: worker")),
    ("LITERAL_LINE_BREAK", "info", 3, True, front("name: worker", r"description: One\nTwo")),
    ("DIALECT_COPILOT", "info", 3, False, front("name: worker", "mode: agent", "tools: ['x']")),
    ("DIALECT_GEMINI", "info", 3, False, front("name: worker", "max_turns: 15")),
    ("DIALECT_OPENCODE", "info", 3, False, front("name: worker", "mode: subagent")),
    ("DIALECT_CLAUDE", "info", 3, False, front("name: worker", "permissionMode: plan")),
    ("COMMENTED_RULE", "warning", 8, False, front(
        "name: worker", "tools: Read", body="\n# W\n\n<!--\n- NEVER delete a table\n-->\nDo.\n"
    ).replace(b"\n\n# W", b"\n# W")),
    ("UNCLOSED_COMMENT", "warning", 11, False, PLAIN.encode() + b"\n<!-- NEVER ends\n"),
    ("EMPTY_BODY", "error", 0, False, b"---\nname: worker\ntools: Read\n---\n"),
]  # fmt: skip
NAMES = [f"{number}-{case[0]}" for number, case in enumerate(CASES)]


def found_in(raw: bytes, code: str):
    findings = parse_definition(raw, filename="worker.md").findings
    return [finding for finding in findings if finding.code == code]


@pytest.mark.parametrize(("code", "severity", "line", "fixable", "raw"), CASES, ids=NAMES)
def test_traps_73_and_74_each_fault_is_a_finding_with_its_line(code, severity, line, fixable, raw):
    found = found_in(raw, code)
    assert found, [finding.code for finding in parse_definition(raw).findings]
    assert (found[0].severity.value, found[0].line) == (severity, line)
    assert found[0].message
    assert found[0].fix
    assert is_fixable(found[0]) is fixable


@pytest.mark.parametrize(
    ("code", "raw"),
    [(case[0], case[4]) for case in CASES if case[3]],
    ids=[name for name, case in zip(NAMES, CASES, strict=True) if case[3]],
)
def test_a_fix_takes_its_finding_away_and_adds_none(code, raw):
    before = parse_definition(raw, filename="worker.md")
    mended = apply_fix(raw, found_in(raw, code)[0])
    after = parse_definition(mended, filename="worker.md")
    assert mended != raw
    assert code not in {finding.code for finding in after.findings}
    assert {f.code for f in after.findings} <= {f.code for f in before.findings}


@pytest.mark.parametrize("raw", [case[4] for case in CASES], ids=NAMES)
def test_fixing_all_ends_and_fixing_all_again_changes_nothing(raw):
    once = fixed_by_all(raw, "worker.md")
    assert fixed_by_all(once, "worker.md") == once


def test_a_fault_free_file_has_no_findings_but_that_it_never_escalates():
    assert [f.code for f in parse_definition(PLAIN.encode(), filename="worker.md").findings] == [
        "NO_ESCALATION"
    ]


@pytest.mark.parametrize(
    ("written", "tools"),
    [
        ("tools: Read, Bash(git:*)", ("Read", "Bash(git:*)")),
        ("tools: [Read, Bash]", ("Read", "Bash")),
        ("tools:\n  - Read\n  - Bash", ("Read", "Bash")),
        ("tools: {bash: true, edit: false}", ("bash",)),
        ("tools: ['codebase', 'search']", ("codebase", "search")),
        ('tools: "*"', None),
        ("tools:", None),
        ("tools: []", ()),
    ],
)
def test_trap_73_tools_are_read_in_every_form(written, tools):
    assert parse_definition(front("name: worker", written)).tools == tools


def test_trap_73_a_ruler_in_the_body_closes_nothing_and_opens_nothing():
    body = "\n# W\n\nOne.\n\n---\nname: other\n---\n\n- NEVER skip tests\n"
    parsed = parse_definition(front("name: worker", "tools: Read", body=body))
    assert parsed.name == "worker"
    assert [rule.text for rule in parsed.rules] == ["NEVER skip tests"]
    assert not found_in(front("name: worker", body=body), "FRONTMATTER_UNPARSEABLE")


def test_trap_73_a_number_as_name_is_kept_as_it_is_written():
    for written, slug in (("3000", "3000"), ("1.10", "110"), ("true", "true")):
        parsed = parse_definition(front(f"name: {written}"))
        assert parsed.name == written
        assert slug_of(parsed, "x.md") == slug


def test_a_rule_in_a_comment_is_no_rule_and_its_neighbours_are():
    text = (
        "\n- NEVER push\n<!-- - NEVER pull -->\n- ALWAYS ask\n```\n<!-- in code\n```\n- MUST test\n"
    )
    parsed = parse_definition(front("name: worker", body=text))
    assert [rule.text for rule in parsed.rules] == ["NEVER push", "ALWAYS ask", "MUST test"]
    assert [f.code for f in parsed.findings if "COMMENT" in f.code] == ["COMMENTED_RULE"]


def test_a_copilot_file_is_named_without_its_kind():
    parsed = parse_definition(b"# Docs\n\nYou write.\n", filename="docs.agent.md")
    assert slug_of(parsed, "x/docs.agent.md") == "docs"
    assert "DIALECT_COPILOT" in {finding.code for finding in parsed.findings}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_trap_74_the_same_text_is_read_from_every_encoding(encoding, end):
    parsed = parse_definition(PLAIN.replace("\n", end).encode(encoding), filename="worker.md")
    assert parsed.text == PLAIN
    assert (parsed.name, parsed.tools) == ("worker", ("Read",))


def test_what_one_harness_writes_otherwise_is_not_said_to_be_anothers():
    assert not found_in(front("name: worker", "max_turns: 15"), "DIALECT_CLAUDE")
    assert not found_in(front("name: worker", "mode: subagent"), "DIALECT_COPILOT")


def test_copilot_takes_the_name_of_the_file_so_its_absence_is_no_error():
    parsed = parse_definition(front("description: Plans."), filename="planner.agent.md")
    assert [f.severity for f in parsed.findings if f.code == "NO_NAME"] == ["info"]


def test_a_dialogue_in_a_description_is_part_of_it_and_no_keys():
    raw = front(
        "name: worker",
        r"description: Use it. Examples:\n<example>\nContext: one",
        'user: "Draw this"',
        'assistant: "I draw: it"',
        "<example>",
        'user: "And that"',
        "tools: Read",
    )
    parsed = parse_definition(raw, filename="worker.md")
    assert set(parsed.frontmatter) == {"name", "description", "tools"}
    assert parsed.description.endswith('user: "And that"')
    assert parsed.tools == ("Read",)
    assert "DUPLICATE_KEY" not in {finding.code for finding in parsed.findings}
    # Quoting its first line alone would make keys of the others.
    assert not [f for f in parsed.findings if f.line == 3 and f.replacement]


@pytest.mark.parametrize(
    "heading",
    [
        "Escalation Triggers (upgrade the severity)",
        "Escalation (when to stop)",
        "11.3 Escalation Protocol",
        "Step 6: Escalation Criteria",
        "Escalate to Human When",
        "Escalation Protocols",
        "Escalation Framework",
        "Actions Requiring Human Approval",
    ],
)
def test_a_section_about_escalation_is_found_by_the_names_that_people_give_it(heading):
    parsed = parse_definition(front("name: worker", body=f"\n# W\n\n## {heading}\n\n- X\n"))
    assert parsed.has_escalation_section


@pytest.mark.parametrize(
    "heading", ["Privilege Escalation", "Approval Criteria", "Step 6", "Triggers"]
)
def test_a_section_about_something_else_is_none_about_escalation(heading):
    parsed = parse_definition(front("name: worker", body=f"\n# W\n\n## {heading}\n\n- X\n"))
    assert not parsed.has_escalation_section


def test_half_an_emoji_is_no_wrongly_decoded_letter():
    parsed = parse_definition(front("name: worker", body="\n## =\x80 Advanced\n"))
    codes = {finding.code for finding in parsed.findings}
    assert "CONTROL_CHARACTER" in codes
    assert "ENCODING_REPAIRED" not in codes


def test_triggers_below_a_heading_about_escalation_are_read_as_its_own():
    body = "\n# W\n\n## Escalation\n\n### Triggers\n\n- **Cost** rises\n"
    parsed = parse_definition(front("name: worker", body=body))
    assert [trigger.title for trigger in parsed.triggers] == ["Cost"]


def test_a_list_that_a_line_introduces_as_escalation_is_a_section_about_it():
    body = "\n# W\n\n## More\n\nEscalation:\n\n- Immediate: it stops the work\n"
    assert parse_definition(front("name: worker", body=body)).has_escalation_section


def test_two_languages_that_differ_by_a_sign_are_two_agents():
    slugs = {
        slug_of(parse_definition(front(f'name: "{n} Expert"')), "") for n in ("C", "C++", "C#")
    }
    assert slugs == {"c-expert", "cpp-expert", "csharp-expert"}


def test_peers_that_the_frontmatter_names_are_edges():
    parsed = parse_definition(
        front(
            "name: worker",
            "tools: Read, Agent(tester, scout)",
            "agents: ['tidier', '*']",
            "handoffs:",
            "  - label: Review it",
            "    agent: Critic",
            "  - label: Go on",
            "    agent: agent",
            "  - nonsense",
            body="\n# W\n\n## Coordination\n\n- **With writer**: agree\n",
        )
    )
    edges = [(edge.peer, edge.text, edge.line) for edge in parsed.coordination]
    assert edges == [
        ("Critic", "Review it", 5),
        ("tidier", "May call it as a subagent.", 4),
        ("tester", "May call it as a subagent.", 3),
        ("scout", "May call it as a subagent.", 3),
        ("writer", "agree", 17),
    ]


def test_a_name_without_a_letter_leaves_the_name_to_the_file():
    parsed = parse_definition(front('name: "***"'), filename="worker.md")
    assert slug_of(parsed, "worker.md") == "worker"
