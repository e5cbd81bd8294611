from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from governance.audit import services
from governance.audit.actors import Actor
from governance.audit.models import AuditEvent, Stream
from governance.audit.services import append, verify
from governance.base.roles import application_role, as_owner

ANN = Actor("user", "1")
pytestmark = pytest.mark.django_db


def write(now, count=3, stream="agent:x"):
    return [
        append(stream=stream, kind="done", by=ANN, at=now + timedelta(seconds=n), data={"n": n})
        for n in range(count)
    ]


def test_events_of_a_stream_are_linked_and_counted(now):
    first, second, third = write(now)
    assert bytes(second.previous) == bytes(first.digest)
    assert bytes(third.previous) == bytes(second.digest)
    head = Stream.objects.get(name="agent:x")
    assert (head.length, bytes(head.head)) == (3, bytes(third.digest))
    assert list(verify()) == []


def test_history_outside_a_transaction_is_refused(now, transactional_db):
    with pytest.raises(RuntimeError, match="transaction"):
        write(now, 1)


def test_a_float_in_the_body_is_refused(now):
    with pytest.raises(TypeError, match="float"):
        append(stream="s", kind="k", by=ANN, at=now, data={"deep": [{"n": 1.5}]})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET kind = 'other'",
        "DELETE FROM audit_auditevent",
        "TRUNCATE audit_auditevent",
    ],
)
def test_the_application_cannot_change_history(now, statement):
    write(now)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement)
    assert AuditEvent.objects.count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET kind = 'other'",
        "DELETE FROM audit_auditevent",
        "TRUNCATE audit_auditevent",
    ],
)
def test_even_the_owner_meets_the_triggers(now, statement):
    with transaction.atomic():
        write(now)
    with as_owner(), pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)
    assert AuditEvent.objects.count() == 3


def test_tests_run_as_the_application_role():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (application_role(), False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE audit_auditevent SET actor = 'user:2' WHERE number = 2", "columns"),
        ("UPDATE audit_auditevent SET at = at + interval '1 second' WHERE number = 1", "columns"),
        ("UPDATE audit_auditevent SET body = body || ' '::bytea WHERE number = 2", "hash"),
        ("DELETE FROM audit_auditevent WHERE number = 1", "expected event 1"),
        ("DELETE FROM audit_auditevent WHERE number = 2", "expected event 2"),
        ("DELETE FROM audit_auditevent WHERE number = 3", "the head counts 3"),
        ("UPDATE audit_stream SET length = 2", "the head counts 2"),
    ],
)
def test_verify_finds_what_the_owner_of_the_database_changed(now, statement, says):
    with transaction.atomic():
        write(now)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
    assert any(says in fault.sentence for fault in verify())


def test_what_is_appended_while_it_is_checked_is_no_fault(now, monkeypatch):
    write(now)
    walk, late = services._verify_stream, [now + timedelta(minutes=1)]

    def walk_beside_a_writer(stream):
        if late:
            append(stream=stream.name, kind="late", by=ANN, at=late.pop())
        return walk(stream)

    monkeypatch.setattr(services, "_verify_stream", walk_beside_a_writer)
    assert list(verify()) == []
    assert not late
