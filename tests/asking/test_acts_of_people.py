"""Invariant 3 for what people do together and about themselves; and nobody waits in a circle."""

import threading
from collections.abc import Callable
from datetime import time, timedelta
from inspect import getmembers, isfunction, signature
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction

from governance.asking.me import preferring
from governance.asking.models import Ask
from governance.asking.together import claims, comments, handing_over, snoozing, watching
from governance.audit import services as audit
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict
from governance.people import away, own_hours
from tests.asking.helpers import ask_for
from tests.escalations.acts import approver
from tests.factories import NOW
from tests.faults.everything import changed, everything

LATER = NOW + timedelta(hours=1)
MODULES = (preferring, claims, comments, handing_over, snoozing, watching, away, own_hours)
ACTS: dict[str, Callable[[SimpleNamespace], Any]] = {
    "claim_ask": lambda w: claims.claim_ask(ask_id=w.free.pk, by=w.eva, at=LATER),
    "release_claim": lambda w: claims.release_claim(ask_id=w.ask.pk, by=w.eva, at=LATER),
    "hand_over": lambda w: handing_over.hand_over(
        ask_id=w.ask.pk, to_id=w.ben.pk, by=w.eva, at=LATER
    ),
    "snooze_ask": lambda w: snoozing.snooze_ask(
        ask_id=w.free.pk, by=w.eva, until=LATER + timedelta(hours=1), reason="Lunch.", at=LATER
    ),
    "end_snooze": lambda w: snoozing.end_snooze(ask_id=w.ask.pk, by=w.eva, at=LATER),
    "watch": lambda w: watching.watch(ask_id=w.free.pk, by=w.eva, at=LATER),
    "unwatch": lambda w: watching.unwatch(ask_id=w.ask.pk, by=w.eva, at=LATER),
    "comment_on": lambda w: comments.comment_on(
        ask_id=w.ask.pk, by=w.ben, text=f"@{w.eva.email}?", at=LATER
    ),
    "enter_absence": lambda w: away.enter_absence(
        person_id=w.ben.pk, starts_at=LATER, ends_at=LATER + timedelta(days=1), by=w.ben, at=LATER
    ),
    "end_absence": lambda w: away.end_absence(absence_id=w.absence.pk, by=w.eva, at=LATER),
    "set_time_zone": lambda w: own_hours.set_time_zone(by=w.eva, name="Asia/Tokyo", at=LATER),
    "add_quiet_hours": lambda w: own_hours.add_quiet_hours(
        by=w.eva, weekdays=[0], starts=time(22), ends=time(7), at=LATER
    ),
    "remove_quiet_hours": lambda w: own_hours.remove_quiet_hours(
        by=w.eva, window_id=w.window.pk, at=LATER
    ),
    "set_digest_hour": lambda w: preferring.set_digest_hour(by=w.eva, digest_at=time(7), at=LATER),
}


class Broken(Exception):
    """The history could not be written."""


@pytest.fixture
def world() -> SimpleNamespace:
    eva, ben = approver(), approver()
    ask, free = ask_for(NOW), ask_for(NOW, subject="escalation:ESC-2")
    claims.claim_ask(ask_id=ask.pk, by=eva, at=NOW)
    watching.watch(ask_id=ask.pk, by=eva, at=NOW)
    until = NOW + timedelta(hours=9)
    snoozing.snooze_ask(ask_id=ask.pk, by=eva, until=until, reason="Lunch.", at=NOW)
    absence = away.enter_absence(
        person_id=eva.pk, starts_at=NOW, ends_at=NOW + timedelta(days=1), by=eva, at=NOW
    )
    window = own_hours.add_quiet_hours(by=eva, weekdays=[3], starts=time(1), ends=time(2), at=NOW)
    return SimpleNamespace(eva=eva, ben=ben, ask=ask, free=free, absence=absence, window=window)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ACTS)
def test_an_act_stands_in_the_history_once(world, name):
    before = AuditEvent.objects.count()
    ACTS[name](world)
    assert AuditEvent.objects.count() == before + 1
    assert list(audit.verify()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ACTS)
def test_an_act_that_cannot_be_written_down_has_not_happened(world, name, monkeypatch):
    def broken(*_: Any) -> bytes:
        raise Broken

    before = everything()
    monkeypatch.setattr(audit, "_body", broken)
    with pytest.raises(Broken):
        ACTS[name](world)
    assert changed(before) == []
    zone = world.eva.time_zone
    world.eva.refresh_from_db()
    assert world.eva.time_zone == zone


def test_every_act_is_tried_here():
    found = {
        name
        for module in MODULES
        for name, function in getmembers(module, isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and {"by", "at"} <= set(signature(function).parameters)
        and name != "tell_of_end"
    }
    assert found == set(ACTS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["claim_ask", "hand_over"])
def test_who_settles_a_question_is_never_waited_for_in_a_circle(name):
    """Whoever decides holds the row and waits for the history; who claims holds the history."""
    eva, ben, ask = approver(), approver(), ask_for(NOW)
    acts = {
        "claim_ask": lambda: claims.claim_ask(ask_id=ask.pk, by=eva, at=LATER),
        "hand_over": lambda: handing_over.hand_over(ask_id=ask.pk, to_id=ben.pk, by=eva, at=LATER),
    }
    holds, done = threading.Event(), threading.Event()

    def decide() -> None:
        with transaction.atomic():
            Ask.objects.select_for_update(no_key=True).get(pk=ask.pk)
            holds.set()
            done.wait(20)
        connection.close()

    thread = threading.Thread(target=decide)
    thread.start()
    try:
        assert holds.wait(20)
        with pytest.raises(Conflict, match="Try again"):
            acts[name]()
    finally:
        done.set()
        thread.join()
    assert not AuditEvent.objects.filter(kind__in=["ask.claimed", "ask.handed_over"]).exists()
    assert acts[name]()
