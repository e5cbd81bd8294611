"""The registry in the API: who reads what, checks that keep nothing, proposals by machines."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.importing import MAX_BYTES
from agents.models import Agent, AgentVersion
from governance.audit.models import AuditEvent
from governance.people.models import Role, Scope
from governance.people.services import issue_key
from governance.review.models import Review, Vote
from tests.agents import acts
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
AGENTS = "/api/v1/agents/"
WORKER = "/api/v1/agents/worker/"


def key_of(runner: Any, scopes: list[str] | None = None) -> dict[str, str]:
    _, plain = issue_key(runner_id=runner.pk, by=runner.owner, at=timezone.now(), scopes=scopes)
    return {"Authorization": f"Bearer {plain}"}


@pytest.fixture
def reader(client):
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    return client


@pytest.fixture
def writer(client):
    client.force_login(acts.owner())
    return client


def names(answer: Any) -> list[str]:
    return [row["slug"] for row in answer.json()["results"]]


def test_people_see_all_agents_and_where_they_stand(reader):
    acts.put_into_production()
    acts.bring_in(raw=acts.definition("other").replace(b"tools: Read, Grep\n", b""))
    other, worker = reader.get(AGENTS).json()["results"]
    assert (worker["slug"], worker["status"], worker["suspended"]) == ("worker", "approved", False)
    assert [(r["environment"], r["version"]) for r in worker["releases"]] == [("production", 1)]
    assert (other["status"], other["inherits_all_tools"]) == ("draft", True)
    assert other["findings"]["warning"] >= 1
    assert reader.get(WORKER).json() == worker


def test_a_runner_sees_only_the_agents_it_may_act_for(client):
    acts.bring_in()
    acts.bring_in(raw=acts.definition("other"))
    headers = key_of(RunnerFactory(agents=["worker"]))
    assert names(client.get(AGENTS, headers=headers)) == ["worker"]
    for hidden in (f"{AGENTS}other/", f"{AGENTS}other/versions/"):
        assert client.get(hidden, headers=headers).status_code == 404


@pytest.mark.parametrize("url", [AGENTS, WORKER, f"{WORKER}versions/"])
def test_strangers_see_nothing(client, url):
    acts.bring_in()
    assert client.get(url).status_code == 401
    client.force_login(UserFactory(roles=[]))
    assert client.get(url).status_code == 403


def test_the_lists_cost_the_same_for_few_and_for_many(reader):
    author = acts.owner()
    acts.bring_in(author)
    few = [queries(reader, url) for url in (AGENTS, f"{WORKER}versions/")]
    for number in range(5):
        acts.bring_in(author, raw=acts.definition(f"agent-{number}"))
        acts.bring_in(author, raw=acts.definition(more=str(number)))
    many = [queries(reader, url) for url in (AGENTS, f"{WORKER}versions/")]
    assert few == many == [5, 4]


def queries(client: Any, url: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(url).status_code == 200
    return len(seen)


def test_lists_come_in_pages_that_follow_each_other(reader):
    author = acts.owner()
    for number in range(3):
        acts.bring_in(author, raw=acts.definition(f"agent-{number}"))
    first = reader.get(f"{AGENTS}?page_size=2")
    second = reader.get(first.json()["next"])
    assert names(first) + names(second) == ["agent-2", "agent-1", "agent-0"]


def test_versions_are_listed_without_their_text(reader):
    acts.put_into_production()
    acts.bring_in(raw=acts.definition(more="x"))
    newest, first = reader.get(f"{WORKER}versions/").json()["results"]
    assert [(v["version"], v["status"]) for v in (newest, first)] == [(2, "draft"), (1, "approved")]
    assert not {"raw", "text", "definition"} & newest.keys()


def test_a_check_says_what_would_be_read_and_keeps_nothing(writer):
    raw = acts.definition()
    answer = writer.post(f"{AGENTS}check/", data=raw, content_type="text/markdown")
    body = answer.json()
    assert answer.status_code == 200
    assert (body["agent"], body["counts"]["rules"], body["counts"]["triggers"]) == ("worker", 2, 1)
    as_json = writer.post(
        f"{AGENTS}check/", data={"text": raw.decode()}, content_type="application/json"
    )
    assert as_json.json() == body
    assert not Agent.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_runner_proposes_a_draft(client):
    acts.bring_in()
    runner = RunnerFactory(agents=["worker"])
    raw = acts.definition(more="\r\nx\r\n")
    headers = key_of(runner, [Scope.PROPOSE])
    answers = [
        client.post(f"{WORKER}versions/", data=raw, content_type="text/markdown", headers=headers)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    body = answers[0].json()
    assert (body["version"], body["status"], body["created"]) == (2, "draft", True)
    version = AgentVersion.objects.get(sequence=2)
    assert bytes(version.raw) == raw
    assert (version.author, version.proposed_by) == (None, runner)
    assert not Review.objects.exists()


def test_a_first_version_needs_a_family(writer):
    url = f"{WORKER}versions/"
    text = acts.definition().decode()
    refused = writer.post(url, data={"text": text}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (400, "no_family")
    made = writer.post(
        url, data={"text": text, "family": "Sample"}, content_type="application/json"
    )
    assert made.status_code == 201
    assert Agent.objects.get().family.name == "Sample"


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"x" * (MAX_BYTES + 1), "text/markdown", 413),
        (b'{"text": "' + b"x" * (2 * MAX_BYTES) + b'"}', "application/json", 413),
        (b"", "text/markdown", 400),
        (b'{"words": "x"}', "application/json", 400),
        (b'{"text": "\\ud800"}', "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"{", "application/json", 400),
        (acts.definition("other"), "text/markdown", 400),
        (acts.definition(), "text/plain", 415),
    ],
)
def test_a_refused_proposal_leaves_nothing_behind(writer, data, content_type, status):
    acts.bring_in()
    answer = writer.post(f"{WORKER}versions/", data=data, content_type=content_type)
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("application/problem+json")
    assert AgentVersion.objects.count() == 1


def test_who_may_not_propose_is_refused(client):
    acts.bring_in()
    raw, url = acts.definition(more="x"), f"{WORKER}versions/"
    for headers in (
        key_of(RunnerFactory(agents=["worker"]), [Scope.READ]),
        key_of(RunnerFactory(agents=["other"])),
    ):
        answer = client.post(url, data=raw, content_type="text/markdown", headers=headers)
        assert answer.status_code == 403
    client.force_login(UserFactory(roles=[Role.APPROVER], is_superuser=True))
    assert client.post(url, data=raw, content_type="text/markdown").status_code == 403
    assert AgentVersion.objects.count() == 1


def test_a_runner_with_every_scope_votes_and_releases_nowhere(client):
    version = acts.bring_in()
    acts.approve(version, by=acts.approver())
    headers = key_of(RunnerFactory())
    page = version.get_absolute_url()
    votes = Vote.objects.count()
    for act in ("submit/", "vote/", "release/"):
        answer = client.post(f"{page}{act}", {"verdict": "approve"}, headers=headers)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/account/login/")
    for act in ("submit/", "vote/", "release/"):
        url = f"{WORKER}versions/1/{act}"
        answer = client.post(url, {}, content_type="application/json", headers=headers)
        assert answer.status_code == 404
    assert Vote.objects.count() == votes
    assert not version.releases.exists()


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_nothing_governed_is_overwritten_or_deleted(writer, method):
    acts.bring_in()
    for url in (WORKER, f"{WORKER}versions/"):
        answer = getattr(writer, method)(url, {}, content_type="application/json")
        assert answer.status_code == 405
