"""The auditor: what it costs with 10,000 settled cases, and with a million.

Run it with `python3 dev.py bench audit [--cases 1000000] [--few 10000]`. In one run, on one
database: some cases are open, and ever more are settled, each with its question, its notices, its
halt, its permit and its review. Every check of the auditor is timed with few and with many of
them, and the pages of tables and indexes that it touches are counted, which no busy machine
disturbs. Both should be the same: a check that reads more than before makes the run fail.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

# Only the owner of the tables may write cases that nobody decided.
os.environ["DATABASE_URL"] = os.environ.get("MIGRATION_DATABASE_URL", os.environ["DATABASE_URL"])

import django

django.setup()

from django.core.management import call_command
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from psycopg import sql

from agents.models import Agent, Family, Halt, Permit
from escalations.acting import withdraw
from escalations.models import Escalation, Presence
from escalations.raising import raise_case
from escalations.schema import read_payload
from governance.asking.models import Ask, Notification, NotificationState, Reason
from governance.asking.watchdogs.auditor import LIMIT, audit
from governance.asking.watchdogs.checks import known
from governance.base.canonical import canonical
from governance.people.models import Role, Runner, User
from governance.review.models import Review, ReviewStatus

OPEN = 200
REPEATS = 5
WORST = 1.6
# Some pages of an index more: its tree has grown a level.
SLACK = 400
ACT = {"kind": "shell", "target": "db-staging", "arguments": {"argv": ["psql"]}}


@dataclass
class Cost:
    blocks: int
    milliseconds: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=10_000)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    settled = first_cases()
    grow(settled, 0, options.few)
    before = measure()
    grow(settled, options.few, options.cases)
    report(before, measure(), options.few, options.cases)


# --- the data ---------------------------------------------------------------------------------


def first_cases() -> Escalation:
    """Some that wait for people, and one that has been settled, of which the others are copies."""
    now = timezone.now()
    owner = User.objects.create_user("owner@example.org", name="Owner", roles=[Role.OWNER])
    User.objects.create_user("ada@example.org", name="Ada", roles=[Role.APPROVER])
    family = Family.objects.create(slug="sample", name="Sample")
    Agent.objects.create(
        family=family, slug="worker", name="Worker", owner=owner, tier="low", created_at=now
    )
    runner = Runner.objects.create(name="Build", slug="build", owner=owner, agents=["*"])
    cases = [raised(runner, number) for number in range(OPEN + 1)]
    first = cases[0]
    withdraw(escalation_id=first.pk, runner=runner, reason="Done.", at=now)
    with unguarded():
        what_belongs_to(first, owner, now)
    return first


def what_belongs_to(first: Escalation, owner: User, now: datetime) -> None:
    """A notice that went out, a permit and a review, whether or not anybody voted."""
    ask = Ask.objects.get(subject=first.subject)
    Notification.objects.create(
        ask=ask,
        recipient=owner,
        reason=Reason.ASKED,
        step=0,
        dedupe_key="first",
        state=NotificationState.ACCEPTED,
        created_at=now,
        due_at=now,
        settled_at=now,
    )
    Permit.objects.create(
        source=first.subject,
        agent=first.agent,
        runner=first.runner,
        request_sha256=first.request_sha256,
        granted_at=now,
        use_before=now + timedelta(days=3),
    )
    Review.objects.create(
        subject="agent_version:0",
        title="Version",
        path="/",
        version_sha256="a" * 64,
        policy_name="bench",
        required_votes=1,
        status=ReviewStatus.APPROVED,
        opened_at=now,
        opened_by="bench",
        closed_at=now,
    )


def raised(runner: Runner, number: int) -> Escalation:
    body = {"agent": "worker", "task": f"Task {number}", "problem": "Which?", "action": ACT}
    case, _ = raise_case(
        runner=runner,
        payload=read_payload(body),
        idempotency_key=f"bench {number}",
        body=canonical(body),
        source_format="json",
        at=timezone.now(),
    )
    return case


def grow(first: Escalation, start: int, end: int) -> None:
    """Copies of the settled case from one number to another, with all that belongs to each."""
    ask = Ask.objects.get(subject=first.subject)
    number = f"{10_000_000} + n"
    subject = f"'escalation:ESC-' || {number}"
    with unguarded():
        copy(Escalation, first.pk, start, end, id=number, idempotency_key="'copy ' || n")
        copy(Presence, first.pk, start, end, escalation_id=number)
        copy(Ask, ask.pk, start, end, id=number, subject=subject)
        notice = Notification.objects.get(dedupe_key="first")
        copy(
            Notification,
            notice.pk,
            start,
            end,
            ask_id=number,
            dedupe_key="'copy ' || n",
            message_id="gen_random_uuid()",
        )
        copy(Halt, Halt.objects.get(source=first.subject).pk, start, end, source=subject)
        copy(Permit, Permit.objects.get(source=first.subject).pk, start, end, source=subject)
        review = Review.objects.get(subject="agent_version:0")
        copy(Review, review.pk, start, end, subject="'agent_version:' || n")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def copy(model: type[models.Model], original: int, start: int, end: int, **own: str) -> None:
    key = str(model._meta.pk.column)
    names = [
        str(field.column)
        for field in model._meta.concrete_fields
        if not field.primary_key or key in own
    ]
    chosen = [sql.SQL(own[name]) if name in own else sql.Identifier("o", name) for name in names]
    statement = sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {chosen}"
        " FROM {table} o, generate_series(%s, %s) n WHERE o.{key} = %s"
    ).format(
        table=sql.Identifier(model._meta.db_table),
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        chosen=sql.SQL(", ").join(chosen),
        key=sql.Identifier(key),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [start + 1, end, original])


@contextmanager
def unguarded() -> Iterator[None]:
    """Settled cases without their history: the database refuses them anywhere but here."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = origin")


# --- the measurements -------------------------------------------------------------------------


def measure() -> dict[str, Cost]:
    now = timezone.now()
    checks: dict[str, Callable[[], object]] = {
        name: (lambda check=check: list(check(now, LIMIT))) for name, check in known().items()
    }
    costs = {name: cost_of(act) for name, act in checks.items()}
    whole = cost_of(lambda: audit(at=now))
    return {**costs, "the whole audit": Cost(whole.blocks, whole.milliseconds)}


def cost_of(act: Callable[[], object]) -> Cost:
    act()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    with CaptureQueriesContext(connection) as captured:
        act()
    reads = [one["sql"] for one in captured.captured_queries if one["sql"].startswith("SELECT")]
    return Cost(sum(map(blocks, reads)), min(times) * 1000)


def blocks(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, TIMING OFF) " + statement)
        (answer,) = cursor.fetchone()
    plan: dict[str, Any] = answer[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def report(before: dict[str, Cost], after: dict[str, Cost], few: int, many: int) -> None:
    print(f"{OPEN} open cases, with {few} and with {many} settled ones")
    print(f"{'check':44} {'pages read':>16} {'ratio':>6} {'ms':>16}")
    failed = []
    for name, old in before.items():
        new = after[name]
        ratio = new.blocks / max(old.blocks, 1)
        print(
            f"{name:44} {old.blocks:7} {new.blocks:8} {ratio:6.2f}"
            f" {old.milliseconds:7.1f} {new.milliseconds:8.1f}"
        )
        if ratio > WORST and new.blocks - old.blocks > SLACK:
            failed.append(f"{name}: reads {ratio:.1f} times as much")
    if failed:
        raise SystemExit("not flat:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
