"""The sweep: 10,000 questions that are due at once, against the least that such work can cost.

Run it with `python3 dev.py bench sweep [--asks 10000] [--people 3]`. In one run, on one database:

1. the floor: the same rows written with nothing decided and nothing looked up, in the same batches
   (an update of the question, its notices and one link of its history, each as one statement);
2. the sweep as the worker runs it, from the first due question to the last, alone and as two
   workers at once.

The ratio of the two is what counts, since both slow down alike on a busy machine. The order is
checked as well: no question is moved while one that waited a batch longer is not. The run fails
where the sweep costs more than so many times the floor, or a question is moved twice or never.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from governance.asking.models import Ask, AskKind, Notification
from governance.asking.services import open_ask
from governance.asking.sweep import BATCH, sweep
from governance.audit.actors import Actor
from governance.audit.models import AuditEvent, Stream
from governance.people.models import Role, User

SPAN = timedelta(hours=8)
WORST = 15
WORKERS = 2
COPY = """
INSERT INTO asking_ask ({columns})
SELECT {values} FROM asking_ask a, generate_series(1, %(many)s) n WHERE a.id = %(original)s
"""
FLOOR = (
    """
    UPDATE asking_ask SET step = 0, next_action_at = next_action_at + interval '1 day'
    WHERE id = ANY (%(ids)s)
    """,
    """
    INSERT INTO asking_notification (ask_id, recipient_id, reason, channel, held, step, dedupe_key,
        message_id, state, attempts, last_error, created_at, due_at)
    SELECT a, p.id, 'asked', 'mail', '', 0, 'floor:' || a || ':' || p.id, gen_random_uuid(),
        'pending', 0, '', now(), now()
    FROM unnest(%(ids)s::bigint[]) a, people_user p WHERE 'approver' = ANY (p.roles)
    """,
    """
    INSERT INTO audit_stream (name, length, head)
    SELECT 'floor:' || a, 1, sha256(a::text::bytea) FROM unnest(%(ids)s::bigint[]) a
    """,
    """
    INSERT INTO audit_auditevent (stream_id, number, kind, actor, subject, at, body, previous,
        digest)
    SELECT 'floor:' || a, 1, 'ask.step', 'system:floor', 'floor:' || a, now(), %(body)s,
        sha256('before'), sha256(a::text::bytea)
    FROM unnest(%(ids)s::bigint[]) a
    """,
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--asks", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=3)
    parser.add_argument("--worker", type=datetime.fromisoformat, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        sweep_all(options.worker)
        return
    call_command("migrate", verbosity=0)
    for number in range(options.people):
        User.objects.create_user(f"p{number}@example.org", name="P", roles=[Role.APPROVER])
    report(options.asks, options.people)


def report(asks: int, people: int) -> None:
    floor = timed(fill("floor", asks), floor_of)
    alone = timed(fill("alone", asks), sweep_all)
    check("alone", asks, people)
    check_order("alone")
    together = timed(fill("together", asks), with_workers)
    check("together", asks, people)
    print(f"{asks} questions due, {people} people each, {os.cpu_count()} processors")
    print(f"{'':18} {'seconds':>8} {'per second':>11} {'times the floor':>16}")
    for name, seconds in (
        ("floor", floor),
        ("one sweep", alone),
        (f"{WORKERS} workers", together),
    ):
        print(f"{name:18} {seconds:8.1f} {asks / seconds:11.0f} {seconds / floor:16.1f}")
    if alone / floor > WORST:
        raise SystemExit(f"too slow: a sweep may cost {WORST} times the floor")


# --- the data ---------------------------------------------------------------------------------


def fill(name: str, asks: int) -> datetime:
    """Copies of one real question, due at moments spread over some hours, in no order."""
    now = timezone.now()
    Ask.objects.open().update(
        closed_at=now, closed_because="bench", next_action_at=None, claimed_by=None
    )
    with transaction.atomic():
        original = open_ask(
            kind=AskKind.CASE,
            subject=f"{name}:0",
            title="Which authentication?",
            path="/cases/1/",
            fingerprint="ab" * 32,
            excluded=[],
            by=Actor("runner", "1"),
            at=now - SPAN,
        )
    names = [str(field.column) for field in Ask._meta.concrete_fields if not field.primary_key]
    own = {
        "subject": f"'{name}:' || n",
        "next_action_at": "a.next_action_at + n * 7919 %% %(many)s * interval '1 second' * %(one)s",
    }
    values = [own.get(column, f"a.{column}") for column in names]
    with connection.cursor() as cursor:
        cursor.execute(
            COPY.format(columns=", ".join(names), values=", ".join(values)),
            {"many": asks, "original": original.pk, "one": SPAN.total_seconds() / asks},
        )
    Ask.objects.filter(pk=original.pk).update(
        closed_at=now, closed_because="bench", next_action_at=None
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return now


# --- what is measured -------------------------------------------------------------------------


def timed(at: datetime, work: Callable[[datetime], None]) -> float:
    start = time.perf_counter()
    work(at)
    return time.perf_counter() - start


def floor_of(at: datetime) -> None:
    body = b"x" * 400
    while ids := list(Ask.objects.due(at=at).values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in FLOOR:
                cursor.execute(statement, {"ids": ids, "body": body})


def sweep_all(at: datetime) -> None:
    while sweep(at=at):
        pass


def with_workers(at: datetime) -> None:
    command = [sys.executable, __file__, "--worker", at.isoformat()]
    workers = [subprocess.Popen(command) for _ in range(WORKERS)]
    statuses = [worker.wait() for worker in workers]
    if any(statuses):
        raise SystemExit("a worker failed")


def check(name: str, asks: int, people: int) -> None:
    """Each question was moved once, each person has one notice of each, the history says so."""
    moved = Ask.objects.filter(subject__startswith=f"{name}:", step=0, failures=0)
    notices = Notification.objects.filter(ask__in=moved, channel="mail")
    events = AuditEvent.objects.filter(stream__name__startswith=f"{name}:", kind="ask.step")
    heads = Stream.objects.filter(name__startswith=f"{name}:", length__gte=1)
    found = (moved.count(), notices.count() // people, events.count(), heads.count() - 1)
    if found != (asks, asks, asks, asks):
        raise SystemExit(f"{name}: of {asks} questions {found} were moved, told, recorded, linked")


def check_order(name: str) -> None:
    """The notices, in the order they were written, are in the order of waiting, batch by batch."""
    rows = Notification.objects.filter(ask__subject__startswith=f"{name}:").order_by("id")
    order: list[int] = []
    for subject in rows.values_list("ask__subject", flat=True):
        number = int(subject.split(":")[1])
        if not order or order[-1] != number:
            order.append(number)
    many = len(order)
    late = [place for place, n in enumerate(order) if abs(n * 7919 % many - place) > 2 * BATCH]
    if late:
        raise SystemExit(f"{name}: {len(late)} of {many} questions out of turn")


if __name__ == "__main__":
    main()
