"""The client waits for ever and never takes trouble for a yes."""

import hashlib
import json
import threading
import time

import pytest

from stuck import client as client_module
from stuck import errors, transport
from stuck.client import Client
from stuck.errors import DoNotProceed

WAIT = "/api/v1/escalations/ESC-1/wait/"
ESCALATIONS = "/api/v1/escalations/"


def test_a_decision_is_returned_with_its_six_fields(portal, client):
    portal.waits(portal.decided())
    answer = client.wait("ESC-1")
    assert answer.option == "jwt"
    assert answer.block() == (
        "DECISION: Approved: JWT tokens\n"
        "APPROACH: Use the library that is there.\n"
        "CONSTRAINTS:\n- No new dependency\n- Tokens live for 15 minutes\n"
        "CONTEXT: none\n"
        "CONSTITUTIONAL_NOTES: Security by Design\n"
        "NEXT_STEPS:\n- Write the tests"
    )


@pytest.mark.parametrize("ref", ["ESC-1", "esc-1", "1", " ESC-1 "])
def test_a_case_may_be_named_in_several_ways(portal, client, ref):
    portal.waits(portal.decided())
    assert client.wait(ref).ref == "ESC-1"


@pytest.mark.parametrize("ref", ["", "ESC-", "ESC-0", "../ESC-1", "ESC-1/x", "ESC--1", "１"])
def test_what_names_no_case_reaches_no_address(portal, client, ref):
    with pytest.raises(errors.NotSetUp):
        client.wait(ref)
    assert portal.requests == []


def test_it_goes_on_waiting_from_the_revision_it_knows(portal, client):
    portal.waits(portal.case("open"), portal.case("open", revision=2), portal.decided())
    client.wait("ESC-1")
    since = [path.partition("since=")[2] for _, path, _, _ in portal.asked(WAIT)]
    assert since == ["", "1", "2"]


def test_a_wait_survives_everything_that_passes(portal, client, faults):
    trouble = [
        (503, {"detail": "restarting"}),
        (500, b"<h1>oops</h1>"),
        (429, {"detail": "slow down"}, {"Retry-After": "0"}),
        (502, b""),
        faults.hang_up,
        faults.break_off(portal.decided()),
        (200, b"{not json"),
        (200, b"<html>sign in to the network</html>"),
        (200, json.dumps(portal.decided()).encode()[:-1]),
        (200, b'{"status": "decided", "status": "open"}'),
        (200, {}),
        (200, {**portal.decided(), "revision": "2"}),
        (200, {**portal.decided(), "constraints": [5]}),
        (204, b""),
    ]
    portal.waits(portal.case("open"), *trouble, portal.decided())
    assert client.wait("ESC-1").proceed
    assert len(portal.asked(WAIT)) == len(trouble) + 2


def test_the_proof_is_waited_for_as_well(portal, client, faults):
    """The portal goes down between the decision and the request for its keys."""
    keys = {"keys": [portal.signer.jwk]}
    portal.replies("GET", "/.well-known/jwks.json", (503, {}), faults.hang_up, (200, b"{"), keys)
    portal.waits(portal.decided())
    assert client.wait("ESC-1").proceed


@pytest.mark.parametrize("kind", ["hang_up", "drip"])
def test_a_deadline_holds_whatever_the_portal_does(portal, client, faults, kind):
    """Were the slow answer waited for, it would be a yes."""
    portal.waits(faults.drip(portal.decided()) if kind == "drip" else faults.hang_up)
    with pytest.raises(errors.PortalUnreachable):
        client.wait("ESC-1", timeout=0.2)


def test_an_open_case_at_the_deadline_is_undecided_and_no_more(portal, client):
    portal.waits(portal.case("open"))
    with pytest.raises(errors.Undecided) as caught:
        client.wait("ESC-1", timeout=0.1)
    assert caught.value.answer.status == "open"


def test_a_portal_that_holds_nothing_is_not_asked_without_pause(portal, client):
    portal.waits(*[portal.case("open")] * 5, portal.decided())
    client.wait("ESC-1")
    assert len(portal.asked(WAIT)) == 6
    portal.requests.clear()
    portal.waits(portal.case("open"))
    with pytest.raises(errors.Undecided):
        client.wait("ESC-1", timeout=0.2)
    assert len(portal.asked(WAIT)) < 60


def test_nobody_there_is_unreachable(closed_port):
    client = Client(closed_port, "gp_x_y", timeout=0.1)
    calls = [
        lambda: client.ask({"agent": "a"}),
        lambda: client.wait("ESC-1", timeout=0.1),
        lambda: client.answer("ESC-1"),
        lambda: client.say("ESC-1", "text"),
        lambda: client.withdraw("ESC-1", ""),
        lambda: client.consume("ESC-1"),
        lambda: client.outcome("ESC-1", "succeeded"),
        lambda: client.resolve("python-backend"),
        client.whoami,
    ]
    for call in calls:
        with pytest.raises(errors.PortalUnreachable):
            call()


def test_without_a_deadline_it_waits_until_the_portal_is_there(portal, client, faults):
    portal.waits(faults.hang_up)
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(client.wait("ESC-1")))
    waiter.start()
    while len(portal.asked(WAIT)) < 5:
        time.sleep(0.01)
    assert answers == []
    portal.waits(portal.decided())
    waiter.join(timeout=20)
    assert answers[0].proceed


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"status": "withdrawn"}, errors.Withdrawn),
        ({"status": "dismissed", "settled_reason": "the runner is gone"}, errors.Dismissed),
        ({"status": "info_requested"}, errors.QuestionOpen),
        ({"status": "withdrawn", "proceed": True}, errors.Withdrawn),
        ({"status": "dismissed", "proceed": True, "verdict": "approved_option"}, errors.Dismissed),
        ({"status": "approved", "proceed": True}, errors.NotVerified),
        ({"status": "", "proceed": True}, errors.NotVerified),
        ({"status": "DECIDED", "proceed": True}, errors.NotVerified),
        ({"status": "decided", "proceed": True}, errors.NotVerified),
        ({"status": "decided", "proceed": True, "receipt": "a.b.c"}, errors.NotVerified),
        ({"ref": "ESC-2", "status": "decided", "proceed": True}, errors.NotVerified),
    ],
)
def test_every_other_state_is_no_yes(portal, client, members, error):
    portal.waits(portal.case(**{"status": "", **members}))
    portal.reads(portal.case(**{"status": "", **members}))
    for call in (client.wait, client.answer):
        with pytest.raises(error) as caught:
            call("ESC-1")
        assert isinstance(caught.value, DoNotProceed)
        assert caught.value.exit_code != 0


def test_a_rejection_is_verified_and_raised(portal, client):
    portal.waits(portal.decided("rejected", decision="Rejected: too risky"))
    with pytest.raises(errors.NotVerified):
        client.wait("ESC-1")
    portal.waits(portal.decided("rejected"))
    with pytest.raises(errors.Rejected):
        client.wait("ESC-1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verdict", "other_approach"),
        ("option", "session"),
        ("decision", "Approved: all of it"),
        ("approach", "Delete the table."),
        ("constraints", []),
        ("constraints", ["No new dependency"]),
        ("context", "none needed"),
        ("constitutional_notes", ""),
        ("next_steps", ["Drop the table"]),
        ("reason", "because"),
        ("decided_at", "2026-03-03T09:00:00.000000Z"),
        ("use_before", "2999-01-01T00:00:00.000000Z"),
        ("request_sha256", "b" * 64),
    ],
)
def test_an_answer_that_differs_from_its_receipt_is_refused(portal, client, field, value):
    portal.waits({**portal.decided(), field: value})
    with pytest.raises(errors.NotVerified, match="differs"):
        client.wait("ESC-1")


@pytest.mark.parametrize(
    "claims",
    [{"sub": "escalation:ESC-2"}, {"aud": "runner:other"}, {"iat": 99_999_999_999}],
    ids=["replayed from another case", "for another runner", "from the future"],
)
def test_a_genuine_receipt_of_something_else_is_refused(portal, client, claims):
    portal.waits(portal.decided(claims=claims))
    with pytest.raises(errors.NotVerified):
        client.wait("ESC-1")


def test_the_genuine_answer_of_another_case_is_refused(portal, client):
    other = portal.decided(claims={"sub": "escalation:ESC-2"}, ref="ESC-2")
    portal.waits(other)
    with pytest.raises(errors.NotVerified, match="speaks of 'ESC-2'"):
        client.wait("ESC-1")
    portal.replies("GET", "/api/v1/escalations/ESC-2/wait/", other)
    assert client.wait("ESC-2").proceed


def test_an_answer_to_another_request_than_the_one_asked_is_refused(portal, client):
    """Genuine in every word, but for a case whose request was changed after it was raised."""
    portal.replies("POST", ESCALATIONS, (201, portal.case("open", request_sha256="b" * 64)))
    case = client.ask({"agent": "a"})
    portal.waits(portal.decided())
    portal.reads(portal.decided())
    for call in (client.wait, client.answer, client.consume):
        with pytest.raises(errors.NotVerified, match="not the request"):
            call(case)


def test_a_rejection_turned_into_an_approval_is_refused(portal, client):
    rejection = portal.decided("rejected")["receipt"]
    portal.waits(portal.decided(receipt=rejection))
    with pytest.raises(errors.NotVerified):
        client.wait("ESC-1")


@pytest.mark.parametrize("verdict", ["Approved_option", "deferred", "approved"])
def test_a_verdict_that_the_client_does_not_know_is_no_yes(portal, client, verdict):
    portal.waits(portal.decided(verdict))
    with pytest.raises(errors.NotVerified):
        client.wait("ESC-1")


@pytest.mark.parametrize("proceed", [False, None, "true", 1])
def test_the_portal_must_say_proceed_itself(portal, client, proceed):
    portal.waits(portal.decided(proceed=proceed))
    with pytest.raises(errors.NotVerified):
        client.wait("ESC-1")


@pytest.mark.parametrize("moment", ["2026-03-02T09:00:00.000000Z", "soon", "2999-01-01T00:00:00"])
def test_an_approval_whose_time_has_passed_is_no_yes(portal, client, moment):
    portal.waits(portal.decided(claims={"use_before": moment}, use_before=moment))
    with pytest.raises(errors.Expired):
        client.wait("ESC-1")


def test_an_approval_within_its_time_is_a_yes(portal, client):
    moment = "2999-01-01T00:00:00.000000Z"
    portal.waits(portal.decided(claims={"use_before": moment}, use_before=moment))
    assert client.wait("ESC-1").use_before == moment


def test_new_keys_are_fetched_when_the_portal_rotates_them(portal, client, signer):
    portal.waits(portal.decided())
    client.wait("ESC-1")
    portal.signer = signer(b"the next key", kid="k2")
    portal.replies("GET", "/.well-known/jwks.json", {"keys": [portal.signer.jwk]})
    portal.waits(portal.decided())
    assert client.wait("ESC-1").proceed


def test_pinned_keys_are_not_replaced_by_the_portal(portal, signer):
    other = json.dumps({"keys": [signer(b"pinned", kid="pinned").jwk]}).encode()
    client = Client(portal.url, "gp_x_y", runner="ci-runner", jwks=other)
    portal.waits(portal.decided())
    with pytest.raises(errors.NotVerified):
        client.wait("ESC-1")
    assert portal.asked("/.well-known/jwks.json") == []


def test_a_pinned_name_is_not_replaced_by_the_portal(portal):
    client = Client(portal.url, "gp_x_y", runner="another-runner")
    portal.waits(portal.decided())
    with pytest.raises(errors.NotVerified, match="another-runner"):
        client.wait("ESC-1")


def test_a_question_can_be_answered_while_waiting(portal, client):
    asked = portal.case("info_requested", revision=2, questions=[{"text": "Why now?"}])
    portal.waits(portal.case("open"), asked, portal.decided())
    portal.replies("POST", "/api/v1/escalations/ESC-1/messages/", (201, {}))
    portal.reads(portal.case("open", revision=3))
    answer = client.wait("ESC-1", on_question=lambda case: f"{case.questions[0].text} Release.")
    assert answer.proceed
    said = portal.asked("/api/v1/escalations/ESC-1/messages/")[0][3]
    assert json.loads(said) == {"text": "Why now? Release."}
    assert "since=3" in portal.asked(WAIT)[-1][1]


def test_a_question_left_open_is_no_yes(portal, client):
    portal.waits(portal.case("info_requested", questions=[{"text": "Why?", "asked_by": "Ada"}]))
    with pytest.raises(errors.QuestionOpen) as caught:
        client.wait("ESC-1", on_question=lambda case: None)
    assert caught.value.answer.questions == (("Why?", "Ada", False),)


def keys_sent(portal):
    return [headers["idempotency-key"] for _, _, headers, _ in portal.asked(ESCALATIONS)]


def test_asking_again_after_a_lost_answer_sends_the_same_key_and_body(portal, client, faults):
    created = (201, portal.case("open", findings=[{"message": "Options are missing."}]))
    portal.replies("POST", ESCALATIONS, faults.hang_up, (503, {}), created)
    case = client.ask({"agent": "a", "task": "t"}, run="7")
    assert case.created
    assert case.findings == ("Options are missing.",)
    assert len(portal.asked(ESCALATIONS)) == 3
    assert len(set(keys_sent(portal))) == 1
    assert len({body for _, _, _, body in portal.asked(ESCALATIONS)}) == 1


def test_the_key_follows_content_and_run_and_not_the_order_of_members(portal, client):
    portal.replies("POST", ESCALATIONS, (200, portal.case("open")))
    for payload, run in (
        ({"agent": "a", "task": "t"}, "1"),
        ({"task": "t", "agent": "a"}, "1"),
        ({"agent": "a", "task": "t"}, "2"),
        ({"agent": "a", "task": "u"}, "1"),
    ):
        assert not client.ask(payload, run=run).created
    client.ask({"agent": "a"}, idempotency_key="mine")
    first, same, other_run, other_content, own = keys_sent(portal)
    assert first == same
    assert len({first, other_run, other_content}) == 3
    assert own == "mine"


def test_a_block_is_sent_as_it_is(portal, client):
    portal.replies("POST", ESCALATIONS, (201, portal.case("open")))
    client.ask("Agent: a\nTask: größer\n", environment="staging", run="7")
    method, path, headers, body = portal.requests[0]
    assert body == "Agent: a\nTask: größer\n".encode()
    assert headers["content-type"].startswith("text/markdown")
    assert path.endswith("?environment=staging&run=7")


@pytest.mark.parametrize("payload", [{"n": float("nan")}, {"n": {1, 2}}])
def test_what_is_no_json_is_not_sent(portal, client, payload):
    with pytest.raises(errors.NotSetUp):
        client.ask(payload)
    assert portal.requests == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_a_refusal_is_raised_at_once_with_its_problem(portal, client, status):
    problem = {"status": status, "detail": "Not so.", "code": "conflict", "ref": "ESC-9"}
    portal.waits((status, problem))
    with pytest.raises(errors.Refused, match=r"Not so\.") as caught:
        client.wait("ESC-1")
    assert (caught.value.status, caught.value.code) == (status, "conflict")
    assert caught.value.problem["ref"] == "ESC-9"
    assert len(portal.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(portal, client, status):
    elsewhere = f"{portal.url}/elsewhere/"
    portal.waits((status, portal.decided(), {"Location": elsewhere}))
    with pytest.raises(errors.Refused, match="elsewhere"):
        client.wait("ESC-1")
    assert portal.asked("/elsewhere/") == []


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.example",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://localhost",
        "file:///etc/passwd",
        "localhost:8000",
        "https://",
        "https://user:word@portal.example",
        "https://portal.example/?a=b",
        "https://portal.example:port",
        "",
    ],
)
def test_an_address_that_cannot_be_trusted_is_refused(url):
    with pytest.raises(errors.NotSetUp):
        Client(url, "gp_x_y")


@pytest.mark.parametrize(
    "url",
    ["https://portal.example/base", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost"],
)
def test_https_and_this_machine_are_addresses(url):
    Client(url, "gp_x_y")


@pytest.mark.parametrize("key", ["", " ", "gp_x\r\nX-Evil: 1", "gp_é"])
def test_a_key_that_cannot_be_sent_is_refused(key):
    with pytest.raises(errors.NotSetUp):
        Client("https://portal.example", key)


def permit(portal, **changed):
    claims = portal.claims(request_sha256="a" * 64, **changed)
    token = portal.signer.token(claims, typ=changed.pop("typ", "permit+jwt"))
    return {"permit": 5, "spent_at": "2026-03-02T09:05:00.000000Z", "receipt": token}


CONSUME = "/api/v1/escalations/ESC-1/consume/"


def test_a_permit_is_spent_for_the_request_that_was_decided(portal, client):
    portal.reads(portal.decided())
    portal.replies("POST", CONSUME, permit(portal))
    assert client.consume("ESC-1").request_sha256 == "a" * 64
    assert json.loads(portal.asked(CONSUME)[0][3]) == {"request_sha256": "a" * 64}


@pytest.mark.parametrize("state", ["open", "info_requested", "withdrawn", "dismissed"])
def test_nothing_is_spent_on_a_case_that_nobody_approved(portal, client, state):
    portal.reads(portal.case(state))
    portal.replies("POST", CONSUME, permit(portal))
    with pytest.raises(DoNotProceed):
        client.consume("ESC-1")
    assert portal.asked(CONSUME) == []


@pytest.mark.parametrize("bend", [{"sub": "escalation:ESC-2"}, {"aud": "runner:other"}])
def test_a_permit_for_something_else_is_no_permit(portal, client, bend):
    portal.reads(portal.decided())
    portal.replies("POST", CONSUME, permit(portal, **bend))
    with pytest.raises(errors.NotVerified):
        client.consume("ESC-1")


def test_the_receipt_of_the_decision_is_no_permit(portal, client):
    """One is the right to ask for the act, the other the act's own, single use."""
    portal.reads(portal.decided())
    portal.replies("POST", CONSUME, {**permit(portal), "receipt": portal.decided()["receipt"]})
    with pytest.raises(errors.NotVerified):
        client.consume("ESC-1")


def test_when_the_answer_got_lost_a_spent_permit_stays_spent(portal, client, faults):
    portal.reads(portal.decided())
    spent = (409, {"status": 409, "detail": "used already", "code": "permit_spent"})
    portal.replies("POST", CONSUME, faults.hang_up, spent)
    with pytest.raises(errors.Refused) as caught:
        client.consume("ESC-1")
    assert caught.value.code == "permit_spent"


RESOLVE = "/api/v1/agents/python-backend/resolve/"
RAW = b"---\nname: python-backend\n---\n\xc3\x28 raw bytes\r\n"


def resolved(portal, raw=RAW, typ="resolve+jwt", **changed):
    claims = {
        "aud": "runner:ci-runner",
        "sub": "agent:python-backend",
        "iat": int(time.time()),
        "agent": "python-backend",
        "environment": "production",
        "sequence": 3,
        "sha256": hashlib.sha256(RAW).hexdigest(),
        "constitution_sha256": "c" * 64,
        **changed,
    }
    return (200, raw, {"X-Receipt": portal.signer.token(claims, typ=typ)})


def test_a_definition_comes_byte_for_byte_with_its_proof(portal, client):
    portal.replies("GET", RESOLVE, resolved(portal))
    found = client.resolve("python-backend")
    assert found.raw == RAW
    assert (found.sequence, found.constitution_sha256) == (3, "c" * 64)
    assert portal.requests[0][1] == f"{RESOLVE}?environment=production"


@pytest.mark.parametrize(
    "bend",
    [
        {"raw": RAW + b" "},
        {"sha256": "d" * 64},
        {"agent": "other"},
        {"sub": "agent:other"},
        {"aud": "runner:other"},
        {"environment": "staging"},
        {"iat": 1_772_442_000},
        {"typ": "receipt+jwt"},
    ],
)
def test_a_definition_without_its_own_fresh_proof_is_refused(portal, client, bend):
    portal.replies("GET", RESOLVE, resolved(portal, **bend))
    with pytest.raises(errors.NotVerified):
        client.resolve("python-backend")


def test_a_definition_without_receipt_is_refused(portal, client):
    portal.replies("GET", RESOLVE, (200, RAW))
    with pytest.raises(errors.NotVerified):
        client.resolve("python-backend")


def test_a_name_cannot_lead_to_another_address(portal, client):
    with pytest.raises(errors.Refused):
        client.resolve("../../escalations/ESC-1")
    assert portal.requests[0][1].startswith("/api/v1/agents/..%2F..%2Fescalations%2FESC-1/")


def test_the_key_goes_to_the_portal_and_its_host_only(portal, client):
    portal.waits(portal.decided())
    client.wait("ESC-1")
    assert {headers["authorization"] for _, _, headers, _ in portal.requests} == {
        "Bearer gp_00c0ffee_made-up"
    }


def test_half_an_answer_is_none(portal, faults):
    """Even where the half could be read: the count of bytes tells."""
    portal.waits(faults.break_off({}))
    with pytest.raises(transport.Unanswered, match="in the middle"):
        transport.send(
            transport.address_of(portal.url), "GET", WAIT, headers={}, body=None, seconds=5
        )


def test_every_error_is_a_do_not_proceed_with_a_code_of_its_own():
    raised = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert len(raised) > 10
    assert all(issubclass(value, DoNotProceed) and value.exit_code > 0 for value in raised)


def test_a_poll_asks_the_portal_to_hold_for_25_seconds(portal, client):
    portal.waits(portal.decided())
    client.wait("ESC-1")
    assert client_module.POLL == 25.0
    assert "timeout=25.000" in portal.requests[0][1]
