"""What a zip, a folder and uploads may hold: nothing outside, nothing endless."""

import io
import stat
import zipfile
from contextlib import suppress

import pytest

from agents.importing import MAX_BYTES
from agents.intake import archives
from agents.intake.archives import Incoming, from_path, from_uploads, from_zip, safe_path
from governance.base.errors import InvalidInput, Refusal, TooLarge
from tests.agents import acts

GOOD = acts.definition("good")


def zipped(*entries, compression=zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """A zip of (name or ZipInfo, bytes)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, raw in entries:
            archive.writestr(name, raw)
    return file


def with_kind(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


def test_the_definitions_of_a_zip_come_with_their_paths_and_the_rest_with_a_reason():
    found = from_zip(
        zipped(
            ("agents/good.md", GOOD),
            ("agents/README.md", b"# About\n"),
            ("agents/docs.agent.md", GOOD),
            ("LICENSE", b"MIT"),
            ("__MACOSX/agents/._good.md", b"x"),
            (".git/notes.md", b"x"),
            ("inner.zip", b"PK"),
            ("memory/constitution.md", b"# Constitution\n"),
        )
    )
    assert [(file.path, file.raw) for file in found if file.raw] == [
        ("agents/good.md", GOOD),
        ("agents/docs.agent.md", GOOD),
    ]
    left_out = {file.path: file.skipped for file in found if file.skipped}
    assert left_out == {
        "agents/README.md": "It tells about its folder and names no agent.",
        "LICENSE": "It is no Markdown file.",
        "__MACOSX/agents/._good.md": "It lies in __MACOSX, which holds no definitions.",
        ".git/notes.md": "It lies in .git, which holds no definitions.",
        "memory/constitution.md": (
            "It looks like a constitution; bring it in on the page Constitution."
        ),
    }
    (refused,) = [file for file in found if file.refused]
    assert (refused.path, refused.refused[:24]) == ("inner.zip", "It is an archive inside:")


def test_a_readme_that_names_an_agent_is_a_definition():
    found = from_zip(zipped(("README.md", acts.definition("readme-writer")), ("x/a.md", GOOD)))
    assert [bool(file.raw) for file in found] == [True, True]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.md", "its path leads out of the folder"),
        ("a/../../evil.md", "its path leads out of the folder"),
        ("..\\evil.md", "its path leads out of the folder"),
        ("/etc/evil.md", "its path is absolute"),
        ("\\evil.md", "its path is absolute"),
        ("C:\\evil.md", "its path names a drive"),
        ("c:evil.md", "its path names a drive"),
        ("a\0.md", "its name holds a NUL character"),
        ("d/" * 30 + "deep.md", "it lies deeper than 20 folders"),
        ("x" * 400 + ".md", "its path is longer than 300 characters"),
    ],
)
def test_trap_76_zip_slip_is_refused_with_the_entry_named(name, why):
    with pytest.raises(InvalidInput, match=why) as refused:
        safe_path(name)
    assert refused.value.code == "unsafe_archive"
    if "\0" in name:
        return
    with pytest.raises(InvalidInput, match=why):
        from_zip(zipped(("good.md", GOOD), (name, b"x")))


def test_trap_76_a_name_that_ends_for_the_unpacker_at_a_nul_is_refused():
    raw = zipped(("evil.md+.txt", b"x")).getvalue().replace(b"evil.md+.txt", b"evil.md\0.txt")
    with pytest.raises(InvalidInput, match="NUL"):
        from_zip(io.BytesIO(raw))


@pytest.mark.parametrize(
    ("kind", "why"),
    [(stat.S_IFLNK, "it is a symbolic link"), (stat.S_IFIFO, "it is no ordinary file")],
)
def test_trap_76_links_and_pipes_in_a_zip_are_refused(kind, why):
    with pytest.raises(InvalidInput, match=why):
        from_zip(zipped((with_kind("good.md", kind), b"/etc/passwd")))


def test_trap_76_links_on_disk_are_not_followed(tmp_path):
    outside = tmp_path / "secret"
    outside.mkdir()
    (outside / "secret.md").write_bytes(GOOD)
    folder = tmp_path / "agents"
    folder.mkdir()
    (folder / "good.md").write_bytes(GOOD)
    (folder / "link.md").symlink_to(outside / "secret.md")
    (folder / "linked").symlink_to(outside)
    found = {file.path: file for file in from_path(folder)}
    assert {path for path, file in found.items() if file.raw} == {"good.md"}
    assert found["link.md"].skipped == found["linked"].skipped != ""


def test_trap_76_a_zip_bomb_is_refused_by_what_it_unpacks_to():
    # Its header promises little.
    raw = zipped(("bomb.md", b"a" * 900_000)).getvalue()
    size = (900_000).to_bytes(4, "little")
    lying = raw.replace(size, (10).to_bytes(4, "little"))
    assert lying != raw
    for archive in (raw, lying):
        with pytest.raises(Refusal):
            from_zip(io.BytesIO(archive))


def test_trap_76_all_files_together_are_bounded(monkeypatch):
    monkeypatch.setattr(archives, "MAX_TOTAL", 3 * len(GOOD))
    entries = [(f"{number}.md", GOOD) for number in range(4)]
    assert len(from_zip(zipped(*entries[:3]))) == 3
    with pytest.raises(TooLarge, match="All files together"):
        from_zip(zipped(*entries))


def test_too_many_entries_are_refused_before_they_are_listed(monkeypatch):
    monkeypatch.setattr(archives, "MAX_ENTRIES", 3)
    with pytest.raises(TooLarge, match="At most 3 files"):
        from_zip(zipped(*((f"{number}.txt", b"") for number in range(4))))


def test_a_zip_larger_than_allowed_is_refused(monkeypatch):
    monkeypatch.setattr(archives, "MAX_ZIP", 100)
    with pytest.raises(TooLarge, match="A zip may be at most"):
        from_zip(zipped(("good.md", GOOD)))


def test_one_entry_gives_one_byte_more_than_allowed_at_most():
    big = bytes(range(256)) * 5000
    (file,) = from_zip(zipped(("big.md", big), compression=zipfile.ZIP_STORED))
    assert len(file.raw) == MAX_BYTES + 1


def test_trap_76_no_more_of_an_entry_is_unpacked_than_a_definition_may_hold(monkeypatch):
    read, unpacked = zipfile.ZipExtFile.read, []

    def counting(self, size=-1):
        chunk = read(self, size)
        unpacked.append(len(chunk))
        return chunk

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counting)
    from_zip(zipped(("big.md", bytes(range(256)) * 40_000), compression=zipfile.ZIP_STORED))
    assert MAX_BYTES < sum(unpacked) <= MAX_BYTES + 64 * 1024


def test_trap_76_encrypted_entries_are_refused():
    raw = bytearray(zipped(("good.md", GOOD)).getvalue())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InvalidInput, match="it is encrypted"):
        from_zip(io.BytesIO(bytes(raw)))


@pytest.mark.parametrize(
    ("first", "second"), [("a.md", "a.md"), ("a.md", "A.MD"), ("a.md", "./a.md")]
)
def test_trap_76_two_entries_of_one_name_are_refused(first, second, recwarn):
    with pytest.raises(InvalidInput, match="two entries have this name"):
        from_zip(zipped((first, GOOD), (second, b"other")))


@pytest.mark.parametrize("raw", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + b"\0" * 10])
def test_what_is_no_zip_is_refused(raw):
    with pytest.raises(InvalidInput, match="no zip"):
        from_zip(io.BytesIO(raw))


@pytest.mark.parametrize("at", range(0, 400, 37))
def test_a_damaged_zip_never_crashes(at):
    """It is refused, or what can be read of it is what stood there."""
    raw = bytearray(zipped(("good.md", GOOD), ("other.md", GOOD * 3)).getvalue())
    raw[at % len(raw)] ^= 0xFF
    found = []
    with suppress(Refusal):
        found = from_zip(io.BytesIO(bytes(raw)))
    assert {file.raw for file in found} <= {GOOD, GOOD * 3, b""}


def test_an_uploaded_zip_counts_as_its_files_and_a_bad_one_holds_up_no_other():
    found = from_uploads(
        [
            ("a.zip", zipped(("in/good.md", GOOD))),
            ("bad.zip", io.BytesIO(b"no zip")),
            ("plain.md", io.BytesIO(GOOD)),
            ("../../up.md", io.BytesIO(GOOD)),
        ]
    )
    assert [file.path for file in found if file.raw] == ["in/good.md", "plain.md"]
    assert [file.path for file in found if file.refused] == ["bad.zip", "../../up.md"]


def test_a_file_chosen_alone_is_a_definition_whatever_it_is_called():
    assert from_uploads([("README.txt", io.BytesIO(b"Text."))]) == [
        Incoming("README.txt", b"Text.")
    ]
