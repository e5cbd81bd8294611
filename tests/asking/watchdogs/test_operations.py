"""The page that says how the portal itself runs."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.asking.heartbeat import AUDIT, beat
from governance.asking.models import (
    Ask,
    Bounce,
    Channel,
    Heartbeat,
    Notification,
    NotificationState,
    Repair,
)
from governance.asking.watchdogs import operations
from governance.asking.watchdogs.deadman import OUTAGE
from governance.people.models import Delegation
from tests.asking.helpers import ask_for, notify
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(NOW, tick=False):
        yield


def shown(client, role="administrator"):
    client.force_login(UserFactory(roles=[role]))
    return client.get("/operations/")


def text_of(answer):
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("role", "status"),
    [("administrator", 200), ("auditor", 200), ("approver", 403), ("owner", 403)],
)
def test_administrators_and_auditors_see_it(client, role, status):
    assert shown(client, role).status_code == status


def test_an_empty_portal_says_that_nothing_turns_and_nothing_waits(client):
    text = text_of(shown(client))
    assert text.count("Stands still") == 4
    assert "none is due" in text
    assert "Nothing that must not be was found so far" in text


def test_loops_that_turn_and_the_last_outage_are_told(client):
    beat(at=NOW, handled=3)
    beat(at=NOW, handled=0, name=AUDIT)
    Heartbeat.objects.create(name=OUTAGE, completed_at=NOW - timedelta(hours=3), handled=0)
    text = text_of(shown(client))
    assert "Stands still" not in text
    assert "The last outage ended" in text


def test_a_running_outage_is_told(client):
    Heartbeat.objects.create(name=OUTAGE, completed_at=NOW, handled=1)
    assert "have been told that the scheduler stands still" in text_of(shown(client))


def test_what_waits_and_what_is_held_is_counted(client):
    ask = ask_for(NOW - timedelta(hours=1), title="Which database?")
    notify(ask, UserFactory(), NOW - timedelta(minutes=5))
    notify(ask, UserFactory(), NOW, due_at=NOW + timedelta(hours=2), held="quiet_hours")
    text = text_of(shown(client))
    assert "Which database?" in text
    assert "1 due, the oldest" in text
    assert "1 held back, the next goes out" in text
    assert "Quiet hours" in text


def test_a_question_that_could_not_be_moved_is_shown(client):
    ask_for(NOW, title="Poisoned")
    Ask.objects.update(failures=3)
    assert "3 times; tried again" in text_of(shown(client))


@pytest.mark.parametrize(
    ("channel", "error", "advice"),
    [
        (Channel.MAIL, "SMTPRecipientsRefused: 550", "another one"),
        (Channel.MAIL, "Every worker that tried to send this died.", "log of the worker"),
        (Channel.MAIL, "SMTPDataError: 554 spam", "log of the mail server"),
        (Channel.PUSH, "No browser shows notices.", "in that browser on again"),
        (Channel.CHAT, "The chat answers 404.", "CHAT_WEBHOOK_URL"),
    ],
)
def test_what_failed_stands_there_with_what_to_do(client, channel, error, advice):
    Notification.objects.create(
        ask=ask_for(NOW),
        recipient=None if channel == Channel.CHAT else UserFactory(),
        channel=channel,
        reason="asked",
        step=0,
        dedupe_key="one",
        state=NotificationState.FAILED,
        settled_at=NOW,
        last_error=error,
        created_at=NOW,
        due_at=NOW,
    )
    text = text_of(shown(client))
    assert error in text
    assert advice in text


def test_who_cannot_be_reached_is_named(client):
    refused, away = UserFactory(name="Rita"), UserFactory(name="Anna")
    Bounce.objects.create(
        user=refused, address=refused.email, is_permanent=True, text="5.1.1 no such user", at=NOW
    )
    Delegation.objects.create(
        person=away,
        starts_at=NOW - timedelta(days=1),
        ends_at=NOW + timedelta(days=1),
        made_by=away,
        made_at=NOW,
    )
    text = text_of(shown(client))
    assert "Rita: mail to" in text
    assert "Anna is away until" in text


def test_what_the_auditor_found_is_shown_with_hidden_characters(client):
    Repair.objects.create(
        what="question asleep",
        subject="escalation:ESC-1",
        sentence="Planned\u202e for 2030.",
        mended=True,
        at=NOW,
    )
    text = text_of(shown(client))
    assert "Question asleep" in text
    assert "U+202E" in text


def queries(client):
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/operations/").status_code == 200
    return len(captured.captured_queries)


def test_the_page_asks_the_same_number_of_questions_however_much_there_is(client):
    shown(client)
    before = queries(client)
    for number in range(30):
        ask = ask_for(NOW, subject=f"escalation:ESC-{number}")
        notify(
            ask,
            UserFactory(),
            NOW,
            state=NotificationState.FAILED,
            settled_at=NOW,
            last_error="SMTPDataError",
        )
        Repair.objects.create(what="x", subject=ask.subject, sentence="x", mended=False, at=NOW)
    Ask.objects.update(failures=1)
    assert queries(client) == before


def test_nobody_counts_beyond_a_thousand(monkeypatch):
    monkeypatch.setattr(operations, "MOST", 2)
    for number in range(4):
        ask_for(NOW, subject=f"escalation:ESC-{number}")
    assert operations.capped(Ask.objects.all()) == "more than 2"


def test_failures_are_looked_for_among_the_newest_notices_only(monkeypatch):
    monkeypatch.setattr(operations, "NEWEST", 2)
    ask = ask_for(NOW)
    for _ in range(3):
        notify(ask, UserFactory(), NOW, state=NotificationState.FAILED, settled_at=NOW)
    assert len(list(operations._failed())) == 2
