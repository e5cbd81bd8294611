"""Attention: a week of 40 agents that ask 100 questions a day, and five approvers who answer.

Run it with `python3 dev.py bench attention [--agents 40] [--questions 100] [--days 7] [--seed 4]`.
Two weeks with the same questions and the same people, each on a copy of the same database: before,
with grouping, bundling, digest and limit of mails switched off, and after, with the policies and
settings a new portal starts with. The services, the sweep and the dispatch are the real ones; the
clock is handed to them. What the model assumes and what it does not show: docs/attention.md.

The run fails where a question is dropped or something other than a person decides.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

import django

django.setup()

import structlog
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from agents.models import Agent
from benchmarks.simulated.figures import Figures, figures_of
from benchmarks.simulated.questions import questions_of
from benchmarks.simulated.report import report
from benchmarks.simulated.week import AFTER, BEFORE, Variant, Week
from benchmarks.simulated.world import build
from governance.base.roles import as_owner

# A Monday in a week in which no clock changes.
WEEK = datetime(2026, 2, 2, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--agents", type=int, default=40)
    parser.add_argument("--questions", type=int, default=100, help="a day, of all agents together")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=4)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    started = time.monotonic()
    call_command("migrate", verbosity=0)
    build(agents=options.agents, week=WEEK)
    figures = {one.name: _play(one, options) for one in (BEFORE, AFTER)}
    print(report(figures, agents=options.agents, days=options.days))
    print(f"\n{time.monotonic() - started:.0f} seconds, seed {options.seed}.")
    if any(one.dropped or one.by_machines or one.refusals for one in figures.values()):
        raise SystemExit("a question was dropped, refused, or not decided by a person")


def _play(variant: Variant, options: argparse.Namespace) -> Figures:
    with _own_copy(variant.name):
        questions = questions_of(
            list(Agent.objects.order_by("pk").values_list("slug", flat=True)),
            week=WEEK,
            days=options.days,
            a_day=options.questions,
            seed=options.seed,
        )
        week = Week(variant, questions, start=WEEK, days=options.days, seed=options.seed)
        return figures_of(week.play())


@contextmanager
def _own_copy(name: str) -> Iterator[None]:
    """Work on a copy of the database as it is."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.close_pool()
    with as_owner():
        connection.settings_dict["NAME"] = "postgres"
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with connection.cursor() as cursor:
            cursor.execute(copy.format(*map(sql.Identifier, (f"attention_{name}", before))))
        connection.close()
    connection.settings_dict["NAME"] = f"attention_{name}"
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()
        connection.settings_dict["NAME"] = before


if __name__ == "__main__":
    main()
