from datetime import timedelta

import pytest
from django.core import mail
from django.db import OperationalError
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from governance.asking import tasks
from governance.asking.heartbeat import AUDIT, TICK, beat
from governance.asking.models import Heartbeat
from governance.asking.poke import DISPATCH
from governance.asking.watchdogs import checks
from governance.asking.watchdogs.checks import Suspect
from governance.celery import app
from tests.asking.helpers import ask_for, notify
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def scheduler(client):
    response = client.get("/health/scheduler")
    return response.status_code, response.json()


def test_alive_needs_no_database(client, django_db_blocker):
    with django_db_blocker.block():
        assert client.get("/health/live").json() == {"status": "ok"}


def test_ready_with_every_migration(client):
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


def test_not_ready_with_a_migration_missing(client, monkeypatch):
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: ["one"])
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (503, "unready")


@pytest.mark.parametrize("address", ["/health/ready", "/health/scheduler"])
def test_not_ready_without_a_database(client, monkeypatch, address):
    def refuse(*_, **__):
        raise OperationalError("gone")

    monkeypatch.setattr("governance.asking.views.pulse", refuse)
    monkeypatch.setattr("governance.asking.views.MigrationExecutor", refuse)
    assert client.get(address).status_code == 503


def test_without_any_heartbeat_the_scheduler_counts_as_stopped(client):
    status, told = scheduler(client)
    assert (status, told["status"], told["heartbeat_age"]) == (503, "stopped", None)


def test_the_scheduler_is_alive_for_three_intervals(client, settings):
    settings.TICK_SECONDS = 60
    beat(at=timezone.now() - timedelta(seconds=170), handled=1)
    beat(at=timezone.now(), handled=0, name=AUDIT)
    assert scheduler(client)[0] == 200
    Heartbeat.objects.filter(name=TICK).update(completed_at=timezone.now() - timedelta(seconds=181))
    status, told = scheduler(client)
    assert (status, told["status"], told["allowed_age"]) == (503, "stopped", 180)
    assert told["heartbeat_age"] >= 181


def test_a_scheduler_whose_auditor_stands_still_counts_as_stopped(client, settings):
    settings.AUDIT_SECONDS = 60
    beat(at=timezone.now(), handled=1)
    assert scheduler(client)[0] == 503
    beat(at=timezone.now() - timedelta(seconds=170), handled=0, name=AUDIT)
    assert scheduler(client)[0] == 200
    beat(at=timezone.now() - timedelta(seconds=185), handled=0, name=AUDIT)
    status, told = scheduler(client)
    assert (status, told["audit_allowed_age"]) == (503, 180)
    assert told["audit_age"] >= 185


def test_what_waits_too_long_is_counted(client):
    long_ago = timezone.now() - timedelta(hours=1)
    ask = ask_for(long_ago)
    notify(ask, UserFactory(), long_ago)
    _, told = scheduler(client)
    assert (told["overdue_asks"], told["waiting_notices"], told["failing_asks"]) == (1, 1, 0)
    assert told["oldest_overdue_age"] >= 3600
    assert told["oldest_notice_age"] >= 3600


@pytest.mark.django_db(transaction=True)
def test_a_tick_sweeps_sends_and_leaves_a_heartbeat():
    UserFactory(roles=["approver"])
    ask_for(timezone.now())
    tasks.tick()
    assert len(mail.outbox) == 1
    assert Heartbeat.objects.get(name=TICK).handled == 2


@pytest.mark.django_db(transaction=True)
def test_the_first_tick_of_a_portal_audits_at_once_and_later_ones_do_not():
    tasks.tick()
    first = Heartbeat.objects.get(name=AUDIT).completed_at
    tasks.tick()
    assert Heartbeat.objects.get(name=AUDIT).completed_at == first


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("wrong", "calls"), [(None, 1), ("nobody asks", 0)])
def test_the_outside_is_called_only_after_an_audit_that_passed(monkeypatch, wrong, calls):
    called = []
    suspects = [Suspect("escalation:ESC-1", wrong)] if wrong else []
    monkeypatch.setitem(checks.CHECKS, "one", lambda at, limit: suspects)
    monkeypatch.setattr(tasks, "call_outside", lambda: called.append(1))
    tasks.audit()
    assert len(called) == calls


@pytest.mark.django_db(transaction=True)
def test_a_poked_dispatch_tells_people_without_a_heartbeat():
    UserFactory(roles=["approver"])
    ask_for(timezone.now())
    tasks.dispatch()
    assert len(mail.outbox) == 1
    assert not Heartbeat.objects.filter(name=TICK).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", ["sweep", "send_notices"])
def test_a_cycle_that_broke_leaves_no_heartbeat(monkeypatch, part):
    def broken(**_):
        raise OperationalError("gone")

    monkeypatch.setattr(tasks, part, broken)
    with pytest.raises(OperationalError):
        tasks.tick()
    assert not Heartbeat.objects.filter(name=TICK).exists()


def test_the_worker_knows_the_tasks_that_beat_and_pokes_name():
    app.loader.import_default_modules()
    named = {entry["task"] for entry in app.conf.beat_schedule.values()} | {DISPATCH}
    assert named == {
        "asking.tick",
        "asking.dispatch",
        "asking.audit",
        "agents.remind_stale",
        "escalations.reconcile",
    }
    assert named <= set(app.tasks)
