"""One message for one room: a sentence and the way there."""

import json

import pytest

from governance.asking.channels import chat
from governance.asking.channels.outbound import Refused
from governance.asking.channels.words import HEADLINES
from governance.asking.models import AskKind, Channel, Reason
from governance.asking.trouble import NotSent, Trouble
from tests.asking.helpers import ask_for
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(plain_server, settings):
    settings.PRIVATE_ENDPOINTS = True
    settings.CHAT_WEBHOOK_URL = f"{plain_server.url}hooks/secret"
    plain_server.status = 200
    return plain_server


@pytest.fixture
def notice():
    ask = ask_for(NOW, title="My token is hunter2", about="worker, production: high.")
    return ask.notifications.create(
        channel=Channel.CHAT,
        reason=Reason.ASKED,
        step=0,
        dedupe_key="one",
        created_at=NOW,
        due_at=NOW,
    )


def test_the_room_reads_a_sentence_and_a_link(room, notice, settings):
    chat.send(notice, NOW)
    [(path, headers, body)] = room.requests
    assert (path, headers["Content-Type"]) == ("/hooks/secret", "application/json")
    assert json.loads(body) == {
        "text": f"Decision needed: ESC-1\n{settings.PORTAL_URL}/cases/ESC-1/"
    }


@pytest.mark.parametrize(
    ("status", "trouble"),
    [(500, Trouble.SERVER), (429, Trouble.SERVER), (404, Trouble.NEVER), (302, Trouble.NEVER)],
)
def test_what_the_room_answers_counts(room, notice, status, trouble):
    room.status = status
    with pytest.raises(NotSent) as raised:
        chat.send(notice, NOW)
    assert raised.value.trouble is trouble
    assert str(status) in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_room_on_the_own_network_needs_a_word_of_the_operator(room, notice, settings):
    settings.PRIVATE_ENDPOINTS = False
    with pytest.raises(Refused):
        chat.send(notice, NOW)
    assert room.requests == []


def test_a_room_that_nobody_answers_for_rests(notice, settings):
    settings.PRIVATE_ENDPOINTS = True
    settings.CHAT_WEBHOOK_URL = "http://127.0.0.1:9/hooks/secret"
    with pytest.raises(NotSent) as raised:
        chat.send(notice, NOW)
    assert raised.value.trouble is Trouble.SERVER
    assert "secret" not in str(raised.value)


def test_every_kind_of_question_has_a_headline():
    assert set(HEADLINES) == set(AskKind)
