"""The waiting handler against a real PostgreSQL, in an event loop of the test's own."""

import asyncio
import json
import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from agents.models import Agent, Family
from escalations import reading, waiting
from escalations.acting import withdraw
from escalations.deciding import decide
from escalations.listener import Listener
from escalations.liveness import GONE_AFTER, LISTENING_FOR, liveness_of
from escalations.models import Escalation, Presence
from escalations.raising import raise_case
from escalations.schema import read_payload
from escalations.thread import ask_runner
from governance.people.models import Role, Scope
from governance.people.services import issue_key, revoke_key
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
ASKED = {
    "task": "Sign people in",
    "problem": "Two ways are possible",
    "options": [{"key": "session", "label": "Sessions"}, {"key": "jwt", "label": "Tokens"}],
}


class Story:
    """A runner with a key, its open cases, and an approver."""

    def __init__(self):
        self.approver = UserFactory(roles=[Role.APPROVER])
        self.runner = RunnerFactory()
        family = Family.objects.create(slug="family", name="Family")
        self.agent = Agent.objects.create(
            family=family,
            slug="python-backend",
            name="python-backend",
            owner=self.runner.owner,
            created_at=timezone.now(),
        )
        self.key = self.key_of(self.runner)
        self.case = self.raise_case(1)

    def key_of(self, runner, scopes=None):
        return issue_key(runner_id=runner.pk, by=runner.owner, at=timezone.now(), scopes=scopes)[1]

    def raise_case(self, number):
        body = {"agent": "python-backend", **ASKED}
        case, _ = raise_case(
            runner=self.runner,
            payload=read_payload(body),
            idempotency_key=f"key-{number}",
            body=json.dumps(body).encode(),
            source_format="json",
            at=timezone.now(),
        )
        return case

    def decide(self, case=None):
        case = case or self.case
        decide(
            escalation_id=case.pk,
            by=self.approver,
            verdict="approved_option",
            option_key="session",
            constraints=["Keep sessions under an hour"],
            seen_sha256=case.request_sha256,
            method="session",
            at=timezone.now(),
        )

    def ask(self):
        ask_runner(
            escalation_id=self.case.pk, by=self.approver, text="How many?", at=timezone.now()
        )


@pytest.fixture
def story():
    return Story()


class Reply:
    """What the handler sent."""

    def __init__(self):
        self.status, self.headers, self.chunks = 0, {}, []
        self.arrived = asyncio.Event()

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.chunks.append(message["body"])
            self.arrived.set()

    @property
    def text(self):
        return b"".join(self.chunks).decode()

    @property
    def json(self):
        return json.loads(self.text)


async def get(path, key="", query="", headers=(), gone=None, reply=None):
    """Ask the handler; ``gone`` is an event at which the client hangs up."""
    reply = reply or Reply()
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api/v1/escalations/{path}",
        "query_string": query.encode(),
        "headers": [(b"authorization", f"Bearer {key}".encode()), *headers],
    }

    async def receive():
        if not getattr(reply, "asked", False):
            reply.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await (gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    await waiting.application(scope, receive, reply.send)
    return reply


@pytest.fixture
def run(monkeypatch):
    """Run a scenario with a listener of its own, and stop that afterwards."""

    def start(scenario):
        async def whole():
            listener = Listener()
            monkeypatch.setattr(waiting, "listener", listener)
            try:
                return await asyncio.wait_for(scenario(listener), 30)
            finally:
                await listener.stop()

        return asyncio.run(whole())

    return start


async def in_thread(act):
    """Do something in the database as another process would."""

    def closing():
        try:
            return act()
        finally:
            connection.close()

    return await asyncio.to_thread(closing)


async def registered(listener, count=1):
    while sum(len(waiters) for waiters in listener._waiters.values()) < count:
        await asyncio.sleep(0.01)


async def seen(reply, text):
    while text not in reply.text:
        await asyncio.sleep(0.01)


async def listening(listener):
    """Until the listener's connection listens."""

    def found():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE application_name = 'listener' AND datname = current_database()"
                " AND state = 'idle'"
            )
            return cursor.fetchone()

    while not (row := await in_thread(found)):
        await asyncio.sleep(0.02)
    return row[0]


def test_a_decision_wakes_the_runner_with_its_answer(story, run):
    async def scenario(listener):
        wait = asyncio.create_task(get(f"{story.case.ref}/wait/", story.key))
        await registered(listener)
        await listening(listener)
        assert not wait.done()
        await in_thread(story.decide)
        return await wait

    reply = run(scenario)
    assert (reply.status, reply.json["status"], reply.json["proceed"]) == (200, "decided", True)
    assert reply.json["constraints"] == ["Keep sessions under an hour"]
    assert reply.headers["etag"] == f'"{reply.json["revision"]}"'
    assert reply.headers["cache-control"] == "no-store"


def test_the_answer_comes_as_the_six_fields_when_asked_for(story, run):
    story.decide()
    accept = [(b"accept", b"text/markdown")]
    reply = run(lambda _: get(f"{story.case.pk}/wait/", story.key, headers=accept))
    assert reply.headers["content-type"].startswith("text/markdown")
    assert reply.text.startswith("DECISION: Approved: Sessions\n")


def test_a_change_since_the_revision_named_is_told_at_once(story, run):
    story.ask()
    reply = run(lambda _: get(f"{story.case.ref}/wait/", story.key, "since=1&timeout=60"))
    assert (reply.json["status"], reply.json["revision"]) == ("info_requested", 2)
    assert reply.json["proceed"] is False


def test_a_revision_already_known_is_not_told_again(story, run):
    story.ask()
    reply = run(lambda _: get(f"{story.case.ref}/wait/", story.key, "since=2&timeout=0.2"))
    assert reply.json["revision"] == 2


def test_a_timeout_answers_that_nobody_has_decided(story, run):
    reply = run(lambda _: get(f"{story.case.ref}/wait/", story.key, "timeout=0.1"))
    assert (reply.status, reply.json["status"], reply.json["proceed"]) == (200, "open", False)


def test_a_decision_between_reading_and_registering_is_not_lost(story, run, monkeypatch):
    first = reading.read_as

    async def read_then_decide(*args, **kwargs):
        seen = await first(*args, **kwargs)
        await in_thread(story.decide)
        return seen

    monkeypatch.setattr(waiting, "read_as", read_then_decide)
    reply = run(lambda _: get(f"{story.case.ref}/wait/", story.key, "timeout=20"))
    assert reply.json["status"] == "decided"


def test_a_decision_while_the_listener_was_cut_off_arrives(story, run, monkeypatch):
    async def scenario(listener):
        wait = asyncio.create_task(get(f"{story.case.ref}/wait/", story.key, "timeout=25"))
        await registered(listener)
        pid = await listening(listener)
        monkeypatch.setattr("escalations.listener.NET_SECONDS", 3600.0)
        monkeypatch.setattr("escalations.listener.RECONNECT_SECONDS", (0.5, 0.5))

        def cut_off():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            story.decide()

        await in_thread(cut_off)
        return await wait

    assert run(scenario).json["status"] == "decided"


def test_a_database_that_is_away_is_a_503_that_says_when_to_ask_again(story, run, monkeypatch):
    async def away(*args, **kwargs):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(waiting, "revision_of", away)
    reply = run(lambda _: get(f"{story.case.ref}/wait/", story.key))
    assert (reply.status, reply.json["code"]) == (503, "unavailable")
    assert reply.headers["retry-after"] == "1"
    assert "closed" not in reply.text


@pytest.mark.parametrize("key", ["", "gp_00000000_nonsense", "nonsense"])
def test_a_bad_key_is_refused(story, run, key):
    reply = run(lambda _: get(f"{story.case.ref}/wait/", key))
    assert (reply.status, reply.json["code"]) == (401, "not_authenticated")
    assert reply.headers["content-type"] == "application/problem+json"


def test_a_foreign_case_looks_like_none(story, run):
    foreign = story.key_of(RunnerFactory())
    theirs = run(lambda _: get(f"{story.case.ref}/wait/", foreign))
    none = run(lambda _: get("ESC-999999/wait/", foreign))
    assert (theirs.status, theirs.json) == (none.status, none.json)
    assert theirs.status == 404


def test_a_key_without_the_scope_may_not_wait(story, run):
    reader = story.key_of(story.runner, scopes=[Scope.READ])
    assert run(lambda _: get(f"{story.case.ref}/wait/", reader)).status == 403


@pytest.mark.parametrize("query", ["timeout=-1", "timeout=x", "since=x", "since=-1"])
def test_a_malformed_question_is_refused(story, run, query):
    assert run(lambda _: get(f"{story.case.ref}/wait/", story.key, query)).status == 400


def test_a_runner_that_hangs_up_leaves_nothing_behind(story, run):
    async def scenario(listener):
        gone = asyncio.Event()
        wait = asyncio.create_task(get(f"{story.case.ref}/wait/", story.key, gone=gone))
        await registered(listener)
        gone.set()
        reply = await wait
        return reply.status, dict(listener._waiters)

    assert run(scenario) == (0, {})


def test_waiting_is_a_sign_of_life(story, run):
    before = timezone.now()
    run(lambda _: get(f"{story.case.ref}/wait/", story.key, "timeout=0.1"))
    story.case.presence.refresh_from_db()
    assert story.case.presence.last_seen_at >= before


def test_a_stream_tells_every_change_and_ends_with_the_decision(story, run):
    async def scenario(listener):
        reply = Reply()
        stream = asyncio.create_task(get(f"{story.case.ref}/events/", story.key, reply=reply))
        await listening(listener)
        await seen(reply, "id: 1")
        await in_thread(story.ask)
        await seen(reply, "id: 2")
        await in_thread(story.decide)
        return await stream

    reply = run(scenario)
    assert reply.headers["content-type"] == "text/event-stream"
    ids = [line for line in reply.text.splitlines() if line.startswith("id: ")]
    assert ids == ["id: 1", "id: 2", "id: 3"]
    assert json.loads(reply.text.rsplit("data: ", 1)[1])["status"] == "decided"


def test_a_stream_resumes_after_the_last_event_the_runner_saw(story, run):
    story.ask()
    story.decide()
    resumed = [(b"last-event-id", b"2")]
    reply = run(lambda _: get(f"{story.case.ref}/events/", story.key, headers=resumed))
    assert [line for line in reply.text.splitlines() if line.startswith("id: ")] == ["id: 3"]


def test_a_stream_is_a_sign_of_life_and_ends_with_its_key(story, run, monkeypatch):
    monkeypatch.setattr(waiting, "KEEP_ALIVE", 0.2)
    before = timezone.now()

    def revoke():
        key = story.runner.keys.get()
        revoke_key(key_id=key.pk, by=story.runner.owner, at=timezone.now())

    async def scenario(listener):
        stream = asyncio.create_task(get(f"{story.case.ref}/events/", story.key))
        await registered(listener)
        await in_thread(revoke)
        return await stream

    reply = run(scenario)
    assert reply.text.count("event: escalation") == 1
    story.case.presence.refresh_from_db()
    assert story.case.presence.last_seen_at >= before


def test_a_server_that_stops_lets_its_runners_go(story, run):
    async def scenario(listener):
        wait = asyncio.create_task(get(f"{story.case.ref}/wait/", story.key, "timeout=60"))
        await registered(listener)
        listener.drain()
        return await wait

    assert run(scenario).json["status"] == "open"


def test_many_runners_wait_without_a_thread_or_a_connection_each(story, run):
    cases = [story.raise_case(number) for number in range(2, 12)]

    async def scenario(listener):
        threads = threading.active_count()
        waits = [
            asyncio.create_task(get(f"{case.ref}/wait/", story.key, "timeout=25"))
            for case in cases
            for _ in range(30)
        ]
        await registered(listener, len(waits))
        await listening(listener)
        more = threading.active_count() - threads
        connections = await in_thread(count_connections)
        for case in cases:
            await in_thread(lambda case=case: story.decide(case))
        replies = await asyncio.gather(*waits)
        return more, connections, {reply.json["status"] for reply in replies}

    more, connections, statuses = run(scenario)
    assert statuses == {"decided"}
    # Eight readers and the few of this test, whatever the number of waiters: here 300.
    assert more <= 20
    assert connections <= 20


def count_connections():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


def test_a_wait_longer_than_the_longest_is_shortened():
    scope = {
        "path": "/api/v1/escalations/ESC-1/wait/",
        "query_string": b"timeout=99999",
        "headers": [],
    }
    assert timedelta(seconds=waiting._call_of(scope).timeout) == timedelta(minutes=1)


def edit(story):
    body = {"agent": "python-backend", **ASKED, "problem": "One way", "supersedes": story.case.ref}
    case, _ = raise_case(
        runner=story.runner,
        payload=read_payload(body),
        idempotency_key="edited",
        body=json.dumps(body).encode(),
        source_format="json",
        at=timezone.now(),
    )
    return case


@pytest.mark.parametrize("act", ["supersede", "withdraw"])
def test_the_end_of_a_question_wakes_who_waits_and_says_do_not_proceed(story, run, act):
    def end():
        if act == "supersede":
            return edit(story).ref
        withdraw(escalation_id=story.case.pk, runner=story.runner, reason="x", at=timezone.now())
        return None

    async def scenario(listener):
        waiter = asyncio.create_task(get(f"{story.case.pk}/wait/", story.key, "timeout=20"))
        await registered(listener)
        newer = await in_thread(end)
        return (await waiter).json, newer

    answer, newer = run(scenario)
    assert (answer["status"], answer["proceed"], answer["next"]) == ("withdrawn", False, "stop")
    assert answer["superseded_by"] == newer


def fetched_at(case):
    return Presence.objects.get(pk=case.pk).fetched_at


def test_an_answer_that_was_waited_for_is_handed_out(story, run):
    async def scenario(listener):
        await get(f"{story.case.pk}/wait/", story.key, "timeout=0")
        before = await in_thread(lambda: fetched_at(story.case))
        await in_thread(story.decide)
        await get(f"{story.case.pk}/wait/", story.key, "timeout=5")
        return before, await in_thread(lambda: fetched_at(story.case))

    before, after = run(scenario)
    assert (before, after is not None) == (None, True)


def test_an_answer_in_a_stream_is_handed_out(story, run):
    async def scenario(listener):
        await in_thread(story.decide)
        await get(f"{story.case.pk}/events/", story.key)
        return await in_thread(lambda: fetched_at(story.case))

    assert run(scenario)


def test_an_answer_to_a_runner_that_hung_up_is_kept(story, run):
    async def scenario(listener):
        gone = asyncio.Event()
        waiter = asyncio.create_task(
            get(f"{story.case.pk}/wait/", story.key, "timeout=20", gone=gone)
        )
        await registered(listener)
        gone.set()
        await waiter
        await in_thread(story.decide)
        return await in_thread(lambda: fetched_at(story.case))

    assert run(scenario) is None


def test_who_waits_or_streams_is_listening(story, run):
    async def scenario(listener):
        await get(f"{story.case.pk}/wait/", story.key, "timeout=0")
        return await in_thread(lambda: Escalation.objects.get(pk=story.case.pk).presence)

    seen_at = run(scenario).last_seen_at
    longest = timedelta(seconds=waiting.LONGEST_WAIT)
    assert liveness_of(seen_at, at=seen_at + longest) == "listening"
    assert max(longest, 2 * waiting.KEEP_ALIVE * timedelta(seconds=1)) < LISTENING_FOR
    assert liveness_of(seen_at, at=seen_at + LISTENING_FOR) == "parked"
    assert liveness_of(seen_at, at=seen_at + GONE_AFTER) == "gone"
    assert liveness_of(None, at=seen_at) == "gone"
