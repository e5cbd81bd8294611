"""The commands that keep a folder of definitions and the portal in step."""

import argparse
import json
import sys
from datetime import datetime, timezone
from typing import Callable, Dict, List, Mapping

from stuck import bundle, files, folder, provenance, syncing
from stuck.answers import plain
from stuck.client import Client, pinned
from stuck.errors import Differs, NotSetUp
from stuck.receipts import KeySet
from stuck.syncing import Row

Say = Callable[[str], None]


def pull(client: Client, arguments: argparse.Namespace, say: Say) -> int:
    done = syncing.pull(
        client, arguments.dir, arguments.environment, arguments.agents, force=arguments.force
    )
    for sentence in done.told:
        say(sentence)
    counts = f"{len(done.write)} written, {len(done.remove)} removed"
    say(f"{len(done.lock.agents)} agents in {arguments.dir}: {counts}.")
    return 0


def check(client: Client, arguments: argparse.Namespace, say: Say) -> int:
    rows = syncing.check(client, arguments.dir, arguments.environment, arguments.accept)
    return _report(rows, arguments, client.url, say)


def check_offline(arguments: argparse.Namespace, environment: Mapping[str, str], say: Say) -> int:
    """Without the portal: against the lock, with the pinned keys."""
    rows = syncing.check_offline(arguments.dir, arguments.environment, _pinned(environment))
    lock = folder.read_lock(arguments.dir)
    return _report(rows, arguments, lock.portal if lock else "", say)


def push(client: Client, arguments: argparse.Namespace, say: Say) -> int:
    proposed = syncing.push(
        client,
        arguments.dir,
        arguments.files,
        arguments.family,
        provenance.provenance_of,
        say,
    )
    new = sum(bool(one["created"]) for one in proposed)
    say(f"{new} proposed. People review them in the portal." if new else "Nothing to propose.")
    return 0


def fetch_bundle(client: Client, arguments: argparse.Namespace, say: Say) -> int:
    seen = bundle.highest_seen(arguments.out)
    found, raw = client.bundle(arguments.environment, at_least=seen)
    bundle.save(arguments.out, raw, found.serial)
    say(f"{len(found.raw['agents'])} agents in {arguments.out}, good until {found.expires_at}.")
    return 0


def resolve_offline(arguments: argparse.Namespace, environment: Mapping[str, str], say: Say) -> int:
    """A definition out of a bundle: pinned keys and a pinned name, no portal."""
    runner = environment.get("GOVERNANCE_RUNNER", "")
    if not runner:
        raise NotSetUp("Offline needs this runner's name: set GOVERNANCE_RUNNER.")
    now = datetime.now(timezone.utc)
    found = bundle.read_file(
        arguments.bundle,
        keys=_pinned(environment),
        runner=runner,
        environment=arguments.environment,
        now=now,
    ).definition(arguments.agent, now=now)
    if arguments.out:
        folder.write(arguments.out, found.raw)
    else:
        sys.stdout.buffer.write(found.raw)
        sys.stdout.buffer.flush()
    say(f"{found.agent} version {found.sequence}, out of the bundle; sha256 {found.sha256}")
    return 0


def _pinned(environment: Mapping[str, str]) -> KeySet:
    path = environment.get("GOVERNANCE_JWKS", "")
    if not path:
        raise NotSetUp("Offline needs the portal's keys: name their file in GOVERNANCE_JWKS.")
    return pinned(files.read(path))


COMMANDS: Dict[str, Callable[[Client, argparse.Namespace, Say], int]] = {
    "pull": pull,
    "check": check,
    "push": push,
    "bundle": fetch_bundle,
}


def _report(rows: List[Row], arguments: argparse.Namespace, url: str, say: Say) -> int:
    """Print the summary; raise :class:`Differs` where a row is not good."""
    if arguments.format == "json":
        print(json.dumps([row._asdict() for row in rows], indent=2))
    elif arguments.format == "markdown":
        print(syncing.markdown_of(rows, url))
    else:
        for row in rows:
            mark = "ok  " if row.good else "LOOK"
            print(f"{mark} {plain(row.file)}: {row.state.replace('_', ' ')}. {plain(row.sentence)}")
            for change in row.changes:
                print(f"       {plain(change)}")
    bad = sum(not row.good for row in rows)
    if bad:
        raise Differs(f"{bad} of {len(rows)} definitions are not what people approved.")
    say(f"All {len(rows)} definitions are approved." if rows else "There are no definitions.")
    return 0
