"""A folder and the portal: pull what is approved, check what is there, push what was changed."""

import os
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from stuck import folder, receipts
from stuck.client import Client, Definition
from stuck.errors import Differs, NotSetUp, NotVerified, Refused
from stuck.folder import Lock, Pulled
from stuck.receipts import Expected, KeySet

# What --accept takes, the strictest first, and the states of a version that satisfy it.
ACCEPTED: Dict[str, Tuple[str, ...]] = {
    "released": (),
    "approved": ("approved", "grace"),
    "proposed": ("approved", "grace", "in_review", "draft", "stale"),
}
Tell = Callable[[str], None]


class Row(NamedTuple):
    """One definition: whether it may stay as it is, and why."""

    file: str
    agent: str
    good: bool
    state: str
    sentence: str
    changes: Tuple[str, ...] = ()


class Pull(NamedTuple):
    """What a pull is going to do to a folder."""

    lock: Lock
    write: Mapping[str, bytes]
    remove: Tuple[str, ...]
    told: Tuple[str, ...]


def pull(client: Client, path: str, environment: str, only: List[str], *, force: bool) -> Pull:
    """Write what is released into a folder, and take out what is released no longer.

    Nothing is written where that would overwrite or remove something that was changed here: then
    :class:`Differs` is raised. With ``only``, the other agents stay as they are.
    """
    before, here = _lock_for(path, environment), folder.contents(path)
    names = only or sorted({*client.agents(environment), *(before.agents if before else ())})
    served, gone = _served(client, names, environment)
    planned = _plan(client, environment, before, here, served, gone)
    if not force:
        _refuse_to_overwrite(before, here, planned)
    for file, raw in planned.write.items():
        folder.write(os.path.join(path, file), raw)
    for file in planned.remove:
        os.unlink(os.path.join(path, file))
    # The lock comes last: where this breaks off, the next pull finds files that are as they ought.
    folder.write(os.path.join(path, folder.LOCK), folder.lock_text(planned.lock))
    return planned


def _lock_for(path: str, environment: str) -> Optional[Lock]:
    before = folder.read_lock(path)
    if before and before.environment != environment:
        raise NotSetUp(f"{path} was pulled for {before.environment}, not for {environment}.")
    return before


def _served(
    client: Client, names: List[str], environment: str
) -> Tuple[Dict[str, Definition], Dict[str, str]]:
    """What the portal serves of these agents, and why it serves nothing of the others."""
    served: Dict[str, Definition] = {}
    gone: Dict[str, str] = {}
    for name in names:
        try:
            served[name] = client.resolve(name, environment)
        except Refused as refusal:
            if refusal.status not in {404, 409}:
                raise
            gone[name] = refusal.sentence
    return served, gone


def _plan(
    client: Client,
    environment: str,
    before: Optional[Lock],
    here: Mapping[str, bytes],
    served: Mapping[str, Definition],
    gone: Mapping[str, str],
) -> Pull:
    known = dict(before.agents) if before else {}
    write: Dict[str, bytes] = {}
    told: List[str] = []
    remove = [known[slug].file for slug in gone if slug in known and known[slug].file in here]
    told += [f"{slug} is served no longer. {why}" for slug, why in sorted(gone.items())]
    for slug, found in sorted(served.items()):
        file = known[slug].file if slug in known else _file_for(slug, found, here)
        if here.get(file) != found.raw:
            write[file] = found.raw
            told.append(f"{slug} version {found.sequence} into {file}")
        known[slug] = _entry(known.get(slug), file, found)
    lock = Lock(
        client.url,
        environment,
        client.name,
        {slug: pulled for slug, pulled in known.items() if slug not in gone},
    )
    return Pull(lock, write, tuple(remove), tuple(told))


def _file_for(slug: str, found: Definition, here: Mapping[str, bytes]) -> str:
    """The file that holds these very bytes already, else one named after the agent."""
    if not folder.SLUG.fullmatch(slug):
        raise NotVerified(f"The portal names an agent that can be no file: {slug!r}.")
    same = (file for file, raw in here.items() if raw == found.raw)
    return next(same, f"{slug}.md")


def _entry(old: Optional[Pulled], file: str, found: Definition) -> Pulled:
    """The old entry where nothing changed: a fresh receipt alone is no change to commit."""
    entry = Pulled(file, found.sequence, found.sha256, found.constitution_sha256, found.receipt)
    if old and old._replace(receipt="") == entry._replace(receipt=""):
        return old
    return entry


def _refuse_to_overwrite(before: Optional[Lock], here: Mapping[str, bytes], planned: Pull) -> None:
    differing = _differing(before, here)
    changed = [file for file in (*planned.write, *planned.remove) if file in differing]
    if changed:
        raise Differs(
            f"Changed here, and nothing was written: {', '.join(changed)}. "
            "Propose it with stuck push, or pull with --force to lose it."
        )


def _differing(lock: Optional[Lock], here: Mapping[str, bytes]) -> List[str]:
    """The files that hold something else than what was pulled into them."""
    pulled = {entry.file: entry.sha256 for entry in (lock.agents if lock else {}).values()}
    return [file for file, raw in here.items() if pulled.get(file) != folder.sha256_of(raw)]


def check(client: Client, path: str, environment: str, accept: str) -> List[Row]:
    """Each definition of a folder beside what the portal serves at this moment."""
    lock, here = _lock_for(path, environment), folder.contents(path)
    names = sorted({*client.agents(environment), *(lock.agents if lock else ())})
    served, gone = _served(client, names, environment)
    by_bytes = {found.raw: slug for slug, found in served.items()}
    rows = [
        _row(client, file, raw, lock, served, gone, by_bytes, accept)
        for file, raw in sorted(here.items())
    ]
    return rows + _missing(lock, here)


def _row(
    client: Client,
    file: str,
    raw: bytes,
    lock: Optional[Lock],
    served: Mapping[str, Definition],
    gone: Mapping[str, str],
    by_bytes: Mapping[bytes, str],
    accept: str,
) -> Row:
    if raw in by_bytes:
        slug = by_bytes[raw]
        return Row(file, slug, True, "released", f"Version {served[slug].sequence} is released.")
    slug = lock.agent_in(file) if lock else ""
    if slug in gone:
        return Row(file, slug, False, "withdrawn", gone[slug])
    pulled = lock.agents[slug] if lock and slug else None
    if pulled and pulled.sha256 == folder.sha256_of(raw):
        newer = served[slug].sequence
        return Row(file, slug, False, "behind", f"Version {newer} is released. Pull it.")
    return _changed(client, file, raw, accept)


def _changed(client: Client, file: str, raw: bytes, accept: str) -> Row:
    """What the portal thinks of bytes that it does not serve."""
    try:
        found = client.check(raw, os.path.basename(file))
    except Refused as refusal:
        return Row(file, "", False, "unreadable", refusal.sentence)
    change: Mapping[str, Any] = found["change"]
    votes = change["required_votes"]
    what = f"{change['change_class'].capitalize()}: needs {votes} vote{'' if votes == 1 else 's'}."
    changes = tuple(
        f"{'! ' if one['grave'] else ''}{one['sentence']}" for one in change["changes"][:20]
    )
    known = found.get("known")
    if not known:
        return Row(file, found["agent"], False, "changed", f"Not proposed. {what}", changes)
    status = str(known["status"])
    where = f"Version {known['version']}: {status.replace('_', ' ')}, not released. {what}"
    return Row(file, found["agent"], status in ACCEPTED[accept], status, where, changes)


def _missing(lock: Optional[Lock], here: Mapping[str, bytes]) -> List[Row]:
    entries = sorted(lock.agents.items()) if lock else []
    return [
        Row(pulled.file, slug, False, "missing", "The lock names it, and it is not there.")
        for slug, pulled in entries
        if pulled.file not in here
    ]


def check_offline(path: str, environment: str, keys: KeySet) -> List[Row]:
    """Each definition beside the lock alone, whose receipts are verified; for a pinned key set.

    It proves what was approved when it was pulled; what was withdrawn since, only the portal knows.
    """
    lock, here = _lock_for(path, environment), folder.contents(path)
    if lock is None:
        raise NotSetUp(f"{path} has no lock. Pull first.")
    rows = [_row_offline(lock, file, raw, keys) for file, raw in sorted(here.items())]
    return rows + _missing(lock, here)


def _row_offline(lock: Lock, file: str, raw: bytes, keys: KeySet) -> Row:
    slug = lock.agent_in(file)
    if not slug:
        return Row(file, "", False, "changed", "The lock does not name it.")
    pulled, sha256 = lock.agents[slug], folder.sha256_of(raw)
    about = {
        "agent": slug,
        "environment": lock.environment,
        "sha256": sha256,
        "sequence": pulled.version,
        "constitution_sha256": pulled.constitution_sha256,
    }
    expected = Expected(f"runner:{lock.runner}", f"agent:{slug}", about, "resolve+jwt")
    try:
        receipts.verify(pulled.receipt, keys=keys, expected=expected, now=time.time())
    except NotVerified as error:
        return Row(file, slug, False, "changed", f"Not what was pulled. {error.sentence}")
    return Row(file, slug, True, "pulled", f"Version {pulled.version}, as it was pulled.")


def push(
    client: Client,
    path: str,
    files: List[str],
    family: str,
    provenance: Callable[[str], Mapping[str, str]],
    tell: Tell,
) -> List[Dict[str, Any]]:
    """Propose each named file as a version; without names, whatever the lock did not pull."""
    lock, here = folder.read_lock(path), folder.contents(path)
    proposed = []
    for file in files or _differing(lock, here):
        if file not in here:
            raise NotSetUp(f"There is no definition {file} in {path}.")
        proposed.append(_propose(client, path, file, here[file], family, provenance, tell))
    return proposed


def _propose(
    client: Client,
    path: str,
    file: str,
    raw: bytes,
    family: str,
    provenance: Callable[[str], Mapping[str, str]],
    tell: Tell,
) -> Dict[str, Any]:
    name = os.path.basename(file)
    found = client.check(raw, name)
    known = found.get("known") or {}
    if known:
        told = {"created": False, "version": known["version"], "status": known["status"]}
    else:
        told = client.propose(
            found["agent"],
            raw,
            filename=name,
            family=family,
            provenance=provenance(os.path.join(path, file)),
        )
    change = found["change"]
    tell(
        f"{file}: {found['agent']} version {told['version']} "
        f"{'is proposed' if told['created'] else 'is known'}, {told['status'].replace('_', ' ')}. "
        f"{change['change_class'].capitalize()}. "
        f"{client.url}/agents/{found['agent']}/versions/{told['version']}/"
    )
    return {"file": file, "agent": found["agent"], **told}


def markdown_of(rows: List[Row], url: str) -> str:
    """A summary fit for a pull request: what was looked at, and what still needs people."""
    bad = [row for row in rows if not row.good]
    head = (
        f"### Agent definitions: {len(bad)} of {len(rows)} need attention"
        if bad
        else f"### Agent definitions: all {len(rows)} are approved"
    )
    lines = [head, "", "| file | agent | state | |", "|---|---|---|---|"]
    for row in rows:
        cells = (row.file, row.agent or "?", row.state.replace("_", " "), row.sentence)
        file, agent, state, why = map(_cell, cells)
        lines.append(f"| {file} | {agent} | {state if row.good else f'**{state}**'} | {why} |")
    for row in rows:
        if row.changes:
            lines += ["", f"**{_cell(row.file)}** changes:", ""]
            lines += [f"- {_cell(change)}" for change in row.changes]
    return "\n".join([*lines, "", f"Reviewed in the portal: {url}/agents/", ""])


def _cell(text: str) -> str:
    """Text of somebody else in a table: no cell, line or markup of its own."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    for mark in "\\`*_[]<>|@#":
        plain = plain.replace(mark, f"\\{mark}")
    return plain.replace("://", "&#58;//")
