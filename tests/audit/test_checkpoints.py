"""A log that was put back or written anew shows beside a checkpoint that was kept."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from governance.audit.actors import Actor
from governance.audit.checkpoints import faults_since, take_checkpoint
from governance.audit.models import GENESIS, AuditEvent, Stream
from governance.audit.services import append, verify
from governance.base.errors import InvalidInput
from governance.base.roles import as_owner

pytestmark = pytest.mark.django_db(transaction=True)
ANN = Actor("user", "1")


def write(now, count=3, stream="agent:x", word="n"):
    with transaction.atomic():
        for number in range(count):
            at = now + timedelta(seconds=number)
            append(stream=stream, kind="done", by=ANN, at=at, data={word: number})


def as_owner_runs(*statements: tuple[str, list[object]]) -> None:
    """What somebody with the whole database in hand can do."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement, values in statements:
            cursor.execute(statement, values)


def put_back(number: int, stream: str = "agent:x") -> None:
    """The log as it was when the stream held ``number`` events: chains and heads fit."""
    kept = AuditEvent.objects.filter(stream=stream, number=number).first()
    head = bytes(kept.digest if kept else GENESIS)
    as_owner_runs(
        ("DELETE FROM audit_auditevent WHERE stream_id = %s AND number > %s", [stream, number]),
        ("UPDATE audit_stream SET length = %s, head = %s WHERE name = %s", [number, head, stream]),
    )


def told(checkpoint):
    return [(one.stream, one.sentence.rsplit(": ")[-1]) for one in faults_since(checkpoint)]


def test_a_log_that_grew_holds_all_of_the_checkpoint(now):
    write(now)
    kept = take_checkpoint(at=now)
    write(now)
    write(now, stream="agent:y")
    assert (kept["streams"], kept["events"]) == (1, 3)
    assert told(kept) == []


def test_an_older_log_put_back_is_named_with_its_stream_though_its_chains_fit(now):
    write(now)
    write(now, stream="agent:y")
    kept = take_checkpoint(at=now)
    put_back(2)
    assert list(verify()) == []
    assert told(kept) == [("agent:x", "rolled back")]


def test_a_log_put_back_that_went_on_is_found_by_the_hash(now):
    write(now)
    kept = take_checkpoint(at=now)
    put_back(1)
    write(now, 4, word="other")
    assert list(verify()) == []
    assert told(kept) == [("agent:x", "rewritten")]


def test_a_stream_that_is_gone_is_named(now):
    write(now)
    kept = take_checkpoint(at=now)
    put_back(0)
    as_owner_runs(("DELETE FROM audit_stream WHERE name = %s", ["agent:x"]))
    assert told(kept) == [("agent:x", "held 3 events at the checkpoint and is gone")]
    assert not Stream.objects.exists()


@pytest.mark.parametrize("part", ["heads", "signature"])
def test_a_checkpoint_that_was_changed_proves_nothing(now, part):
    write(now)
    kept = take_checkpoint(at=now)
    changed = {"heads": [["agent:x", 1, "00" * 32]], "signature": kept["signature"][:-8] + "A" * 8}
    with pytest.raises(InvalidInput):
        list(faults_since(kept | {part: changed[part]}))


def test_the_commands_keep_a_checkpoint_and_hold_the_log_against_it(now, tmp_path):
    write(now)
    out = StringIO()
    call_command("audit_checkpoint", stdout=out)
    kept = tmp_path / "checkpoint.json"
    kept.write_text(out.getvalue())
    assert set(json.loads(out.getvalue())) >= {"at", "streams", "events", "digest", "signature"}
    said = StringIO()
    call_command("verify_audit", checkpoint=kept, stdout=said)
    assert "hold all of the checkpoint" in said.getvalue()
    put_back(2)
    errors = StringIO()
    with pytest.raises(CommandError):
        call_command("verify_audit", checkpoint=kept, stderr=errors)
    assert errors.getvalue().startswith("agent:x#3: ")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"heads": []}'])
def test_what_is_no_checkpoint_is_refused(tmp_path, text):
    kept = tmp_path / "checkpoint.json"
    kept.write_text(text)
    with pytest.raises(CommandError):
        call_command("verify_audit", checkpoint=kept, stdout=StringIO())
