from governance.base.outline import blank_out, outline


def test_headings_inside_code_are_none():
    found = outline("# A\n```\n# b\n- c\n```\n~~~md\n## d\n~~~\n## E\n")
    assert [(heading.text, heading.line) for heading in found.headings] == [("A", 1), ("E", 9)]
    assert found.items == []
    assert [(block.info, block.text, block.line) for block in found.blocks] == [
        ("", "# b\n- c", 3),
        ("md", "## d", 7),
    ]


def test_a_fence_that_nobody_closes_hides_nothing():
    found = outline("# A\n```python\n- NEVER x\n## B")
    assert found.unclosed == [2]
    assert [item.text for item in found.items] == ["NEVER x"]
    assert [heading.text for heading in found.headings] == ["A", "B"]


def test_a_heading_right_below_a_list_ends_it():
    found = outline("- a\n## B\n- c")
    assert [(item.text, item.section) for item in found.items] == [("a", -1), ("c", 0)]


def test_items_know_depth_number_and_what_introduces_them():
    found = outline("Do this:\n1. a\n   - b\n   more\n2. c\n\nplain\n- [x] d\n> - e")
    assert [(i.text, i.depth, i.number, i.intro) for i in found.items] == [
        ("a", 0, 1, "Do this:"),
        ("b more", 1, None, "Do this:"),
        ("c", 0, 2, "Do this:"),
        ("d", 0, None, ""),
        ("e", 0, None, ""),
    ]


def test_a_block_inside_a_numbered_list_does_not_break_it():
    found = outline("1. a\n   ```\n   x: y\n   ```\n2. b")
    assert [(item.number, item.depth) for item in found.items] == [(1, 0), (2, 0)]


def test_comments_blocks_and_spans_are_blanked_and_lines_kept():
    text = "a <!-- x\ny --> `[B]`\n```\n[C]\n```\n[D] ``e ` f`` `open"
    bare = blank_out(text)
    assert [len(line) for line in bare.split("\n")] == [len(line) for line in text.split("\n")]
    assert bare.split() == ["a", "[D]", "`open"]
    assert "`[B]`" in blank_out(text, spans=False)
    assert "[C]" in blank_out(text, blocks=False)


def test_a_comment_inside_a_code_span_opens_nothing():
    assert blank_out("`<!--` [KEPT] -->").endswith("[KEPT] -->")


def test_an_open_comment_hides_nothing():
    assert blank_out("a <!-- [B]") == "a <!-- [B]"
