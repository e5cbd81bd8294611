"""A folder of definitions and its lock: which files it holds, and what was pulled into it."""

import hashlib
import json
import os
import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from stuck import files, strict_json
from stuck.errors import NotSetUp

LOCK = "agents.lock.json"
FORMAT = 1
LARGEST_FILE = 1024 * 1024
SLUG = re.compile(r"[a-zA-Z0-9_][-a-zA-Z0-9_]{0,119}")
SHA256 = re.compile(r"[0-9a-f]{64}")
# Said of a repository, not to an agent.
NO_DEFINITIONS = frozenset({"readme.md", "changelog.md", "license.md", "contributing.md"})


class Pulled(NamedTuple):
    """One line of the lock: the version that was approved and released when it was pulled."""

    file: str
    version: int
    sha256: str
    constitution_sha256: str
    receipt: str


class Lock(NamedTuple):
    """What was pulled: from where, for whom, and each agent's version."""

    portal: str
    environment: str
    runner: str
    agents: Mapping[str, Pulled]

    def agent_in(self, file: str) -> str:
        """The agent whose definition a file is; empty where the lock names none."""
        return next((slug for slug, pulled in self.agents.items() if pulled.file == file), "")


def read_lock(folder: str) -> Optional[Lock]:
    """The folder's lock, or ``None`` where nothing was pulled. Raises :class:`NotSetUp`."""
    path = os.path.join(folder, LOCK)
    if not os.path.lexists(path):
        return None
    try:
        with open(path, "rb") as file:
            return _lock_of(strict_json.object_of(file.read(16 * LARGEST_FILE)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotSetUp(f"{path} is no lock that this version can read: {error}.") from None


def _lock_of(members: Mapping[str, Any]) -> Lock:
    if members["format"] != FORMAT:
        raise ValueError(f"format {members['format']!r}")
    agents = {slug: _pulled_of(slug, told) for slug, told in members["agents"].items()}
    files = [pulled.file for pulled in agents.values()]
    if len(set(files)) != len(files):
        raise ValueError("two agents in one file")
    told = [members[name] for name in ("portal", "environment", "runner")]
    if not all(isinstance(text, str) for text in told):
        raise ValueError("portal, environment and runner are texts")
    return Lock(told[0], told[1], told[2], agents)


def _pulled_of(slug: str, told: Mapping[str, Any]) -> Pulled:
    version: Any = told["version"]
    if not isinstance(version, int) or isinstance(version, bool):
        raise ValueError(f"the version of {slug}")
    texts: List[Any] = [told[name] for name in Pulled._fields if name != "version"]
    if not all(isinstance(text, str) for text in texts) or not SLUG.fullmatch(slug):
        raise ValueError(f"the entry of {slug!r}")
    file, sha256, constitution_sha256, receipt = texts
    if not SHA256.fullmatch(sha256) or not is_inside(file):
        raise ValueError(f"the file of {slug}")
    return Pulled(file, version, sha256, constitution_sha256, receipt)


def lock_text(lock: Lock) -> bytes:
    """The lock as it is written: sorted, so that its own history reads well."""
    agents = {slug: pulled._asdict() for slug, pulled in lock.agents.items()}
    whole = {**lock._asdict(), "format": FORMAT, "agents": agents}
    return (json.dumps(whole, indent=2, sort_keys=True) + "\n").encode()


def is_inside(file: str) -> bool:
    """Whether a name stays in its folder: a lock from somebody else must not lead out of it."""
    parts = file.split("/")
    return (
        all(part not in {"", ".", ".."} for part in parts)
        and not re.search(r"[\\:\x00-\x1f]", file)
        and file.lower().endswith((".md", ".markdown"))
    )


def definitions_in(folder: str) -> Iterator[Tuple[str, bytes]]:
    """Each definition in a folder and below it, by name; links out of it are refused."""
    inside = os.path.realpath(folder)
    for where, folders, found in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(found):
            if not name.lower().endswith((".md", ".markdown")) or name.lower() in NO_DEFINITIONS:
                continue
            path = os.path.join(where, name)
            if not os.path.realpath(path).startswith(inside + os.sep):
                raise NotSetUp(f"{path} leads out of the folder.")
            yield os.path.relpath(path, folder).replace(os.sep, "/"), read(path)


def read(path: str) -> bytes:
    """A definition's bytes. Raises :class:`NotSetUp` for more than one can hold."""
    with open(path, "rb") as file:
        raw = file.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise NotSetUp(f"{path} is larger than the 1 MB that a definition may have.")
    return raw


def write(path: str, raw: bytes) -> None:
    """The whole file or none, in a folder that may not be there yet."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    files.write(path, raw)


def sha256_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def contents(folder: str) -> Dict[str, bytes]:
    """What the folder holds, by file; nothing where there is no folder yet."""
    return dict(definitions_in(folder)) if os.path.isdir(folder) else {}
