"""From a file to a text field and back: what nobody touched stays, byte for byte."""

import codecs

import pytest

from governance.base.editing import bytes_of, fixed, form_of
from governance.base.encoding import decode
from governance.base.errors import InvalidInput, NotThere
from governance.base.findings import Finding, Severity

CLEAN = [
    b"one\ntwo\n",
    b"one\r\ntwo\r\n\r\n",
    b"one\rtwo\r",
    b"one\r\ntwo\nthree\rfour",
    codecs.BOM_UTF8 + b"---\r\nname: x\r\n",
    "Grüße\u2028 \u200b\n".encode(),
    b"\n\nno end",
    b"",
]


def posted(raw: bytes) -> str:
    """What a browser sends of the text field: every line end as CRLF."""
    return decode(raw).text.replace("\n", "\r\n")


@pytest.mark.parametrize("raw", CLEAN)
def test_an_unchanged_text_gives_the_bytes_of_its_file(raw):
    assert bytes_of(posted(raw), like=raw) == raw


def test_a_new_line_ends_like_the_others_and_the_others_stay():
    raw = b"one\r\ntwo\nthree\r\nfour\r\n"
    changed = posted(raw).replace("three", "new\r\nthree")
    assert bytes_of(changed, like=raw) == b"one\r\ntwo\nnew\r\nthree\r\nfour\r\n"


@pytest.mark.parametrize("raw", ["one\n".encode("utf-16"), b"caf\xe9\r\n", b"a\0b\0\n\0"])
def test_a_file_that_is_not_utf8_is_written_as_utf8(raw):
    text = decode(raw).text
    assert bytes_of(posted(raw), like=raw) == text.encode()
    assert not form_of(raw).is_kept


def test_a_damaged_text_is_written_repaired():
    raw = "cafÃ©\r\n".encode()
    assert form_of(raw).repaired
    assert bytes_of(posted(raw), like=raw) == "café\r\n".encode()


def test_on_demand_a_file_is_written_plainly():
    raw = codecs.BOM_UTF8 + b"one\r\ntwo\r\n"
    assert bytes_of(posted(raw), like=raw, plain=True) == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("raw", "ends", "plain"),
    [(b"a\n", "plain", True), (b"a\r\n", "Windows", False), (b"a\r\nb\n", "mixed", False)],
)
def test_the_form_of_a_file_names_what_the_field_does_not_show(raw, ends, plain):
    form = form_of(raw)
    assert (form.line_ends, form.is_plain) == (ends, plain)


def test_a_fix_changes_the_line_of_its_finding_only():
    found = [
        Finding("A", Severity.ERROR, 1, "one", replacement="ONE"),
        Finding("B", Severity.ERROR, 2, "two", replacement="TWO"),
        Finding("C", Severity.ERROR, 1, "none"),
    ]
    assert fixed("one\ntwo", found, f"fix:{found[1].key}") == "one\nTWO"
    assert fixed("one\ntwo", found, "fix-all") == "ONE\nTWO"
    with pytest.raises(InvalidInput):
        fixed("one\ntwo", found, f"fix:{found[2].key}")
    with pytest.raises(NotThere):
        fixed("one\ntwo", found, "fix:gone")
