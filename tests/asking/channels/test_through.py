"""From a question to the browser and the room, through the sweep and the outbox."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import transaction

from governance.asking.dispatch import dispatch
from governance.asking.models import Channel, Notification, PushSubscription
from governance.asking.services import close_ask
from governance.asking.sweep import sweep
from governance.audit.actors import system
from tests.asking.helpers import ask_for
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(plain_server, settings):
    settings.PRIVATE_ENDPOINTS, settings.CHAT_WEBHOOK_URL = True, f"{plain_server.url}room"
    plain_server.status = 200
    return plain_server


@pytest.fixture
def adam(browser_of):
    user = UserFactory(roles=["approver"])
    user.browser = browser_of(user)
    return user


def states():
    return dict(Notification.objects.values_list("channel", "state"))


def test_one_question_reaches_the_mailbox_the_browser_and_the_room(adam, push_service, room):
    ask_for(NOW)
    sweep(at=NOW)
    dispatch(at=NOW)
    assert (len(mail.outbox), len(push_service.requests), len(room.requests)) == (1, 1, 1)
    assert set(states().values()) == {"accepted"}
    assert adam.browser.read(push_service.requests[0][2])["path"] == "/cases/ESC-1/"


def test_a_busy_push_service_and_a_dead_room_keep_no_mail_back(adam, push_service, room):
    push_service.status = room.status = 503
    ask_for(NOW)
    sweep(at=NOW)
    dispatch(at=NOW)
    assert len(mail.outbox) == 1
    assert states() == {"mail": "accepted", "push": "pending", "chat": "pending"}
    push_service.status = room.status = 200
    dispatch(at=NOW + timedelta(hours=1))
    assert set(states().values()) == {"accepted"}


def test_a_browser_that_is_gone_is_a_failed_notice_with_the_reason(adam, push_service):
    push_service.status = 410
    ask_for(NOW)
    sweep(at=NOW)
    dispatch(at=NOW)
    failed = Notification.objects.get(channel=Channel.PUSH)
    assert (failed.state, "No browser" in failed.last_error) == ("failed", True)
    assert PushSubscription.objects.get().gone_at == NOW


def test_after_the_answer_nobody_is_told_on_any_channel(adam, push_service, room):
    ask = ask_for(NOW)
    sweep(at=NOW)
    with transaction.atomic():
        close_ask(subject=ask.subject, because="decided", by=system("test"), at=NOW)
    dispatch(at=NOW)
    assert (push_service.requests, room.requests) == ([], [])


def test_each_reminder_is_loud_again_and_takes_the_place_of_the_last(adam, push_service, room):
    ask = ask_for(NOW)
    sweep(at=NOW)
    dispatch(at=NOW)
    ask.refresh_from_db()
    later = ask.next_action_at
    sweep(at=later)
    dispatch(at=later)
    titles = [adam.browser.read(body)["title"] for *_, body in push_service.requests]
    assert titles == ["Decision needed: ESC-1", "Still waiting. Decision needed: ESC-1"]
    topics = {headers["Topic"] for _, headers, _ in push_service.requests}
    assert topics == {f"ask-{ask.pk}"}
    assert len(room.requests) == 2
