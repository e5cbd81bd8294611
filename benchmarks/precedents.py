"""Past decisions: what searching them costs with 10,000 decided cases, and with ten times as many.

Run it with `python3 dev.py bench precedents [--cases 100000]`. In one run, on one database: the
search page and the cases that are like another one are asked for with a tenth of the cases, then
with all of them. The ratio of the two is what counts. More queries than before (but for one of
each way of looking), or more than `WORST` times the time where that is more than `SLACK`
milliseconds, make the run fail.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

# Only the owner of the tables may write cases by the ten thousand.
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

from agents.models import Agent, Family
from escalations.deciding import decide
from escalations.models import Ballot, Decision, Escalation
from escalations.precedents.searching import similar
from escalations.raising import raise_case
from escalations.schema import read_payload
from governance.people.models import Role, Runner, User

REPEATS = 7
WORST, SLACK, MOST = 3.0, 100.0, 1000.0
# Each way of looking asks once more where more than a few thousand cases fit.
WAYS = 4
BODY: dict[str, Any] = {
    "agent": "worker",
    "title": "Which way to sign people in",
    "task": "Implementing user login",
    "problem": "Multiple authentication approaches are available for this service",
    "options": [{"key": "jwt", "label": "JWT tokens"}, {"key": "session", "label": "Sessions"}],
    "impact": "How every request is authenticated",
}
# A word in every case, one in a hundredth of them, one in a single case; groups grow with all.
TITLE = "'Which way for word' || n %% 100 || ' and rare' || n"
COLUMNS = {
    "title": TITLE,
    "idempotency_key": "'bench ' || n",
    "triggers": "ARRAY['trigger-' || n %% 50]::varchar[]",
    "principles": "ARRAY['principle-' || n %% 10]::varchar[]",
    "group_key": "lpad((n %% 500)::text, 64, '0')",
    "search": f"escalations_search_of({TITLE}, c.request)",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=100_000)
    options = parser.parse_args()
    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    first, asked = _first_cases()
    client = _reader()
    few = options.cases // 10
    _grow(first, 1, few)
    before = {name: _measure(act) for name, act in acts(client, asked)}
    _grow(first, few + 1, options.cases)
    after = {name: _measure(act) for name, act in acts(client, asked)}
    _print(before, after, few, options.cases)


def acts(client: Client, asked: Escalation) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What people and runners ask of past decisions."""
    addresses = {
        "newest": "",
        "a later page": "?before=2000",
        "a word of every case": "?q=authentication",
        "two words of every case": "?q=authentication+approach",
        "a word of a hundredth": "?q=word42",
        "a word of one case": "?q=rare777",
        "a word of none": "?q=kumquat",
        "a word left out": "?q=-authentication",
        "a trigger": "?trigger=trigger-7",
        "a principle and a word": "?principle=principle-3&q=login",
        "a verdict and a word": "?verdict=approved_option&q=login",
        "an agent": "?agent=worker",
    }
    for name, query in addresses.items():
        yield name, partial(_fetch, client, f"/precedents/{query}")
    yield "cases like another one", lambda: similar(asked)


def _first_cases() -> tuple[Escalation, Escalation]:
    """One that was really decided, to be copied, and an open one to look for its like."""
    owner, approver, reader = (
        User.objects.create_user(f"{role}@example.org", name=role, roles=[role])
        for role in (Role.OWNER, Role.APPROVER, Role.AUDITOR)
    )
    now = timezone.now()
    family = Family.objects.create(slug="bench", name="Bench")
    Agent.objects.create(family=family, slug="worker", name="Worker", owner=owner, created_at=now)
    runner = Runner.objects.create(name="R", slug="r", owner=owner, agents=["*"], created_at=now)
    raised = [
        raise_case(
            runner=runner,
            payload=read_payload(BODY),
            idempotency_key=key,
            body=key.encode(),
            source_format="json",
            at=now,
        )[0]
        for key in ("first", "asked")
    ]
    decide(
        escalation_id=raised[0].pk,
        by=approver,
        verdict="approved_option",
        option_key="jwt",
        seen_sha256=raised[0].request_sha256,
        method="session",
        at=now,
    )
    # Only in memory: it is asked about, never saved.
    raised[1].triggers, raised[1].principles = ["trigger-7"], ["principle-3"]
    raised[1].group_key = "7".rjust(64, "0")
    return Escalation.objects.get(pk=raised[0].pk), raised[1]


def _reader() -> Client:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(email="auditor@example.org"))
    return client


def _grow(first: Escalation, start: int, end: int) -> None:
    """Copies of a decided case with words, triggers and groups of their own."""
    numbers = sql.SQL("generate_series({}, {}) AS n").format(sql.Literal(start), sql.Literal(end))
    with connection.cursor() as cursor:
        # The checks of each row would take hours and protect nothing here.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SELECT coalesce(max(id), 0) FROM escalations_escalation")
        (last,) = cursor.fetchone()
        _copy(cursor, Escalation, COLUMNS, numbers, f"c.id = {first.pk}")
        new = sql.SQL("escalations_escalation AS n ON n.id > {}").format(sql.Literal(last))
        of_first = f"c.escalation_id = {first.pk}"
        _copy(cursor, Ballot, {"escalation_id": "n.id"}, new, of_first, join=True)
        ballots = sql.SQL("escalations_ballot AS n ON n.escalation_id > {}").format(
            sql.Literal(last)
        )
        ids = {"escalation_id": "n.escalation_id", "ballot_id": "n.id"}
        _copy(cursor, Decision, ids, ballots, of_first, join=True)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def _copy(
    cursor: Any,
    model: Any,
    columns: dict[str, str],
    source: sql.Composable,
    where: str,
    *,
    join: bool = False,
) -> None:
    names = [str(field.column) for field in model._meta.concrete_fields if not field.primary_key]
    chosen = [
        sql.SQL(columns[name].replace("%%", "%")) if name in columns else sql.Identifier("c", name)
        for name in names
    ]
    cursor.execute(
        sql.SQL(
            "INSERT INTO {table} ({names}) SELECT {chosen} FROM {table} AS c {word} {source}"
        ).format(
            table=sql.Identifier(model._meta.db_table),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            chosen=sql.SQL(", ").join(chosen),
            word=sql.SQL("JOIN" if join else "CROSS JOIN"),
            source=source,
        )
        + sql.SQL(f" WHERE {where}")
    )


def _fetch(client: Client, url: str) -> None:
    answer = client.get(url)
    if answer.status_code != 200 or b"takes too long" in answer.content:
        raise SystemExit(f"{url}: status {answer.status_code}")


def _measure(act: Callable[[], Any]) -> tuple[float, int]:
    """The shortest time in milliseconds, and how many queries it takes."""
    act()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    with CaptureQueriesContext(connection) as captured:
        act()
    return min(times) * 1000, len(captured.captured_queries)


def _print(before: dict[str, Any], after: dict[str, Any], few: int, many: int) -> None:
    print(f"with {few} and with {many} decided cases")
    print(f"{'what':26} {'ms':>8} {'ms':>8} {'ratio':>6}  queries")
    failed = []
    for name, (old, queries) in before.items():
        new, now = after[name]
        print(f"{name:26} {old:8.1f} {new:8.1f} {new / old:6.2f}  {queries} -> {now}")
        if now > queries + WAYS:
            failed.append(f"{name}: {now} queries, before {queries}")
        if new > MOST or (new / old > WORST and new - old > SLACK):
            failed.append(f"{name}: {new:.0f} ms, before {old:.0f}")
    if failed:
        raise SystemExit("not flat:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
