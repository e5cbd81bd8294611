"""The texts side by side and in one column: every line once, and what changed marked."""

from governance.base.textdiff import Line, both, inline

OLD = "\n".join(f"line {n}" for n in range(1, 41))


def test_the_same_text_shows_nothing():
    assert inline(OLD, OLD) == []
    assert both(OLD, OLD).rows == []


def test_a_changed_line_is_shown_with_three_lines_around_it():
    lines = inline(OLD, OLD.replace("line 20", "line twenty"))
    assert [line.kind for line in lines] == ["hunk", *["same"] * 3, "del", "add", *["same"] * 3]
    assert lines[4:6] == [
        Line("del", "line 20", old=20),
        Line("add", "line twenty", new=20),
    ]
    assert lines[0].text == "Line 17 before, line 17 now"


def test_changes_far_apart_are_two_stretches_and_near_ones_are_one():
    far = OLD.replace("line 5\n", "five\n").replace("line 30", "thirty")
    near = OLD.replace("line 5\n", "five\n").replace("line 9\n", "nine\n")
    assert [line.kind for line in inline(OLD, far)].count("hunk") == 2
    assert [line.kind for line in inline(OLD, near)].count("hunk") == 1


def test_no_changed_line_is_left_out_or_shown_twice():
    new = OLD.replace("line 1\n", "").replace("line 33", "a\nb\nc") + "\nend"
    lines = inline(OLD, new)
    removed = [line.text for line in lines if line.kind == "del"]
    added = [line.text for line in lines if line.kind == "add"]
    assert removed == ["line 1", "line 33"]
    assert added == ["a", "b", "c", "end"]


def test_side_by_side_marks_the_words_that_differ():
    rows = both("NEVER add packages without approval", "NEVER add packages").rows
    left, right = rows[1].left, rows[1].right
    assert left is not None
    assert right is not None
    assert [piece.text for piece in left if piece.changed] == [" without approval"]
    assert [piece.text for piece in right if piece.changed] == []


def test_a_line_without_a_counterpart_stands_alone():
    rows = both("a\nb", "a\nx\ny\nb").rows
    alone = [(row.old, row.new, row.left) for row in rows if row.kind == "changed"]
    assert alone == [(None, 2, None), (None, 3, None)]


def test_long_stretches_are_shown_as_replaced_whole():
    old, new = ("\n".join(f"{word} {n % 7}" for n in range(4000)) for word in ("before", "after"))
    lines = inline(old, new)
    assert len(lines) == 8001


def test_in_a_large_change_only_what_the_lines_begin_and_end_with_is_left_unmarked():
    old, new = (
        "\n".join(f"one {word} two {word} three {n}" for n in range(500)) for word in ("a", "b")
    )
    row = both(old, new).rows[1]
    assert row.left is not None
    assert [(piece.text, piece.changed) for piece in row.left] == [
        ("one ", False),
        ("a two a", True),
        (" three 0", False),
    ]


def test_very_long_lines_are_compared_at_once():
    old, new = ("\n".join([words * 55] * 2900) for words in ("a b ", "b a c "))
    rows = both(old, new).rows
    assert sum(row.kind == "changed" for row in rows) == 2900
