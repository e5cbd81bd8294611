"""The dead man's switch: who is told that the scheduler stands still, and how often."""

import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.asking import heartbeat
from governance.asking.models import Heartbeat
from governance.asking.watchdogs import deadman
from governance.asking.watchdogs.deadman import OUTAGE, look, standing
from governance.audit.models import AuditEvent
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db
BEGAN = NOW - timedelta(hours=2)


@pytest.fixture(autouse=True)
def _tick(settings):
    settings.TICK_SECONDS = 5
    yield
    standing.since = None


@pytest.fixture
def admin():
    return UserFactory(roles=["administrator"])


def beat(at):
    heartbeat.beat(at=at, handled=0)


def subjects():
    return [message.subject for message in mail.outbox]


STOPPED = "The scheduler of the portal stands still"
BACK = "The scheduler of the portal turns again"


def test_an_outage_is_told_once_and_its_end_once(admin):
    beat(NOW - timedelta(seconds=61))
    for seconds in (0, 5, 10):
        look(at=NOW + timedelta(seconds=seconds), started_at=BEGAN)
    assert subjects() == [STOPPED]
    beat(NOW + timedelta(seconds=15))
    for seconds in (15, 20):
        look(at=NOW + timedelta(seconds=seconds), started_at=BEGAN)
    assert subjects() == [STOPPED, BACK]
    assert [
        event.kind for event in AuditEvent.objects.filter(stream="watchdogs").order_by("number")
    ] == [
        "scheduler.stopped",
        "scheduler.back",
    ]


def test_the_next_outage_is_told_again(admin):
    beat(NOW - timedelta(seconds=61))
    look(at=NOW, started_at=BEGAN)
    beat(NOW)
    look(at=NOW, started_at=BEGAN)
    look(at=NOW + timedelta(minutes=5), started_at=BEGAN)
    assert subjects() == [STOPPED, BACK, STOPPED]
    ids = [message.extra_headers["Message-ID"] for message in mail.outbox]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(("seconds", "told"), [(60, 0), (61, 1)])
def test_a_hiccup_disturbs_nobody(admin, seconds, told):
    beat(NOW - timedelta(seconds=seconds))
    look(at=NOW, started_at=BEGAN)
    assert len(mail.outbox) == told


def test_a_scheduler_that_never_ran_is_told_after_a_while(admin):
    look(at=BEGAN + timedelta(seconds=60), started_at=BEGAN)
    assert mail.outbox == []
    look(at=BEGAN + timedelta(seconds=61), started_at=BEGAN)
    assert subjects() == [STOPPED]


def test_what_stood_still_while_the_machine_was_off_gets_time_to_come_back(admin):
    beat(NOW - timedelta(days=1))
    look(at=NOW + timedelta(seconds=30), started_at=NOW)
    assert mail.outbox == []
    assert standing.since is None


def test_a_young_process_calls_no_outage_over(admin):
    beat(NOW - timedelta(minutes=5))
    look(at=NOW, started_at=BEGAN)
    look(at=NOW + timedelta(seconds=10), started_at=NOW)
    assert subjects() == [STOPPED]


def test_only_active_administrators_are_told_each_alone(admin):
    UserFactory(roles=["approver"])
    UserFactory(roles=["administrator"], is_active=False)
    other = UserFactory(roles=["administrator"])
    beat(NOW - timedelta(minutes=5))
    look(at=NOW, started_at=BEGAN)
    assert [message.to for message in mail.outbox] == [[admin.email], [other.email]]
    assert all("Auto-Submitted" in message.extra_headers for message in mail.outbox)


def test_a_mail_server_that_is_away_is_tried_again(admin, settings):
    beat(NOW - timedelta(minutes=5))
    before = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with pytest.raises(OSError, match="."):
        look(at=NOW, started_at=BEGAN)
    assert not Heartbeat.objects.filter(name=OUTAGE, handled=1).exists()
    settings.EMAIL_BACKEND = before
    look(at=NOW + timedelta(seconds=5), started_at=BEGAN)
    assert subjects() == [STOPPED]


@pytest.mark.django_db(transaction=True)
def test_several_web_processes_tell_it_once(admin):
    beat(NOW - timedelta(minutes=5))
    together, wrong = threading.Barrier(4), []

    def process():
        try:
            together.wait(10)
            look(at=NOW, started_at=BEGAN)
        except Exception as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=process) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert wrong == []
    assert subjects() == [STOPPED]


def test_the_guard_never_leaves_the_row_behind_as_a_heartbeat_of_the_scheduler(admin):
    beat(NOW - timedelta(minutes=5))
    look(at=NOW, started_at=BEGAN)
    assert heartbeat.last_beat() == NOW - timedelta(minutes=5)


# --- the banner -------------------------------------------------------------------------------


def page(client, user):
    client.force_login(user)
    return client.get("/")


def test_everybody_reads_on_every_page_that_nobody_is_told(client):
    standing.since = NOW
    assert "tells nobody anything" in page(client, UserFactory(roles=["approver"])).content.decode()


def test_strangers_are_told_nothing(client):
    standing.since = NOW
    assert "tells nobody anything" not in client.get("/account/login/").content.decode()


def test_while_it_turns_there_is_no_banner(client):
    text = page(client, UserFactory(roles=["approver"])).content.decode()
    assert "tells nobody anything" not in text


def test_the_banner_asks_the_database_nothing(client, django_assert_num_queries):
    user = UserFactory(roles=["approver"])
    page(client, user)
    with CaptureQueriesContext(connection) as without:
        client.get("/")
    counted = len(without.captured_queries)
    standing.since = NOW
    with django_assert_num_queries(counted):
        client.get("/")


def test_what_goes_wrong_while_looking_does_not_end_the_watch(monkeypatch):
    rounds = []

    def broken(**_):
        rounds.append(1)
        if len(rounds) == 3:
            raise SystemExit
        raise RuntimeError("gone")

    monkeypatch.setattr(deadman, "look", broken)
    monkeypatch.setattr(deadman.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(deadman.connection, "close", lambda: None)
    with pytest.raises(SystemExit):
        deadman.watch()
    assert len(rounds) == 3
