"""A zip, a folder or uploaded files as paths with bytes: nothing outside, nothing endless."""

import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agents.importing import MAX_BYTES, storable
from agents.intake.kinds import Tree, tree_of, why_no_agent, why_no_definition
from governance.base.errors import InvalidInput, Refusal, TooLarge

MB = 1024 * 1024
MAX_ZIP = 32 * MB
MAX_TOTAL = 64 * MB
MAX_ENTRIES = 10_000
MAX_RATIO = 200
MAX_DEPTH = 20
MAX_PATH = 300
_DIRECTORY = 4 * MB
_CHUNK = 64 * 1024
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".jar"})
_DRIVE = re.compile(r"^[A-Za-z]:")
_END, _END_SIZE = b"PK\x05\x06", 22
_ZIP64, _ZIP64_SIZE = b"PK\x06\x07", 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One file; ``skipped`` or ``refused`` is the sentence that says why it has no bytes."""

    path: str
    raw: bytes = b""
    skipped: str = ""
    refused: str = ""
    code: str = "invalid_input"


def safe_path(path: str) -> str:
    """The path with plain slashes; refuses every path that could lead outside of its folder."""
    shown = str(storable(path[:120]))
    plain = path.replace("\\", "/")
    parts = plain.split("/")
    if "\0" in plain:
        raise _unsafe(shown, "its name holds a NUL character")
    if plain.startswith("/"):
        raise _unsafe(shown, "its path is absolute")
    if _DRIVE.match(plain):
        raise _unsafe(shown, "its path names a drive")
    if ".." in parts:
        raise _unsafe(shown, "its path leads out of the folder")
    if len(parts) > MAX_DEPTH:
        raise _unsafe(shown, f"it lies deeper than {MAX_DEPTH} folders")
    if len(plain) > MAX_PATH:
        raise _unsafe(shown, f"its path is longer than {MAX_PATH} characters")
    return "/".join(part for part in parts if part not in ("", "."))


def _unsafe(shown: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"Nothing was brought in, because of {shown}: {why}.", code="unsafe_archive", entry=shown
    )


def from_zip(file: IO[bytes], *, everything: bool = False) -> list[Incoming]:
    """The definitions in a zip; one unsafe entry refuses the whole of it."""
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = _checked(archive.infolist())
            tree = _tree(everything, (path for _, path in entries))
            return _bounded(_entry(archive, info, path, tree) for info, path in entries)
    except _BROKEN as error:
        raise _broken() from error


def _tree(everything: bool, paths: Iterable[str]) -> Tree | None:
    """What tells agents from what lies beside them; none where all is taken for agents."""
    return None if everything else tree_of(list(paths))


def _check_directory(file: IO[bytes]) -> None:
    """Look at the end of the file before anything is built from what it lists."""
    size = file.seek(0, os.SEEK_END)
    if size > MAX_ZIP:
        raise TooLarge(f"A zip may be at most {MAX_ZIP // MB} MB.", limit=MAX_ZIP)
    start = max(0, size - _END_SIZE - 0xFFFF - _ZIP64_SIZE)
    file.seek(start)
    tail = file.read()
    at = len(tail) - _END_SIZE
    if at < 0 or not (tail.startswith(_END, at) and tail.endswith(b"\0\0")):
        at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_SIZE:
        raise _broken()
    entries, directory = struct.unpack_from("<HL", tail, at + 10)
    is_zip64 = tail.startswith(_ZIP64, max(0, at - _ZIP64_SIZE))
    if is_zip64 or entries > MAX_ENTRIES or directory > _DIRECTORY:
        raise _too_many()
    file.seek(0)


def _broken() -> InvalidInput:
    return InvalidInput("This is no zip, or it is damaged.", code="bad_archive")


def _too_many() -> TooLarge:
    return TooLarge(f"At most {MAX_ENTRIES:,} files at once.", limit=MAX_ENTRIES)


def _checked(infos: list[zipfile.ZipInfo]) -> list[tuple[zipfile.ZipInfo, str]]:
    """Every entry with its safe path; all are looked at before any is unpacked."""
    if len(infos) > MAX_ENTRIES:
        raise _too_many()
    seen: set[str] = set()
    found = []
    for info in infos:
        path = safe_path(info.orig_filename)
        _check_entry(info, path)
        if info.is_dir():
            continue
        name = unicodedata.normalize("NFC", path).casefold()
        if name in seen:
            raise _unsafe(path, "two entries have this name")
        seen.add(name)
        found.append((info, path))
    return found


def _check_entry(info: zipfile.ZipInfo, path: str) -> None:
    if not path and not info.is_dir():
        raise _unsafe("an entry", "it has no name")
    if info.flag_bits & 0x41:
        raise _unsafe(path, "it is encrypted")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise _unsafe(path, "it is a symbolic link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _unsafe(path, "it is no ordinary file")


def _entry(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, tree: Tree | None
) -> Incoming:
    known = _known_by_name(path)
    if known:
        return known
    with archive.open(info) as stream:
        raw = _read(stream, path, compressed=info.compress_size)
    return _definition(path, raw, tree)


def _known_by_name(path: str) -> Incoming | None:
    if Path(path).suffix.lower() in _ARCHIVES:
        return Incoming(path, refused="It is an archive inside: unpack it and bring it in itself.")
    why = why_no_definition(path)
    return Incoming(path, skipped=why) if why else None


def _definition(path: str, raw: bytes, tree: Tree | None) -> Incoming:
    why = why_no_agent(path, raw, tree) if tree else ""
    return Incoming(path, skipped=why) if why else Incoming(path, raw)


def _read(stream: IO[bytes], path: str, *, compressed: int) -> bytes:
    """What is there, never what a header promises: one byte more than allowed at most."""
    raw = bytearray()
    while len(raw) <= MAX_BYTES and (chunk := stream.read(_CHUNK)):
        raw += chunk[: MAX_BYTES + 1 - len(raw)]
        if len(raw) > _CHUNK and len(raw) > MAX_RATIO * max(compressed, 1):
            raise TooLarge(
                f"Nothing was brought in, because of {path[:120]}: it unpacks to more than "
                f"{MAX_RATIO} times its size.",
                code="archive_bomb",
            )
    return bytes(raw)


def _bounded(files: Iterable[Incoming]) -> list[Incoming]:
    """The files as a list, as long as there are not too many of them nor too much."""
    found: list[Incoming] = []
    total = 0
    for file in files:
        total += len(file.raw)
        if total > MAX_TOTAL:
            raise TooLarge(
                f"All files together may be at most {MAX_TOTAL // MB} MB.",
                code="archive_bomb",
                limit=MAX_TOTAL,
            )
        if len(found) == MAX_ENTRIES:
            raise _too_many()
        found.append(file)
    return found


def from_uploads(
    uploads: Iterable[tuple[str, IO[bytes]]], *, everything: bool = False
) -> list[Incoming]:
    """Uploaded files with their paths; a zip among them counts as the files in it.

    What somebody chose alone is taken for a definition, whatever it is called.
    """
    given = list(uploads)
    if len(given) == 1 and not given[0][0].lower().endswith(".zip"):
        name, file = given[0]
        return [Incoming(safe_path(name), file.read(MAX_BYTES + 1))]
    tree = _tree(everything, (name.replace("\\", "/") for name, _ in given))
    return _bounded(one for name, file in given for one in _uploaded(name, file, tree))


def _uploaded(name: str, file: IO[bytes], tree: Tree | None) -> list[Incoming]:
    try:
        path = safe_path(name)
        if "/" not in path and path.lower().endswith(".zip"):
            return from_zip(file, everything=tree is None)
    except Refusal as refusal:
        return [Incoming(name[:MAX_PATH], refused=refusal.sentence, code=refusal.code)]
    return [_known_by_name(path) or _definition(path, file.read(MAX_BYTES + 1), tree)]


def from_path(path: Path, *, everything: bool = False) -> list[Incoming]:
    """A zip, a single file, or everything beneath a folder; links are not followed."""
    if path.is_dir():
        found = sorted(_walk(path))
        tree = _tree(everything, (file.relative_to(path).as_posix() for file in found))
        return _bounded(_from_disk(path, file, tree) for file in found)
    with path.open("rb") as file:
        if path.suffix.lower() == ".zip":
            return from_zip(file, everything=everything)
        return [Incoming(path.name, file.read(MAX_BYTES + 1))]


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in (*names, *links):
            yield Path(place, name)


def _from_disk(folder: Path, file: Path, tree: Tree | None) -> Incoming:
    path = file.relative_to(folder).as_posix()
    if file.is_symlink():
        return Incoming(path, skipped="It is a symbolic link, and links are not followed.")
    try:
        return _known_by_name(safe_path(path)) or _definition(path, _read_plain(file), tree)
    except Refusal as refusal:
        return Incoming(path, refused=refusal.sentence, code=refusal.code)
    except OSError as error:
        return Incoming(path, refused=f"It cannot be read: {error.strerror}.")


def _read_plain(file: Path) -> bytes:
    """Refuses what became a link, a pipe or a device since it was listed."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidInput("It is no ordinary file.", code="unsafe_file")
        return stream.read(MAX_BYTES + 1)


def from_texts(texts: Iterable[tuple[str, str]]) -> list[Incoming]:
    """Texts with their paths, each meant as a definition."""
    return _bounded(_from_text(path, text) for path, text in texts)


def _from_text(path: str, text: str) -> Incoming:
    try:
        return Incoming(safe_path(path), text.encode())
    except Refusal as refusal:
        return Incoming(path[:MAX_PATH], refused=refusal.sentence, code=refusal.code)
    except UnicodeEncodeError:
        return Incoming(path[:MAX_PATH], refused="The text holds half characters.")
