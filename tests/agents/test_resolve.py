"""Resolve serves only what is approved, released, unsuspended and not stale; else it says why."""

import json
from typing import Any

import jwt
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.releasing import services as releasing
from agents.reviewing import services as reviewing
from governance.audit.receipts import jwks
from governance.base.canonical import sha256_hex
from governance.people.models import Role, Scope
from governance.people.services import issue_key
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/agents/worker/resolve"


@pytest.fixture
def fetch(client):
    """Fetch as a runner that may act for every agent."""
    runner = RunnerFactory(slug="ci")
    return fetcher(client, runner)


def fetcher(client: Any, runner: Any, scopes: list[str] | None = None) -> Any:
    _, plain = issue_key(runner_id=runner.pk, by=runner.owner, at=timezone.now(), scopes=scopes)

    def get(url: str = URL, **headers: str) -> Any:
        return client.get(url, headers={"Authorization": f"Bearer {plain}", **headers})

    return get


def refused(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("application/problem+json")
    body = json.loads(answer.content)
    assert body["code"] == code
    assert "definition" not in body
    assert "X-Receipt" not in answer


def test_the_approved_definition_with_its_proof(fetch):
    law = acts.ratify()
    version = acts.bring_in(raw=acts.definition(more="\r\nWindows\r\n"))
    acts.put_into_production(version)
    answer = fetch()
    body = answer.json()
    assert answer.status_code == 200
    assert (body["agent"], body["version"], body["environment"]) == ("worker", 1, "production")
    assert body["sha256"] == version.sha256
    assert sha256_hex(body["definition"].encode()) == body["text_sha256"]
    assert body["constitution"] == {"version": 1, "declared_version": "1.0.0", "sha256": law.sha256}
    assert answer["X-Receipt"] == body["receipt"]


def test_markdown_is_the_bytes_as_they_came(fetch):
    raw = acts.definition(more="\r\nWindows\r\n")
    acts.put_into_production(acts.bring_in(raw=raw))
    answer = fetch(Accept="text/markdown")
    assert answer.content == raw
    assert answer["Content-Type"] == "text/markdown"


def test_a_refusal_stays_a_problem_for_those_who_want_markdown(fetch):
    acts.bring_in()
    refused(fetch(Accept="text/markdown"), 409, "not_released")


def test_the_receipt_verifies_with_the_published_keys(fetch):
    release = acts.put_into_production()
    receipt = fetch()["X-Receipt"]
    key = jwt.PyJWKSet.from_dict(jwks())[jwt.get_unverified_header(receipt)["kid"]]
    claims = jwt.decode(receipt, key, algorithms=["EdDSA"], audience="runner:ci")
    assert claims["sub"] == "agent:worker"
    assert claims["sha256"] == release.version.sha256
    assert (claims["sequence"], claims["environment"]) == (1, "production")
    assert claims["constitution_sha256"] == release.review.constitution_sha256


def test_two_queries_beside_the_key_and_one_for_those_who_hold_it(fetch):
    acts.put_into_production()
    key = 1
    with CaptureQueriesContext(
        connection,
    ) as whole:
        answer = fetch()
    assert len(whole) == 2 + key
    with CaptureQueriesContext(connection) as unchanged:
        again = fetch(**{"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert len(unchanged) == 1 + key
    assert '"agents_agentversion"."raw"' in str(whole.captured_queries)
    assert '"agents_agentversion"."raw"' not in str(unchanged.captured_queries)
    assert '"agents_agentversion"."text"' not in str(unchanged.captured_queries)


def test_unchanged_comes_with_a_fresh_receipt(fetch):
    acts.put_into_production()
    first = fetch()
    again = fetch(**{"If-None-Match": first["ETag"]})
    assert again["X-Receipt"] not in ("", first["X-Receipt"])


def test_markdown_and_json_have_tags_of_their_own(fetch):
    acts.put_into_production()
    tag = fetch()["ETag"]
    assert fetch(Accept="text/markdown", **{"If-None-Match": tag}).status_code == 200


def test_another_release_changes_the_tag(fetch):
    acts.put_into_production()
    tag = fetch()["ETag"]
    acts.put_into_production(acts.bring_in(raw=acts.definition(more="x")))
    answer = fetch(**{"If-None-Match": tag})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)


def test_a_lifted_suspension_changes_the_tag(fetch):
    acts.put_into_production()
    tag = fetch()["ETag"]
    suspension = releasing.suspend(slug="worker", reason="odd", by=acts.owner(), at=NOW)
    refused(fetch(**{"If-None-Match": tag}), 409, "suspended")
    releasing.lift(suspension_id=suspension.pk, by=acts.owner(), at=NOW)
    answer = fetch(**{"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer["ETag"] != tag


def test_an_unknown_agent_and_another_runners_agent_look_the_same(client, fetch):
    refused(fetch(), 404, "unknown_agent")
    acts.put_into_production()
    other = fetcher(client, RunnerFactory(agents=["other"]))
    refused(other(), 404, "unknown_agent")


def test_an_unknown_environment(fetch):
    acts.put_into_production()
    refused(fetch(f"{URL}?environment=moon"), 404, "unknown_environment")


def test_what_is_released_elsewhere_is_not_served_here(fetch):
    acts.put_into_production()
    refused(fetch(f"{URL}?environment=staging"), 409, "not_released")


@pytest.mark.parametrize("state", ["draft", "in review", "approved"])
def test_nothing_before_its_release(fetch, state):
    acts.ratify()
    version = acts.bring_in()
    if state == "in review":
        reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    if state == "approved":
        acts.approve(version)
    answer = fetch()
    refused(answer, 409, "not_released")
    assert state in json.loads(answer.content)["detail"]


def test_a_newer_draft_does_not_replace_what_is_released(fetch):
    acts.put_into_production()
    acts.bring_in(raw=acts.definition(more="x"))
    assert fetch().json()["version"] == 1


@pytest.mark.parametrize("sequence", [None, 1])
def test_nothing_while_the_agent_or_the_version_is_suspended(fetch, sequence):
    acts.put_into_production()
    releasing.suspend(
        slug="worker", sequence=sequence, reason="It dropped a table.", by=acts.owner(), at=NOW
    )
    answer = fetch()
    refused(answer, 409, "suspended")
    assert "It dropped a table." in json.loads(answer.content)["detail"]


def test_a_suspended_older_version_stops_no_newer_one(fetch):
    acts.put_into_production()
    acts.put_into_production(acts.bring_in(raw=acts.definition(more="x")))
    releasing.suspend(slug="worker", sequence=1, reason="odd", by=acts.owner(), at=NOW)
    assert fetch().json()["version"] == 2


def test_nothing_once_the_approval_is_stale(fetch):
    acts.put_into_production()
    acts.ratify(acts.AMENDED)
    refused(fetch(), 409, "stale")


def test_a_key_without_the_scope_to_read_is_refused(client):
    acts.put_into_production()
    get = fetcher(client, RunnerFactory(), scopes=[Scope.ESCALATE])
    assert get().status_code == 403


def test_nobody_fetches_without_signing_in(client):
    acts.put_into_production()
    assert client.get(URL).status_code == 401
    client.force_login(UserFactory(roles=[]))
    assert client.get(URL).status_code == 403


def test_people_fetch_too_and_are_named_in_the_receipt(client):
    acts.put_into_production()
    auditor = UserFactory(roles=[Role.AUDITOR])
    client.force_login(auditor)
    claims = jwt.decode(client.get(URL)["X-Receipt"], options={"verify_signature": False})
    assert claims["aud"] == auditor.subject
