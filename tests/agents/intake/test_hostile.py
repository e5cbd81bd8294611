"""Whatever bytes come in: nothing raises, all can be stored, and the same bytes go out."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.importing import MAX_BYTES, storable
from agents.intake.archives import Incoming
from agents.intake.kinds import tree_of, why_no_agent
from agents.intake.services import import_many
from agents.models import AgentVersion
from agents.parsing import parse_definition
from tests.agents import acts
from tests.factories import NOW

TEXT = acts.definition("worker", "- NEVER push\n- **With tester**: agree\n").decode()
YAML = [
    "tools: &a [*a]",
    "x: !!python/object/apply:os.system [ls]",
    "? complex\n: key",
    "name: [1, {a: b}]",
    "name: 2024-01-01",
    "name: .nan",
    "version: 1e400",
    "deep: " + "[" * 400,
    "name: \x00",
    'name: "\\ud800"',
    "day: 0001-13-45",
    "number: 1" + "0" * 5000,
    "handoffs: [1, {agent: 7}, {agent: x}]",
    "agents: {a: 1}",
]
ENCODINGS = ["utf-8", "utf-16", "utf-32", "utf-7", "shift_jis", "gb18030", "koi8-r", "cp037"]
MARKS = ["> ", "  - ", "`", "<!-- ", "```\n", "#", "| ", "1. ", "\u202e", "\u200b", "\0", "\r"]


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """A definition with odd YAML, in some encoding, nested, with flipped bits, cut off."""
    lines = TEXT.split("\n")
    for extra in draw(st.lists(st.sampled_from(YAML), max_size=2)):
        lines.insert(draw(st.integers(0, len(lines))), extra)
    text = draw(st.sampled_from(["\n", "\r\n", "\r", "\u2028"])).join(lines)
    text += draw(st.sampled_from(MARKS)) * draw(st.sampled_from([0, 1, 3000]))
    raw = bytearray(text.encode(draw(st.sampled_from(ENCODINGS)), "replace"))
    for at in draw(st.lists(st.integers(0, len(raw) - 1), max_size=8)):
        raw[at] ^= 1 << draw(st.integers(0, 7))
    return bytes(raw[draw(st.integers(0, 4)) : draw(st.integers(5, len(raw)))])


@example(b"---\nname: worker\nversion: 1.0.0\nname: [")
@given(st.one_of(hostile(), st.binary(max_size=300)))
def test_trap_73_no_bytes_make_the_parser_raise_and_all_it_reads_can_be_stored(raw):
    parsed = parse_definition(raw, filename="worker.md")
    whole = json.dumps(storable(parsed.as_dict()), allow_nan=False)
    assert "\\u0000" not in whole
    lines = parsed.text.count("\n") + 1
    assert all(0 <= finding.line <= lines for finding in parsed.findings)
    assert all(0 < rule.line <= lines for rule in parsed.rules)
    why_no_agent("docs/worker.md", raw, tree_of(["docs/worker.md", "x/y.md"]))


@pytest.mark.parametrize("unit", ["never add x. ", "`x` ", "**x** ", "- ", "<!-- -->", "](x", "é"])
def test_a_line_of_a_megabyte_is_read(unit):
    line = unit * (MAX_BYTES // len(unit.encode()) - 200)
    assert line.strip() in parse_definition(f"{TEXT}\n{line}".encode()).text


@pytest.mark.django_db(transaction=True)
def test_hostile_files_come_in_beside_each_other_and_go_out_byte_for_byte():
    text = TEXT.encode()
    raws = [text.replace(b"\n", f"\n{extra}\n".encode("utf-8", "replace"), 1) for extra in YAML]
    raws += [TEXT.encode(encoding, "replace") for encoding in ENCODINGS]
    raws += [text + mark.encode() * 3000 for mark in MARKS]
    raws += [text[:20], text[7:], bytes(range(256)), b"---\r\nkey: value\r\n" * 80]
    files = [Incoming(f"{at}/file-{at}.md", raw) for at, raw in enumerate(raws)]
    run = import_many(
        files=files,
        family="hostile",
        by=acts.owner(),
        at=NOW,
        source="page",
        name="files",
        family_per_folder=True,
    )
    assert [row for row in run.results if row["result"] == "refused"] == []
    kept = {one.filename: bytes(one.raw) for one in AgentVersion.objects.all()}
    assert kept == {file.path: file.raw for file in files}
