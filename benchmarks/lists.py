"""Lists: what pages cost with 500 agents and 5,000 versions, and with ten times as many.

Run it with `python3 dev.py bench lists [--agents 5000] [--versions 10]`. In one run, on one
database: every page of the registry is fetched with a tenth of the agents, then with all of them.
The ratio of the two is what counts, and should be about one: of the blocks that the database
touches, which no busy machine disturbs, and of the processor's time. More queries than before, more
blocks, or a plan that cannot but read a whole table that grows make the run fail.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

# Only the owner of the tables may write approvals without votes.
os.environ["DATABASE_URL"] = os.environ.get("MIGRATION_DATABASE_URL", os.environ["DATABASE_URL"])

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from psycopg import sql

from agents.comparing import compare
from agents.importing import write_version
from agents.models import (
    Agent,
    AgentVersion,
    Coordination,
    Environment,
    Family,
    Part,
    PrincipleClaim,
    Release,
    Rule,
    Trigger,
)
from agents.parsing import parse_definition
from governance.people.models import Role, User
from governance.review.models import Review, ReviewStatus

FAMILY = 40
REPEATS = 7
RELEASED = 2
WORST = 1.6
# A hundred rows by index over three tables, where a small table was read whole before.
SLACK = 700
TEXT = """---
name: {name}
description: Works for the benchmark.
tools: Read, Grep, Agent
escalation: mandatory
constitutional_compliance: required
---

# {name}

## Constitutional Integration
- **Test-First Development**: write failing tests first

## Escalation Protocol

### When to Escalate (invoke stuck agent)
- **Unclear requirements** for anything

### How to Escalate
1. Stop
2. Invoke stuck agent

### No Fallbacks Rule
- NEVER add external dependencies without approval
- ALWAYS escalate when requirements are unclear

## Integration Coordination
- **With {peer}**: hand the work over
- **With frontend teams**: agree on the look
"""
# Tables that grow with agents and versions; reading one of them whole is no list.
GROWING = (
    "agents_agent",
    "agents_agentversion",
    "agents_rule",
    "agents_trigger",
    "agents_principleclaim",
    "agents_coordination",
    "agents_release",
    "review_review",
)


@dataclass
class Cost:
    """Pages of tables and indexes that the database touched, and the processor's time here."""

    blocks: int
    milliseconds: float
    queries: int
    scans: set[str] = field(default_factory=set)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--agents", type=int, default=5000)
    parser.add_argument("--versions", type=int, default=10)
    options = parser.parse_args()
    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("owner@example.org", name="Owner", roles=[Role.OWNER])
    client = _reader()
    # All of them from the beginning: a page of families that is not full yet costs less.
    Family.objects.bulk_create(
        Family(slug=f"family-{n}", name=f"Family {n}") for n in range(-(-options.agents // FAMILY))
    )
    few = max(options.agents // 10, FAMILY * 3)
    _grow(owner, 0, few, options.versions)
    before = {name: _measure(client, url) for name, url in pages()}
    _grow(owner, few, options.agents, options.versions)
    after = {name: _measure(client, url) for name, url in pages()}
    _print(before, after, few, options.agents)


def pages() -> Iterator[tuple[str, str]]:
    """The addresses, of agents that are there from the beginning."""
    yield "agents", "/agents/"
    yield "agents of a family", "/agents/?family=family-1"
    yield "agents, later page", "/agents/?after=agent-00300"
    yield "families", "/families/"
    yield "report of a family", "/families/family-1/"
    yield "agent", "/agents/agent-00050/"
    yield "version", "/agents/agent-00050/versions/2/"
    yield "API agents", "/api/v1/agents/"
    yield "API versions", "/api/v1/agents/agent-00050/versions/"
    yield "API families", "/api/v1/families/"
    yield "API report", "/api/v1/families/family-1/report/"
    yield "admin agents", "/admin/agents/agent/"
    yield "admin versions", "/admin/agents/agentversion/"
    yield "admin releases", "/admin/agents/release/"
    yield "admin reviews", "/admin/review/review/"


# --- the data ---------------------------------------------------------------------------------


def _reader() -> Client:
    user = User.objects.create_user("reader@example.org", name="Reader", roles=[Role.AUDITOR])
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    return client


def _grow(owner: User, start: int, end: int, versions: int) -> None:
    """Agents from one number to another, each with its versions, approvals and a release."""
    now = timezone.now()
    families = {family.slug: family for family in Family.objects.all()}
    Agent.objects.bulk_create(
        [
            Agent(
                family=families[f"family-{n // FAMILY}"],
                slug=_slug(n),
                name=_slug(n),
                owner=owner,
                created_at=now,
            )
            for n in range(start, end)
        ]
    )
    Environment.objects.get_or_create(slug="production", defaults={"name": "Production"})
    first = _first_version(owner)
    with _unguarded():
        _copy(first, _slug(start), _slug(end - 1), versions)


@contextmanager
def _unguarded() -> Iterator[None]:
    """Approvals without votes: the database refuses them anywhere but in this benchmark."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = origin")


def _slug(number: int) -> str:
    return f"agent-{number:05d}"


def _first_version(owner: User) -> AgentVersion:
    """A version that really came in; the others are copies of its row and of its parts."""
    agent = Agent.objects.get(slug=_slug(0))
    if found := agent.versions.filter(sequence=1).first():
        return found
    raw = TEXT.format(name=_slug(0), peer=_slug(1)).encode()
    parsed = parse_definition(raw)
    return write_version(
        agent=agent,
        sequence=1,
        raw=raw,
        filename=f"{_slug(0)}.md",
        parsed=parsed,
        comparison=compare(parsed, None, approved=False),
        provenance={},
        by=owner,
        at=timezone.now(),
    )


def _copy(first: AgentVersion, since: str, until: str, versions: int) -> None:
    names = [str(f.column) for f in AgentVersion._meta.concrete_fields if not f.primary_key]
    own = {"agent_id": sql.SQL("a.id"), "sequence": sql.SQL("n.n")}
    chosen = [own.get(name, sql.Identifier("v", name)) for name in names]
    statement = sql.SQL(
        "INSERT INTO agents_agentversion ({}) SELECT {} "
        "FROM agents_agent a, generate_series(1, %s) AS n(n), agents_agentversion v "
        "WHERE v.id = %s AND a.slug BETWEEN %s AND %s ORDER BY n.n, a.id "
        "ON CONFLICT DO NOTHING"
    ).format(sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(chosen))
    with connection.cursor() as cursor:
        cursor.execute(statement, [versions, first.pk, since, until])
        for model in (Rule, Trigger, PrincipleClaim, Coordination):
            _copy_parts(cursor, model, first, since, until)
    _approve_and_release(since, until)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _copy_parts(
    cursor: Any, model: type[Part], first: AgentVersion, since: str, until: str
) -> None:
    names = [str(f.column) for f in model._meta.concrete_fields if f.name not in {"id", "version"}]
    statement = sql.SQL(
        "INSERT INTO {table} (version_id, {names}) SELECT v.id, {chosen} "
        "FROM {table} p, agents_agentversion v JOIN agents_agent a ON a.id = v.agent_id "
        "WHERE p.version_id = %s AND v.id <> %s AND a.slug BETWEEN %s AND %s"
    ).format(
        table=sql.Identifier(model._meta.db_table),
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        chosen=sql.SQL(", ").join(sql.Identifier("p", name) for name in names),
    )
    cursor.execute(statement, [first.pk, first.pk, since, until])


def _approve_and_release(since: str, until: str) -> None:
    """Every version has an approved review, and the second of each agent runs in production."""
    now = timezone.now()
    here = AgentVersion.objects.filter(agent__slug__range=(since, until)).order_by("pk")
    rows = list(here.values_list("pk", "agent_id", "agent__owner_id", "sequence", "sha256"))
    reviews = Review.objects.bulk_create(
        (
            Review(
                subject=f"agent_version:{pk}",
                title=f"Version {pk}",
                path="/",
                version_sha256=sha256,
                policy_name="bench",
                required_votes=1,
                status=ReviewStatus.APPROVED,
                opened_at=now,
                opened_by="bench",
                closed_at=now,
            )
            for pk, _, _, _, sha256 in rows
        ),
        batch_size=2000,
    )
    production = Environment.objects.get(slug="production")
    Release.objects.bulk_create(
        Release(
            agent_id=agent,
            environment=production,
            version_id=pk,
            review=review,
            released_by_id=owner,
            at=now,
        )
        for (pk, agent, owner, sequence, _), review in zip(rows, reviews, strict=True)
        if sequence == RELEASED
    )


# --- the measurements -------------------------------------------------------------------------


def _measure(client: Client, url: str) -> Cost:
    _fetch(client, url)
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        _fetch(client, url)
        times.append(time.process_time() - start)
    with CaptureQueriesContext(connection) as captured:
        _fetch(client, url)
    statements = [query["sql"] for query in captured.captured_queries]
    reads = [one for one in statements if one.startswith("SELECT")]
    return Cost(
        blocks=sum(_blocks(_plan(statement)) for statement in reads),
        milliseconds=min(times) * 1000,
        queries=len(statements),
        scans={scan for statement in reads for scan in _whole(_plan(statement, frugal=True))},
    )


def _fetch(client: Client, url: str) -> None:
    answer = client.get(url)
    if answer.status_code != 200:
        raise SystemExit(f"{url}: status {answer.status_code}")


def _plan(statement: str, *, frugal: bool = False) -> dict[str, Any]:
    """What the statement did. A small table is read whole while that is the cheapest; a frugal
    plan does so only where it knows no other way.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SET enable_seqscan = {'off' if frugal else 'on'}")
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, TIMING OFF) " + statement)
        (answer,) = cursor.fetchone()
        cursor.execute("SET enable_seqscan = on")
    plan: dict[str, Any] = answer[0]["Plan"]
    return plan


def _blocks(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _whole(plan: dict[str, Any]) -> Iterator[str]:
    read = plan["Actual Rows"] * plan["Actual Loops"] + plan.get("Rows Removed by Filter", 0)
    is_scan = plan["Node Type"] in {"Seq Scan", "Index Only Scan", "Index Scan", "Bitmap Heap Scan"}
    if is_scan and plan["Relation Name"] in GROWING and read > 2500:
        yield f"{plan['Node Type']} of {read:.0f} rows of {plan['Relation Name']}"
    for below in plan.get("Plans", []):
        yield from _whole(below)


def _print(before: dict[str, Cost], after: dict[str, Cost], few: int, many: int) -> None:
    print(f"with {few} and with {many} agents")
    print(f"{'page':24} {'blocks read':>16} {'ratio':>6} {'CPU ms':>14} {'ratio':>6}  queries")
    failed = []
    for name, old in before.items():
        new = after[name]
        ratio = new.blocks / old.blocks
        print(
            f"{name:24} {old.blocks:7} {new.blocks:8} {ratio:6.2f} {old.milliseconds:7.1f}"
            f"{new.milliseconds:7.1f} {new.milliseconds / old.milliseconds:6.2f}"
            f"  {old.queries} -> {new.queries}"
        )
        failed += [f"{name}: {scan}" for scan in sorted(new.scans)]
        if new.queries > old.queries:
            failed.append(f"{name}: {new.queries} queries, before {old.queries}")
        if ratio > WORST and new.blocks - old.blocks > SLACK:
            failed.append(f"{name}: reads {ratio:.1f} times as much")
    if failed:
        raise SystemExit("not flat:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
