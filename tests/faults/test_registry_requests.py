"""37, 82, 83: looking changes nothing, odd requests are refused clearly, strangers find nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from governance.people.models import Scope
from governance.people.services import issue_key
from tests.factories import RunnerFactory
from tests.faults.everything import OF_SESSIONS, changed, everything
from tests.test_access import API, ARGUMENTS, PAGES, SENT, filled, rows, undone, world

__all__ = ["world"]

READERS = ("owner", "approver", "auditor", "administrator")
# Long polls answer when something happened; the sign-in and the mailbox are not of the registry.
SLOW = {"api-case-wait", "api-case-events"}
# What a refusal leaves on purpose, and what a service counts.
TRACES = ("audit_auditevent", "audit_stream")
BIG = 2**63


def names(table: str, method: str) -> list[str]:
    return [row.values[1] for row in rows(table) if row.values[0] == method]


def address_of(name: str, world: Any, **changes: Any) -> str:
    arguments = ARGUMENTS.get(name, {"escalation_id": "{case}"} if "case-" in f"{name}-" else {})
    return reverse(name, kwargs=filled(arguments, world) | changes)


LOOKED_AT = sorted({*names(PAGES, "GET"), *names(API, "GET")} - SLOW)


@pytest.mark.parametrize("name", LOOKED_AT)
def test_looking_writes_nothing_whoever_looks(world, name):
    for reader in READERS:
        with (
            undone(),
            CaptureQueriesContext(
                connection,
            ) as asked,
        ):
            answer = world.clients[reader].get(address_of(name, world))
        if answer.status_code == 403:
            continue  # That somebody was refused is written down.
        written = [
            one["sql"][:200]
            for one in asked.captured_queries
            if one["sql"].lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))
            and not any(table in one["sql"] for table in OF_SESSIONS)
        ]
        assert written == [], reader


# --- odd queries and numbers ---------------------------------------------------------------------

PARAMETERS = (
    "actor", "after", "at", "before", "cursor", "environment", "family", "from", "graph", "kind",
    "line", "name", "only", "page", "part", "q", "result", "scope", "since", "status", "subject",
    "template", "timeout", "view", "sha256", "to", "format", "page_size", "tier", "sort", "agent",
    "version", "item",
)  # fmt: skip
ODD_QUERIES = (
    "\x00", "-1", "9" * 30, "1e9", "\u202e<script>", "a" * 3000, "2026-13-45T99:99:99Z",
    "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00-14:00", "~", "a~\u0663", "[]", "%", "٣",
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD_QUERIES, ids=ascii)
def test_no_odd_query_is_a_mistake_of_the_portal(world, odd):
    failed = []
    client = Client(raise_request_exception=False)
    client.force_login(world.people["auditor"])
    for name in LOOKED_AT:
        with undone():
            answer = client.get(address_of(name, world), dict.fromkeys(PARAMETERS, odd))
        if answer.status_code >= 500:
            failed.append(name)
    assert failed == []


def numbers_of(name: str) -> list[str]:
    known = ARGUMENTS.get(name, {})
    return [key for key in known if key == "sequence" or key.endswith("_id")]


@pytest.mark.parametrize("number", [0, BIG - 1, BIG, 10**40])
def test_no_odd_number_is_a_mistake_of_the_portal(world, number):
    failed = {}
    client = Client(raise_request_exception=False)
    client.force_login(world.people["owner"])
    for table, method in ((PAGES, "GET"), (API, "GET"), (PAGES, "POST"), (API, "POST")):
        for name in names(table, method):
            for key in numbers_of(name):
                sent = filled(SENT.get(name, {}), world) if method == "POST" else {}
                kind = {"content_type": "application/json"} if name.startswith("api-") else {}
                act = getattr(client, method.lower())
                try:
                    address = address_of(name, world, **{key: number})
                except NoReverseMatch:
                    continue  # no address holds such a number
                with undone():
                    status = act(address, sent, **kind).status_code
                # A page that only takes a form sends those who come without one to another.
                refused = {302} if name == "agent-version-break-glass" else set()
                if status not in {400, 403, 404, 405, 409} | refused:
                    failed[f"{method} {name}"] = status
    assert failed == {}


# --- odd bodies ----------------------------------------------------------------------------------

WRITTEN = (
    "api-imports", "api-agents-check", "api-agent-versions", "api-agent-version-reviews",
    "api-batches", "api-batch-votes", "api-guard", "api-constitution-submit",
    "api-constitution-votes",
)  # fmt: skip
WRITERS = {
    "api-guard": "runner",
    "api-batch-votes": "approver",
    "api-constitution-votes": "approver",
}
MORE: dict[str, dict[str, Any]] = {
    "api-agent-version-reviews": {"environment": "staging", "due_at": "2099-01-01T00:00:00Z"},
    "api-agent-versions": {
        "filename": "worker.md", "family": "", "author_email": "", "commit": "", "repository": "",
    },
    "api-batches": {"title": "", "family": "", "due_at": None},
    "api-constitution-submit": {"level": "", "override_reason": ""},
    "api-guard": {"environment": "production", "run": "r", "instance": "i"},
    "api-imports": {"family_per_folder": False},
}  # fmt: skip
ODD_BODIES = {
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "text": b'"x"',
    "number": b"1e400",
    "unfinished": b'{"a":',
    "deep list": b"[" * 100_000 + b"]" * 100_000,
    "deep map": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "no text": b'{"text": "\\ud800"}',
    "not utf-8": b"\xff\xfe\x00",
    "10 MB": b'{"text": "' + b"x" * 10_000_000 + b'"}',
    "1,000,000 numbers": b'{"version_ids": [' + b"1," * 1_000_000 + b"1]}",
}
ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, BIG, 10**400, 1.5, "", "\x00", "\ud800", "\u202e", "x" * 100_000, [], {},
    [[[]]], {"a": {"b": []}}, ["\x00"], [None], [-1], [BIG], float("nan"), float("inf"),
)  # fmt: skip


def sending(world: Any, name: str) -> tuple[Client, dict[str, Any]]:
    writer = WRITERS.get(name, "owner")
    client = Client(raise_request_exception=False)
    if writer == "runner":
        return client, {"headers": {"Authorization": f"Bearer {world.key}"}}
    client.force_login(world.people[writer])
    return client, {}


def posted(world: Any, name: str, body: bytes) -> tuple[int, str, list[str]]:
    """The status, the type of the answer, and the tables that hold something else since."""
    client, more = sending(world, name)
    with undone():
        before = everything(*TRACES)
        answer = client.post(address_of(name, world), body, content_type="application/json", **more)
        return answer.status_code, answer.headers["Content-Type"], changed(before, *TRACES)


def complaint(world: Any, name: str, body: bytes) -> str:
    status, kind, stored = posted(world, name, body)
    if status >= 500:
        return f"{status}"
    if status >= 400 and (kind != "application/problem+json" or stored):
        return f"{status} {kind} {stored}"
    return ""


@pytest.mark.parametrize("odd", ODD_BODIES)
def test_an_odd_body_gets_a_clear_refusal_and_nothing_is_stored(world, odd):
    found = {name: complaint(world, name, ODD_BODIES[odd]) for name in WRITTEN}
    assert {name: said for name, said in found.items() if said} == {}


def bodies(world: Any, name: str) -> Iterator[tuple[str, bytes]]:
    known = filled(SENT.get(name, {}), world) | MORE.get(name, {})
    for key in known:
        for odd in ODD_VALUES:
            yield f"{key}: {ascii(odd)[:40]}", json.dumps(known | {key: odd}).encode()
    if "action" in known:
        for key in ("kind", "target", "arguments"):
            for odd in ODD_VALUES:
                action = known["action"] | {key: odd}
                yield f"{key}: {ascii(odd)[:40]}", json.dumps(known | {"action": action}).encode()
    if "files" in known:
        for key in ("path", "text"):
            for odd in ODD_VALUES:
                file = known["files"][0] | {key: odd}
                yield f"{key}: {ascii(odd)[:40]}", json.dumps(known | {"files": [file]}).encode()


@pytest.mark.parametrize("name", WRITTEN)
def test_an_odd_value_gets_a_clear_refusal_and_nothing_is_stored(world, name):
    found = {told: complaint(world, name, body) for told, body in bodies(world, name)}
    assert {told: said for told, said in found.items() if said} == {}


# --- strangers -----------------------------------------------------------------------------------

OF_AGENTS = (
    "api-agent", "api-agent-versions", "api-agent-resolve", "api-agent-version-diff",
    "api-agent-version-matrix", "api-import", "api-case",
)  # fmt: skip


def key_of(world: Any, *scopes: str, agents: list[str]) -> dict[str, Any]:
    runner = RunnerFactory(agents=agents, owner=world.people["owner"])
    _, plain = issue_key(
        runner_id=runner.pk, by=world.people["owner"], at=timezone.now(), scopes=list(scopes)
    )
    return {"headers": {"Authorization": f"Bearer {plain}"}}


@pytest.mark.parametrize("name", OF_AGENTS)
def test_a_runner_of_other_agents_finds_nothing(world, name):
    with undone():
        key = key_of(world, *Scope.values, agents=["other"])
        assert Client().get(address_of(name, world), **key).status_code == 404


def test_a_runner_of_other_agents_sees_none_of_them_in_lists_and_bundles(world):
    with undone():
        key = key_of(world, *Scope.values, agents=["other"])
        told = [
            Client().get(reverse(name), **key).content.decode()
            for name in ("api-agents", "api-as-of", "api-bundle", "api-families")
        ]
    assert not [one for one in told if "worker" in one]


def test_a_runner_of_other_agents_reads_no_report_of_their_family(world):
    with undone():
        key = key_of(world, *Scope.values, agents=["other"])
        answer = Client().get(address_of("api-family-report", world), **key)
    assert answer.status_code == 404 or "worker" not in answer.content.decode()


def test_a_key_that_only_reads_writes_nothing(world):
    for name in names(API, "POST"):
        with undone():
            key = key_of(world, "read", agents=["*"])
            body = filled(SENT.get(name, {}), world)
            answer = Client().post(
                address_of(name, world), body, content_type="application/json", **key
            )
        assert answer.status_code == 403, name
