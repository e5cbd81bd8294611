import socket

import pytest
from celery import current_app
from django.db import transaction
from structlog.testing import capture_logs

from governance.asking import poke
from governance.asking.models import Ask
from tests.asking.helpers import ask_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pokes(monkeypatch):
    sent = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **kwargs: sent.append(name))
    return sent


@pytest.fixture
def broker(monkeypatch):
    """Point the pokes at another broker."""

    def point_at(url):
        monkeypatch.setattr(current_app.conf, "broker_write_url", url)
        poke._connection.cache_clear()

    yield point_at
    poke._connection.cache_clear()


def test_the_worker_is_woken_after_the_commit(now, pokes):
    with transaction.atomic():
        ask_for(now)
        assert pokes == []
    assert pokes == ["asking.dispatch"]


def test_a_rolled_back_question_wakes_nobody(now, pokes):
    with transaction.atomic():
        ask_for(now)
        transaction.set_rollback(True)
    assert pokes == []


@pytest.fixture
def silent_server():
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_asking_works_while_the_broker_is_down(now, broker):
    broker("redis://127.0.0.1:1/0")
    with capture_logs() as logs:
        ask_for(now)
    assert Ask.objects.open().count() == 1
    assert [line["event"] for line in logs] == ["poke_lost"]


def test_asking_works_while_the_broker_hangs(now, broker, silent_server):
    broker(silent_server)
    with capture_logs() as logs:
        ask_for(now)
    assert Ask.objects.open().count() == 1
    assert [line["event"] for line in logs] == ["poke_lost"]


def test_a_poke_reaches_the_broker(now):
    with capture_logs() as logs:
        ask_for(now)
    assert logs == []
    with current_app.connection_for_read() as connection:
        message = connection.SimpleQueue("celery").get(timeout=5)
    message.ack()
    assert message.headers["task"] == "asking.dispatch"
