import pytest

from governance.base.findings import with_replacements
from governance.base.frontmatter import MAX_CHARS, split_frontmatter


def codes(front):
    return [finding.code for finding in front.findings]


def test_frontmatter_and_text_are_told_apart():
    front = split_frontmatter("---\nname: a\ntools: Read, Bash\n---\n\n# A\n\n---\n")
    assert front.data == {"name": "a", "tools": "Read, Bash"}
    assert (front.body, front.body_line) == ("\n# A\n\n---\n", 5)
    assert (front.present, front.parsed, front.findings) == (True, True, ())
    assert front.lines == {"name": 2, "tools": 3}


def test_a_text_without_frontmatter_is_all_body():
    front = split_frontmatter("# A\n---\nb")
    assert (front.body, front.present, codes(front)) == (
        "# A\n---\nb",
        False,
        ["FRONTMATTER_MISSING"],
    )


def test_blank_lines_before_it_are_a_finding_and_it_is_read_all_the_same():
    front = split_frontmatter("\n\n---\nname: a\n---\nb")
    assert (front.data, front.body, front.body_line) == ({"name": "a"}, "b", 6)
    assert [(f.code, f.line) for f in front.findings] == [("FRONTMATTER_AFTER_BLANK_LINE", 3)]


def test_an_unterminated_one_ends_where_the_text_begins():
    front = split_frontmatter("---\nname: a\ntools:\n  - Read\n\n# Title\n- NEVER: x")
    assert front.data == {"name": "a", "tools": ["Read"]}
    assert front.body.strip().startswith("# Title")
    assert codes(front) == ["FRONTMATTER_UNTERMINATED"]


def test_three_dashes_inside_a_block_of_text_do_not_end_it():
    front = split_frontmatter("---\nname: a\nd: |\n  x\n  ---\n  y\n---\nb")
    assert front.data["d"] == "x\n---\ny\n"
    assert front.body == "b"


@pytest.mark.parametrize(
    ("written", "value"),
    [("3000", 3000), ("1.5", 1.5), ("true", True), ("null", None), ("'3'", "3"),
     ("2026-01-01", "2026-01-01"), (".nan", ".nan"), ("0x1F", "0x1F"), ("1:30", "1:30"),
     ("9" * 400, "9" * 400), ("[a, {b: 1}]", ["a", {"b": 1}])],
)  # fmt: skip
def test_values_are_json_values(written, value):
    assert split_frontmatter(f"---\nx: {written}\n---").data == {"x": value}


def test_numbers_keep_the_way_they_were_written():
    front = split_frontmatter("---\nversion: 1.10\nname: 3000\n---")
    assert front.texts == {"version": "1.10", "name": "3000"}


def test_a_key_that_stands_there_twice_is_a_finding_on_its_second_line():
    front = split_frontmatter("---\ntools: Read\nname: a\ntools: Bash\n---")
    assert front.data["tools"] == "Bash"
    assert [(f.code, f.line) for f in front.findings] == [("DUPLICATE_KEY", 4)]


def test_a_nested_key_that_stands_there_twice_is_a_finding():
    assert codes(split_frontmatter("---\nm:\n  a: 1\n  a: 2\n---")) == ["DUPLICATE_KEY"]


@pytest.mark.parametrize("bomb", ["a: &x [1]\nb: *x", "a: &x 1", "<<: *base\nname: a"])
def test_anchors_and_aliases_are_refused(bomb):
    assert "YAML_ANCHOR" in codes(split_frontmatter(f"---\n{bomb}\n---"))


def test_a_doubling_bomb_is_never_built():
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    front = split_frontmatter("---\n" + "\n".join(lines) + "\n---")
    assert codes(front)[0] == "YAML_ANCHOR"
    assert len(str(front.data)) < 4000


@pytest.mark.parametrize(
    "deep", ["x: " + "[" * 5000, "x: " + "{a: " * 60 + "1" + "}" * 60, "- " * 3000 + "x"]
)
def test_deep_nesting_is_refused_before_it_is_built(deep):
    assert codes(split_frontmatter(f"---\n{deep}\n---"))[0] == "YAML_TOO_COMPLEX"


def test_many_parts_are_refused():
    many = "x: [" + "a, " * 5000 + "a]"
    assert codes(split_frontmatter(f"---\n{many}\n---"))[0] == "YAML_TOO_COMPLEX"


def test_huge_frontmatter_is_not_read():
    front = split_frontmatter(f"---\nx: {'a' * MAX_CHARS}\n---\nb")
    assert (front.data, front.body, codes(front)) == ({}, "b", ["FRONTMATTER_TOO_LARGE"])


def test_tags_build_nothing():
    front = split_frontmatter("---\nx: !!python/object/apply:os.getcwd []\ny: !!binary eA==\n---")
    assert front.data == {"x": [], "y": "eA=="}
    assert codes(front) == ["YAML_TAG"]


def test_unquoted_colons_are_a_finding_with_a_fix_that_works():
    text = '---\nname: a\ndescription: Use this: when <b> & "c"\ntools: Read, Bash\n---\nbody'
    front = split_frontmatter(text)
    assert front.data == {
        "name": "a",
        "description": 'Use this: when <b> & "c"',
        "tools": "Read, Bash",
    }
    assert codes(front) == ["FRONTMATTER_UNPARSEABLE", "UNQUOTED_VALUE"]
    mended = split_frontmatter(with_replacements(text, front.findings))
    assert (mended.data, mended.findings) == (front.data, ())


@pytest.mark.parametrize("value", ["*bold* text", "@handle", "%x", "`code`", "a\x01b"])
def test_values_that_are_no_yaml_are_read_line_by_line(value):
    front = split_frontmatter(f"---\nname: a\nx: {value}\n---")
    assert front.data == {"name": "a", "x": value}
    assert not front.parsed


def test_lists_and_blocks_survive_the_reading_by_line():
    front = split_frontmatter("---\na: b: c\ntools:\n  - Read\n  - 'Bash'\nd: >\n  x\n  y\n---")
    assert front.data == {"a": "b: c", "tools": ["Read", "Bash"], "d": "x\ny"}


@pytest.mark.parametrize("text", ["- a\n- b", "just text", "42"])
def test_frontmatter_that_is_no_mapping_is_a_finding(text):
    assert codes(split_frontmatter(f"---\n{text}\n---\n")) == ["FRONTMATTER_NO_MAPPING"]


@pytest.mark.parametrize("text", ["", "---", "---\n---", "---\n\n---\nb", "---\n: :\n---", "\n\n"])
def test_odd_texts_never_raise(text):
    assert split_frontmatter(text).data == {} or split_frontmatter(text).present
