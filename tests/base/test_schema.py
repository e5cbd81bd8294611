"""A process that an upgrade left behind stops instead of guessing."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from governance.base import schema
from governance.base.careful_task import CarefulTask
from governance.celery import app

pytestmark = pytest.mark.django_db


@app.task(name="tests.noted")
def noted(where):
    where.append("done")
    return "done"


@pytest.fixture
def applied():
    """The rows of the migrations that the database has; as its owner would change them."""
    return MigrationRecorder(connection).migration_qs


def test_code_and_database_of_one_version_fit():
    assert schema.misfit() == ""
    assert noted([]) == "done"


def test_30_a_database_that_is_newer_stops_the_old_code(monkeypatch):
    old = frozenset(schema.known_migrations() - {("asking", "0001_initial")})
    monkeypatch.setattr(schema, "known_migrations", lambda: old)
    assert "newer than this code: asking.0001_initial" in schema.misfit()
    done = []
    assert noted(done) is None
    assert done == []


def test_30_a_database_that_was_not_migrated_stops_the_new_code(monkeypatch):
    new = schema.known_migrations() | {("agents", "9998_next"), ("agents", "9999_last")}
    monkeypatch.setattr(schema, "known_migrations", lambda: new)
    assert "older than this code: agents.9998_next and 1 more" in schema.misfit()
    assert noted([]) is None


def test_packages_may_change_their_own_migrations(applied):
    assert applied.filter(app="account").exists()
    assert {app for app, _ in schema.known_migrations()} >= {"audit", "asking", "escalations"}
    assert not {app for app, _ in schema.known_migrations()} & {"account", "auth", "sites"}


def test_30_every_task_is_careful():
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]
    assert ours
    assert all(isinstance(task, CarefulTask) for task in ours)


def test_30_health_says_which_is_older(client, monkeypatch):
    new = schema.known_migrations() | {("agents", "9999_last")}
    monkeypatch.setattr(schema, "known_migrations", lambda: new)
    told = client.get("/health/scheduler").json()
    assert "older than this code: agents.9999_last not applied" in told["schema"]
