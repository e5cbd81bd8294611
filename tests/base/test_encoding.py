import pytest

from governance.base.encoding import decode, visible
from governance.base.findings import Severity
from tests.shared import SAMPLE, shared

DAMAGED_SIREN = "🚨".encode().decode("cp1252")


def codes(decoded):
    return [finding.code for finding in decoded.findings]


def test_clean_text_stays_as_it_is_and_gives_no_finding():
    text = "# Größe – “naïve” café 🚨 5 µs, 10 μs\n"
    decoded = decode(text.encode())
    assert (decoded.text, decoded.findings, decoded.repaired) == (text, (), False)


def test_a_damaged_emoji_is_repaired_and_the_finding_shows_before_and_after():
    decoded = decode(f"first\n{DAMAGED_SIREN} Decision:\n".encode())
    assert decoded.text == "first\n🚨 Decision:\n"
    assert decoded.repaired
    (finding,) = decoded.findings
    assert (finding.code, finding.line, finding.replacement) == (
        "ENCODING_REPAIRED",
        2,
        "🚨 Decision:",
    )
    assert f"{DAMAGED_SIREN} Decision:" in finding.message
    assert "🚨 Decision:" in finding.message


def test_damage_next_to_good_characters_is_repaired_alone():
    assert decode("cafÃ© naïve".encode()).text == "café naïve"


def test_quotes_ligatures_and_wide_letters_are_not_repaired():
    text = "“ﬁne” ＡＢＣ &amp; e\u0301"
    assert decode(text.encode()).text == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_wide_encodings_is_read_and_reported(encoding):
    decoded = decode("---\nname: wide\n---\n".encode(encoding))
    assert decoded.text == "---\nname: wide\n---\n"
    assert codes(decoded) == ["ENCODING_UTF16"]


def test_wide_text_that_breaks_off_is_reported_as_damaged():
    assert "ENCODING_DAMAGED" in codes(decode(b"\xff\xfea\x00\x00\xd8"))


def test_a_byte_order_mark_is_dropped_and_reported():
    decoded = decode(b"\xef\xbb\xbf---")
    assert (decoded.text, codes(decoded)) == ("---", ["BYTE_ORDER_MARK"])


def test_line_ends_become_plain_ones_and_lines_keep_their_numbers():
    decoded = decode(f"a\r\nb\rc\r\n{DAMAGED_SIREN} d".encode())
    assert decoded.text == "a\nb\nc\n🚨 d"
    assert [(f.code, f.line) for f in decoded.findings] == [
        ("LINE_ENDS", 0),
        ("ENCODING_REPAIRED", 4),
    ]


def test_a_line_that_is_not_utf8_is_read_alone_as_windows_text():
    decoded = decode(b"caf\xe9\r\nna\xc3\xafve")
    assert decoded.text == "café\nnaïve"
    assert decoded.repaired
    assert [(f.code, f.line) for f in decoded.findings][0] == ("ENCODING_NOT_UTF8", 1)


def test_nul_becomes_visible_and_no_words_are_joined():
    decoded = decode(b"ok\nrm\0 -rf")
    assert decoded.text == "ok\nrm\ufffd -rf"
    assert [(f.code, f.severity, f.line) for f in decoded.findings] == [
        ("NUL_CHARACTER", Severity.ERROR, 2)
    ]


@pytest.mark.parametrize(
    ("char", "code"),
    [
        ("\u202e", "BIDI_CHARACTER"),
        ("\u2066", "BIDI_CHARACTER"),
        ("\u200b", "ZERO_WIDTH_CHARACTER"),
        ("\ufeff", "ZERO_WIDTH_CHARACTER"),
        ("\U000e0041", "TAG_CHARACTER"),
        ("\U000e0100", "TAG_CHARACTER"),
        ("\x1b", "CONTROL_CHARACTER"),
        ("\x7f", "CONTROL_CHARACTER"),
        ("\u2028", "CONTROL_CHARACTER"),
    ],
)
def test_hidden_characters_are_kept_reported_and_shown(char, code):
    decoded = decode(f"plain\nallow{char}ed\n".encode())
    assert char in decoded.text
    (finding,) = decoded.findings
    assert (finding.code, finding.line) == (code, 2)
    assert finding.replacement == "allowed"
    assert visible(decoded.text) == f"plain\nallow‹U+{ord(char):04X}›ed\n"


def test_the_joiner_inside_an_emoji_hides_nothing():
    text = "👩\u200d💻 works"
    assert decode(text.encode()).findings == ()
    assert visible(text) == text
    assert visible("a\u200db") == "a‹U+200D›b"


@pytest.mark.parametrize("word", ["pаypal", "Αdmin", "sсope"])
def test_a_word_of_two_scripts_is_a_finding(word):
    (finding,) = decode(f"x\n{word}\n".encode()).findings
    assert (finding.code, finding.line, finding.excerpt) == ("MIXED_SCRIPT", 2, word)


def test_every_byte_there_is_can_be_decoded():
    decoded = decode(bytes(range(256)) * 3)
    assert "\0" not in decoded.text
    assert "\r" not in decoded.text


def test_the_projects_own_sample_holds_exactly_one_damaged_line():
    raw = (SAMPLE / "python-backend.md").read_bytes()
    assert raw.count(DAMAGED_SIREN.encode()) == 1
    assert codes(decode(raw)) == ["ENCODING_REPAIRED"]


def test_the_seed_is_repaired_in_both_damaged_lines_and_nowhere_else():
    raw = shared("seed/python-backend.md").read_bytes()
    decoded = decode(raw)
    assert [finding.line for finding in decoded.findings] == [101, 114]
    assert decoded.text == raw.decode().replace(DAMAGED_SIREN, "🚨")


def test_no_clean_file_of_the_corpus_is_touched():
    touched = [
        path.name
        for name in ("corpus", "corpus-history")
        for path in shared(name).rglob("*.md")
        if path.is_file() and decode(path.read_bytes()).repaired
    ]
    assert touched == []
