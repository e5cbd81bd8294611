import json

import pytest

from agents.parsing import parse_definition
from escalations.payload import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_EXTRA,
    MAX_OPTIONS,
    InvalidPayload,
    PayloadTooLarge,
    parse_block,
    parse_json,
)
from governance.base.outline import outline
from tests.shared import SAMPLE, shared

WHOLE = """Agent: python-backend
Task: build
Problem: unclear
Attempted: read
Options:
- One (cheap, slow)
- Two (dear)
Impact: some
Constitutional_Impact: Simplicity
"""


def codes(block):
    return [finding.code for finding in block.findings]


def missing(block):
    return [finding.excerpt for finding in block.findings if finding.code == "MISSING_FIELD"]


def test_the_sample_escalation_is_complete():
    block = parse_block((SAMPLE / "escalation-authentication.md").read_text(encoding="utf-8"))
    assert block.findings == ()
    assert block.title == "Sign-in For The Partner Portal"
    assert list(block.fields) == [
        "Agent",
        "Task",
        "Problem",
        "Attempted",
        "Impact",
        "Constitutional_Impact",
    ]
    assert [option["key"] for option in block.options] == [
        "server-sessions",
        "signed-tokens",
        "partners-own-identity-provider",
    ]
    assert list(block.extra) == ["Security_Considerations", "Performance_Impact"]
    assert len(block.notes) == 1


def test_the_seeds_authentication_example_is_accepted_with_findings():
    parsed = parse_definition(shared("seed/python-backend.md").read_bytes())
    text = next(b.text for b in outline(parsed.text).blocks if "Authentication" in b.text)
    block = parse_block(text)
    assert block.title == "Authentication Implementation Decision"
    assert block.options[0] == {
        "key": "session-based",
        "label": "Session-based",
        "description": "simpler, server state",
    }
    assert block.fields["Constitutional_Impact"] == "Security by Design vs Simplicity"
    assert block.extra == {"Performance_Impact": "Server memory vs token validation overhead"}
    assert block.notes == ("Human decision needed on authentication strategy",)
    assert missing(block) == ["Agent", "Attempted", "Impact"]


@pytest.mark.parametrize(
    "form",
    [
        WHOLE,
        f"```\n{WHOLE}```",
        f"I am stuck:\n\n```text\n{WHOLE}```\nPlease help.",
        f"   ```\n{WHOLE}   ```",
        WHOLE.replace("\n", "\r\n"),
        f"\ufeff{WHOLE}",
        WHOLE.replace("Constitutional_Impact", "Constitutional Impact"),
        WHOLE.replace("Constitutional_Impact", "constitutional-impact"),
        "".join(
            f"**{line.split(':')[0]}**:{line.split(':')[1]}" if ":" in line else line
            for line in WHOLE.splitlines(keepends=True)
        ),
        "\n".join(f"    {line}" for line in WHOLE.splitlines()),
        WHOLE.replace("- One (cheap, slow)", "1. **One** - cheap, slow").replace(
            "- Two (dear)", "2. Two: dear"
        ),
        WHOLE.replace("- One", "  * One").replace("- Two", "  * Two"),
        WHOLE.replace("- One", "Option A: One").replace("- Two", "Option B: Two"),
        WHOLE.replace(":\n- One (cheap, slow)\n- Two", ": One (cheap, slow); Two"),
        WHOLE.replace(":\n- One (cheap, slow)\n- Two", ": 1) One (cheap, slow) 2) Two"),
    ],
)  # fmt: skip
def test_one_block_in_many_forms_is_one_case(form):
    block = parse_block(form)
    assert block.findings == ()
    assert block.fields == {
        "Agent": "python-backend",
        "Task": "build",
        "Problem": "unclear",
        "Attempted": "read",
        "Impact": "some",
        "Constitutional_Impact": "Simplicity",
    }
    assert [(o["label"], o["description"]) for o in block.options] == [
        ("One", "cheap, slow"),
        ("Two", "dear"),
    ]


def test_headings_can_name_the_fields():
    block = parse_block("## Problem\nIt is slow.\nVery.\n\n## Options\n- A\n- B\n\n## Impact\nbig")
    assert block.fields == {"Problem": "It is slow.\nVery.", "Impact": "big"}
    assert [option["label"] for option in block.options] == ["A", "B"]


def test_texts_over_several_lines_stay_whole():
    block = parse_block(
        "Problem: slow\nand slower\n  - Error: timeout\nTask: t\nImpact: x\nfree line"
    )
    assert block.fields["Problem"] == "slow\nand slower\n  - Error: timeout"
    assert block.fields["Impact"] == "x\nfree line"


def test_a_free_line_at_the_end_is_a_note():
    assert parse_block(f"{WHOLE}Human decision needed\n").notes == ("Human decision needed",)


def test_details_of_an_option_stay_with_it():
    block = parse_block(
        "Options:\n- A\n  cheap\n  - Pros: easy\n  - Cons:\n    - slow\n- B\nImpact: x"
    )
    assert block.options == [
        {"key": "a", "label": "A", "description": "cheap", "pros": ["easy"], "cons": ["slow"]},
        {"key": "b", "label": "B"},
    ]


def test_further_fields_are_kept_in_the_open_map():
    block = parse_block(f"{WHOLE}Cost_Impact: 3 EUR\nQuality Risk: low\n")
    assert block.extra == {"Cost_Impact": "3 EUR", "Quality_Risk": "low"}


def test_an_empty_block_misses_every_field():
    assert missing(parse_block("")) == [
        "Agent",
        "Task",
        "Problem",
        "Attempted",
        "Options",
        "Impact",
        "Constitutional_Impact",
    ]


def test_an_unfilled_template_is_a_finding_per_field_and_offers_no_option():
    block = parse_block("Agent: a\nTask: [specific feature]\nOptions: [approaches with pros/cons]")
    assert block.options == []
    assert ("UNFILLED_FIELD", "Task") in [(f.code, f.excerpt) for f in block.findings]
    assert "Options" in missing(block)


def test_doubles_are_findings_and_nothing_is_lost():
    block = parse_block(f"{WHOLE}Task: again\n".replace("- Two (dear)", "- One (dear)"))
    assert block.fields["Task"] == "build\nagain"
    assert codes(block) == ["DUPLICATE_FIELD", "DUPLICATE_OPTION"]
    assert len({option["key"] for option in block.options}) == 2


def test_a_single_option_is_a_finding():
    assert codes(parse_block(WHOLE.replace("- Two (dear)\n", ""))) == ["ONE_OPTION"]


def test_hidden_characters_are_findings_on_their_line():
    block = parse_block(WHOLE.replace("build", "bu\u202eild"))
    assert [(f.code, f.line) for f in block.findings] == [("BIDI_CHARACTER", 2)]


def test_lines_count_in_what_was_sent_also_inside_a_fence():
    block = parse_block("Hello\n```\nTask: a\nProblem: b\nTask: c\n```\n")
    assert [f.line for f in block.findings if f.code == "DUPLICATE_FIELD"] == [5]


def test_a_block_becomes_the_json_payload():
    payload = parse_block(f"{WHOLE}Cost_Impact: 3\nPlease decide\n").as_payload()
    assert payload == {
        "agent": "python-backend",
        "task": "build",
        "problem": "unclear",
        "attempted": ["read"],
        "options": [
            {"key": "one", "label": "One", "description": "cheap, slow"},
            {"key": "two", "label": "Two", "description": "dear"},
        ],
        "impact": "some",
        "constitutional_impact": {"text": "Simplicity"},
        "extra": {"Cost_Impact": "3", "Notes": "Please decide"},
    }
    assert json.loads(json.dumps(payload)) == payload


def test_bullets_below_attempted_are_a_list():
    assert parse_block("Attempted:\n- read\n- asked\nTask: t").attempted == ("read", "asked")


def test_only_limits_refuse_a_block():
    options = "".join(f"- option {n}\n" for n in range(MAX_OPTIONS))
    extra = "".join(f"Field_{n}: x\n" for n in range(MAX_EXTRA))
    block = parse_block(f"Options:\n{options}{extra}")
    assert (len(block.options), len(block.extra)) == (MAX_OPTIONS, MAX_EXTRA)
    with pytest.raises(PayloadTooLarge, match="at most 50 options, not 51"):
        parse_block(f"Options:\n{options}- one more\n")
    with pytest.raises(PayloadTooLarge, match="at most 64 further fields, not 65"):
        parse_block(f"{extra}One_More: x\n")
    with pytest.raises(PayloadTooLarge, match="at most 256 KB"):
        parse_block("ü" * (MAX_BYTES // 2 + 1))


@pytest.mark.parametrize("piece", ["- a\n", " ", "A: b\n", "**", "a:", "`", "```\n"])
def test_hostile_blocks_are_read_without_quadratic_time(piece):
    assert missing(parse_block(piece * (MAX_BYTES // len(piece))))


def test_many_hostile_options_are_refused_without_quadratic_time():
    with pytest.raises(PayloadTooLarge):
        parse_block("Options:\n- a\n b\n" * 15_000)


def test_strict_json_is_read():
    raw = '{"task": "ü", "options": [{"key": "a"}], "n": 1.5}'.encode()
    assert parse_json(raw) == {"task": "ü", "options": [{"key": "a"}], "n": 1.5}


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b'{"a": 1, "a": 2}', "“a” stands there twice"),
        (b'{"x": {"a": 1, "a": 1}}', "“a” stands there twice"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": "\\u0000"}', "NUL character"),
        (b'{"\\u0000": 1}', "NUL character"),
        (b'{"a": "\\ud800"}', "half of a character"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": 1} x', "line 1, column 10"),
        (b"", "not JSON"),
        (b"[]", "one JSON object"),
        (b'"text"', "one JSON object"),
        (b"[" * 100_000, "nested deeper than 20"),
        (b'{"a":' * 21 + b"1" + b"}" * 21, "nested deeper than 20"),
    ],
)
def test_json_that_two_readers_could_understand_differently_is_refused(raw, sentence):
    with pytest.raises(InvalidPayload, match="(?i)" + sentence.replace("(", r"\(")):
        parse_json(raw)


def test_brackets_inside_texts_do_not_count_as_depth():
    assert parse_json(b'{"a": "' + b"[" * 100 + b'\\"[["}')["a"].startswith("[[")
    assert parse_json(b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH)


def test_large_json_is_refused_before_it_is_read():
    with pytest.raises(PayloadTooLarge):
        parse_json(b'{"a": "' + b"x" * MAX_BYTES + b'"}')


@pytest.mark.parametrize("piece", [b'\\"', b'"', b"\\", b"{}", b"[],"])
def test_hostile_json_is_refused_without_quadratic_time(piece):
    with pytest.raises(InvalidPayload):
        parse_json(b'"' + piece * (MAX_BYTES // len(piece) - 1))
