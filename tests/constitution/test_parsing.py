import json
from datetime import date

import pytest

from governance.base.findings import Severity
from governance.constitution.names import principle_key, same_principle
from governance.constitution.parsing import Level, parse_constitution
from tests.shared import SAMPLE, corpus_files

END = (
    "\n## Governance\n\nBy vote.\n\n"
    "**Version**: 1.2.3 | **Ratified**: 2026-01-02 | **Last Amended**: 2026-02-03\n"
)


def parse(text):
    return parse_constitution(text.encode())


def law(principles):
    return parse(f"# Example Constitution\n\n## Core Principles\n\n{principles}\n{END}")


def codes(parsed):
    return [finding.code for finding in parsed.findings]


def placeholders(text):
    return [found.token for found in law(f"### I. One\n\n{text}\n").placeholders]


def vague(text):
    findings = law(f"### I. One\n\n{text}\n").findings
    return [finding.excerpt for finding in findings if finding.code == "VAGUE_WORD"]


def test_the_spec_kit_form_is_read_whole():
    parsed = law("### I. One (NON-NEGOTIABLE)\n\nIt MUST be.\n\n### II. Two\n\nIt SHOULD be.\n")
    assert parsed.title == "Example Constitution"
    assert [(p.key, p.number, p.title, p.level, p.line) for p in parsed.principles] == [
        ("one", 1, "One", Level.MUST, 5),
        ("two", 2, "Two", Level.SHOULD, 9),
    ]
    assert [p.non_negotiable for p in parsed.principles] == [True, False]
    assert parsed.principles[0].text == "It MUST be."
    assert parsed.governance_text.startswith("By vote.")
    assert (parsed.version, parsed.ratified, parsed.last_amended) == (
        "1.2.3",
        date(2026, 1, 2),
        date(2026, 2, 3),
    )
    assert parsed.findings == ()
    assert parsed.is_ratifiable


@pytest.mark.parametrize(
    "text",
    [
        "# Law\n\n1. **One**: It MUST be.\n2. **Two**: It MUST be.\n",
        "# Law\n\n- One: it must be\n- Two: it must be\n",
        "# Law\n\n## Principles\n\n- **One** — must be\n- **Two** — must be\n\n## Other\n- x\n",
        "# Law\n\n## I. One\n\nIt must be.\n\n## II. Two\n\nIt must be.\n",
        "# Law\n\n#### Article I: One\n\nMust be.\n\n#### Article II: Two\n\nx\n\n### 3. Three\n",
        "- One: it must be\n- Two: it must be\n",
    ],
)
def test_lists_and_numbered_headings_are_principles_too(text):
    assert [principle.title for principle in parse(text).principles] == ["One", "Two"]


def test_a_text_without_principles_cannot_be_ratified():
    parsed = parse("# Law\n\n## About\n\nText.\n\n## More\n\nText.\n")
    assert "NO_PRINCIPLES" in codes(parsed)
    assert not parsed.is_ratifiable


@pytest.mark.parametrize(
    "token",
    [
        "[PROJECT_NAME]",
        "[DATE]",
        "[NEEDS CLARIFICATION: which login?]",
        "[e.g. three reviewers]",
        "[your team]",
        "[Project Name]",
        "[describe the rule]",
        "[date]",
        "<project>",
        "<Principle name>",
        "<...>",
        "{{project}}",
        "{PROJECT_NAME}",
        "TODO(RATIFICATION_DATE)",
    ],
)
def test_what_nobody_filled_in_blocks(token):
    assert placeholders(f"Before {token} after.") == [token]
    parsed = law(f"### I. One\n\nBefore {token} after.\n")
    (finding,) = [f for f in parsed.findings if f.code == "PLACEHOLDER"]
    assert (finding.severity, finding.line, finding.excerpt) == (Severity.ERROR, 7, token)
    assert not parsed.is_ratifiable


@pytest.mark.parametrize(
    "text",
    [
        "<!-- [PROJECT_NAME] -->",
        "<!--\n[PROJECT_NAME]\n-->",
        "`[PROJECT_NAME]` and ``[A_B] ` ``",
        "```\n[PROJECT_NAME]\n```",
        "[README](https://example.org)",
        "[README][] and [docs][README]\n\n[README]: https://example.org",
        "- [x] done\n- [ ] open\n- [X] done",
        "A note[^1].\n\n[^1]: Here.",
        "[RFC 2119] and [ISO 27001] say so [1]",
        "\\[NOT_A_LINK]",
        "![LOGO](logo.png)",
        "<https://example.org> <br> <details> a < b and c > d",
        "List<String> and p95 < 200 ms",
    ],
)
def test_links_boxes_notes_code_and_comments_are_no_placeholders(text):
    assert placeholders(text) == []


def test_an_unclosed_comment_hides_no_placeholder():
    assert placeholders("<!-- [PROJECT_NAME]") == ["[PROJECT_NAME]"]


def test_a_numbered_dummy_is_a_placeholder():
    assert [
        p.token for p in parse("# L\n\n## Principles\n\n1. Principle 1\n2. Real\n").placeholders
    ] == ["Principle 1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Pages MUST be fast and user-friendly.", ["fast", "user-friendly"]),
        ("Respond quickly.", ["quickly"]),
        ("Use adequate, robust and reasonable means where possible.",
         ["adequate", "robust", "reasonable", "where possible"]),
        ("Log as needed. Be intuitive.", ["as needed", "intuitive"]),
        ("It is fast. It answers within 200 ms.", ["fast"]),
    ],
)  # fmt: skip
def test_a_word_without_a_measure_is_a_finding_each(text, words):
    assert vague(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "Pages MUST be fast: under 200 ms at p95.",
        "Answer quickly, within 5 minutes.",
        "It MUST NOT, SHOULD, MAY, SHALL, is REQUIRED, RECOMMENDED, OPTIONAL.",
        "Fail fast. See quickstart and `fast` and [x](fast.md) <!-- fast -->",
    ],
)
def test_measured_sentences_and_rfc_words_are_not_vague(text):
    assert vague(text) == []


def test_each_vague_word_is_acknowledged_by_its_own_key():
    parsed = law("### I. One\n\nBe fast.\n\nBe fast and robust.\n")
    keys = {f.key: f.line for f in parsed.findings if f.code == "VAGUE_WORD"}
    assert sorted(keys.values()) == [7, 9, 9]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", "VERSION_MISSING"),
        ("", "RATIFIED_MISSING"),
        ("**Version**: one", "VERSION_MALFORMED"),
        ("**Version**: 1.0.0 | **Ratified**: 3 May", "RATIFIED_MALFORMED"),
        ("Last Amended: 2026-13-01", "LAST_AMENDED_MALFORMED"),
        ("**Ratified:** 2026-02-02 | **Last Amended:** 2026-01-01", "AMENDED_BEFORE_RATIFIED"),
    ],
)
def test_a_missing_or_malformed_version_line_is_a_warning(line, code):
    parsed = parse(f"# L\n\n## I. One\n\nIt must be.\n\n{line}\n")
    assert [f.severity for f in parsed.findings if f.code == code] == [Severity.WARNING]


def test_a_placeholder_in_the_version_line_is_reported_once():
    text = "# L\n\n## I. One\n\nx\n\n**Version**: [CONSTITUTION_VERSION] | **Ratified**: [DATE]\n"
    parsed = parse(text)
    assert [p.token for p in parsed.placeholders] == ["[CONSTITUTION_VERSION]", "[DATE]"]
    assert not {"VERSION_MALFORMED", "RATIFIED_MALFORMED"} & set(codes(parsed))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Test-First (NON-NEGOTIABLE)", "Test-First Development"),
        ("III. Test-First", "Article III: Test-First Imperative"),
        ("Test-Driven Development", "test-first"),
        ("2. **Security by Design** Principle", "Security by design"),
        ("Performance Standards", "IV. Performance"),
        ("I. CLI Interface", "CLI Interface Mandate"),
        ("Logs and Traces", "Logs & Traces"),
    ],
)
def test_one_principle_has_several_names(first, second):
    assert same_principle(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Security", "Security by Design"),
        ("Test-First", "Library-First"),
        ("Documentation", "Development"),
        ("Vision", "Ision"),
    ],
)
def test_different_principles_stay_apart(first, second):
    assert not same_principle(first, second)


def test_a_key_survives_renumbering_and_new_flags():
    assert principle_key("I. Simplicity") == principle_key("VII. Simplicity (NON-NEGOTIABLE)")


def test_aliases_in_the_text_are_read():
    (principle,) = law("### I. One\n\nAlso known as: Uno, Eins.\n\nIt MUST be.\n").principles
    assert principle.aliases == ("Uno", "Eins")


def test_two_names_of_one_principle_in_one_law_are_a_finding():
    parsed = law("### I. Test-First\n\nx\n\n### II. Test-First Development\n\ny\n")
    assert "PRINCIPLE_TWICE" in codes(parsed)
    assert len({principle.key for principle in parsed.principles}) == 2


@pytest.mark.parametrize("raw", [b"", b"\xff", b"---\nx: *a\n---", b"# [", b"<!--", b"\0" * 9])
def test_odd_bytes_never_raise(raw):
    assert not parse_constitution(raw).is_ratifiable


def test_the_sample_constitution_can_be_ratified_without_a_single_finding():
    parsed = parse_constitution((SAMPLE / "constitution.md").read_bytes())
    assert parsed.findings == ()
    assert [principle.number for principle in parsed.principles] == [1, 2, 3, 4, 5, 6, 7]
    assert sum(principle.non_negotiable for principle in parsed.principles) == 3
    assert json.loads(json.dumps(parsed.as_dict()))["ratified"] == "2026-03-02"


def test_templates_in_the_corpus_are_refused():
    templates = [path for path in corpus_files("constitution") if "template.md" in path.name]
    assert len(templates) == 4
    for path in templates:
        parsed = parse_constitution(path.read_bytes())
        assert parsed.placeholders, path
        assert not parsed.is_ratifiable


def test_filled_constitutions_in_the_corpus_are_accepted():
    filled = [
        path
        for path in corpus_files("constitution")
        if path.match("m*/constitution.md") or path.match("spec/constitution.md")
    ]
    assert len(filled) == 3
    for path in filled:
        parsed = parse_constitution(path.read_bytes())
        assert parsed.placeholders == (), path
        assert len(parsed.principles) == 5
        assert parsed.governance_text
        assert parsed.is_ratifiable
