"""One-click fixes: a new draft, different in the mended place only, that approves nothing."""

import codecs

import pytest

from agents.intake.fixing import apply_fix, apply_fixes, fix_version, fixed_by_all, safe_fixes
from agents.parsing import parse_definition
from agents.services import import_definition
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import Role
from tests.agents import acts
from tests.factories import NOW, UserFactory

LINES = (
    "---\nname: worker\ndescription: Use when: always\ntools: Read\n---\n\n# W\n\nDo caf\u00e9.\n"
)
FIXED = LINES.replace("Use when: always", '"Use when: always"')


def finding(raw: bytes, code: str):
    findings = parse_definition(raw, filename="worker.md").findings
    return next(one for one in findings if one.code == code)


@pytest.mark.parametrize(
    ("mark", "encoding", "end"),
    [
        (b"", "utf-8", "\n"),
        (codecs.BOM_UTF8, "utf-8", "\n"),
        (b"", "utf-8", "\r\n"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "\r\n"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "\n"),
    ],
)
def test_only_the_mended_place_differs(mark, encoding, end):
    def written(text: str) -> bytes:
        return mark + text.replace("\n", end).encode(encoding)

    raw = written(LINES)
    assert apply_fix(raw, finding(raw, "UNQUOTED_VALUE")) == written(FIXED)


def test_other_damaged_lines_keep_their_bytes():
    raw = LINES.encode().replace("\u00e9".encode(), b"\xe9") + b"mixed\r\nends\r"
    mended = apply_fix(raw, finding(raw, "UNQUOTED_VALUE"))
    assert mended == raw.replace(b"Use when: always", b'"Use when: always"')


@pytest.mark.parametrize(
    ("code", "raw", "mended"),
    [
        ("BYTE_ORDER_MARK", codecs.BOM_UTF8 + b"---\r\nx", b"---\r\nx"),
        ("LINE_ENDS", b"---\r\nname: a\r---\n", b"---\nname: a\n---\n"),
        ("ENCODING_UTF16", "---\r\nn\u00e4\n".encode("utf-16"), "---\r\nn\u00e4\n".encode()),
        ("FRONTMATTER_AFTER_BLANK_LINE", b"\n \n---\nname: a\n---\n", b"---\nname: a\n---\n"),
        (
            "FRONTMATTER_UNTERMINATED",
            b"---\r\nname: a\r\n\r\nText.",
            b"---\r\nname: a\r\n---\r\n\r\nText.",
        ),
        (
            "LITERAL_LINE_BREAK",
            rb"""---
name: a
description: Say "so"\nand C:\dir
---
""",
            rb"""---
name: a
description: "Say \"so\"\nand C:\\dir"
---
""",
        ),
    ],
)
def test_what_each_fix_of_a_whole_file_does(code, raw, mended):
    assert apply_fix(raw, finding(raw, code)) == mended


def test_fixes_together_give_what_they_give_one_by_one():
    raw = codecs.BOM_UTF8 + LINES.replace("\n", "\r\n").replace("Do", "D\u200bo").encode()
    assert fixed_by_all(raw, "worker.md") == FIXED.encode()
    assert apply_fixes(raw, []) == raw


def test_a_fix_that_would_rename_the_agent_is_not_safe():
    raw = b"---\nname: '@worker: one'\ntools: Read\n---\nDo.\n"
    codes = {one.code for one in safe_fixes(raw, "worker.md")}
    for code in codes:
        assert code != "NAME_NOT_PLAIN" or b"worker-one" in apply_fix(raw, finding(raw, code))


def drafted(by=None, raw=b""):
    return acts.bring_in(by, raw=raw or LINES.encode())


@pytest.mark.django_db(transaction=True)
def test_a_fix_makes_a_draft_that_its_first_author_cannot_approve_either():
    ann, bob = acts.owner(), acts.owner()
    version = drafted(ann)
    key = finding(LINES.encode(), "UNQUOTED_VALUE").key
    draft = fix_version(version_id=version.pk, finding_keys=[key], by=bob, at=NOW)
    assert (draft.sequence, bytes(draft.raw)) == (2, FIXED.encode())
    assert draft.author == bob
    assert draft.co_authors == [ann.pk]


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_fixed_is_refused_with_the_reason():
    version = drafted()
    inherits = drafted(raw=acts.definition("free").replace(b"tools: Read, Grep\n", b""))
    by = acts.owner()
    unsafe = next(f["key"] for f in inherits.findings if f["code"] == "INHERITS_ALL_TOOLS")
    with pytest.raises(InvalidInput, match="change the line yourself"):
        fix_version(version_id=inherits.pk, finding_keys=[unsafe], by=by, at=NOW)
    with pytest.raises(NotThere):
        fix_version(version_id=version.pk, finding_keys=["nothing"], by=by, at=NOW)
    with pytest.raises(Conflict, match="nothing to mend"):
        fix_version(version_id=inherits.pk, finding_keys=None, by=by, at=NOW)
    with pytest.raises(NotPermitted):
        fix_version(
            version_id=version.pk,
            finding_keys=None,
            by=UserFactory(roles=[Role.APPROVER]),
            at=NOW,
        )


@pytest.mark.django_db(transaction=True)
def test_a_version_that_a_newer_one_follows_is_not_mended():
    by = acts.owner()
    version = drafted(by)
    import_definition(raw=FIXED.encode(), filename="worker.md", family="", by=by, at=NOW)
    with pytest.raises(Conflict, match="A newer version"):
        fix_version(version_id=version.pk, finding_keys=None, by=by, at=NOW)
