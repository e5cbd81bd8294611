from dataclasses import replace

from governance.base.findings import Finding, Severity, distinct, with_replacements

VAGUE = Finding("VAGUE_WORD", Severity.WARNING, 3, "“fast” has no measure.", excerpt="fast")


def test_a_key_depends_on_code_line_and_excerpt_alone():
    assert VAGUE.key == replace(VAGUE, message="other words", fix="other").key
    others = [
        replace(VAGUE, code="PLACEHOLDER"),
        replace(VAGUE, line=4),
        replace(VAGUE, excerpt="quick"),
    ]
    assert len({VAGUE.key, *(finding.key for finding in others)}) == 4


def test_a_key_is_the_same_in_every_process():
    assert VAGUE.key == "cd5cd4e144ab"


def test_a_finding_becomes_json_values():
    assert VAGUE.as_dict()["severity"] == "warning"
    assert VAGUE.as_dict()["key"] == VAGUE.key


def test_findings_come_by_line_and_each_key_once():
    first = replace(VAGUE, line=1)
    assert distinct([VAGUE, first, VAGUE]) == (first, VAGUE)


def test_fixes_replace_their_lines_and_nothing_else():
    fixes = [
        replace(VAGUE, line=2, replacement="two"),
        replace(VAGUE, line=2, replacement="never"),
        replace(VAGUE, line=9, replacement="nowhere"),
        VAGUE,
    ]
    assert with_replacements("1\n2\n3", fixes) == "1\ntwo\n3"
