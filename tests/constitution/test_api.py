"""The law over the API: to whom, in which form, and what it costs to ask again."""

import base64
import hashlib
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from governance.constitution import services
from governance.people.models import Role, RunnerKey, Scope
from governance.people.services import key_digest
from governance.review.models import Vote
from tests.constitution import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
LAW = "/api/v1/constitution/"


def bearer(*scopes: str) -> dict[str, Any]:
    """A runner's headers, its key carrying these scopes."""
    runner = RunnerFactory()
    plain = f"gp_{runner.slug}_secret"
    RunnerKey.objects.create(
        runner=runner,
        prefix=runner.slug,
        digest=key_digest(plain),
        scopes=list(scopes),
        created_at=NOW,
        created_by=runner.owner,
        expires_at=timezone.now().replace(year=2099),
    )
    return {"Authorization": f"Bearer {plain}"}


def get(client: Client, address: str = LAW, **headers: str) -> Any:
    return client.get(address, headers={**bearer(Scope.READ), **headers})


def test_without_a_ratified_law_the_answer_is_404_and_says_so(client):
    acts.submitted()
    answer = get(client)
    assert answer.status_code == 404
    assert answer.json()["code"] == "no_constitution"
    assert answer["Content-Type"] == "application/problem+json"


def test_a_runner_reads_the_law_with_its_articles(client):
    version = acts.submitted()
    acts.vote(version, acts.approver(name="Ada Approver"))
    body = get(client).json()
    assert (body["sha256"], body["in_force"], body["ratified_by"]) == (
        version.sha256,
        True,
        ["Ada Approver"],
    )
    assert [(p["key"], p["level"], p["non_negotiable"]) for p in body["principles"]] == [
        ("test-first", "MUST", True),
        ("simplicity", "SHOULD", False),
    ]


def test_markdown_is_the_very_bytes_that_were_ratified(client):
    raw = b"\xef\xbb\xbf" + acts.raw()
    by = acts.owner()
    version = services.import_constitution(raw=raw, by=by, at=NOW)
    services.submit_version(version_id=version.pk, by=by, at=NOW)
    acts.vote(version, acts.approver())
    answer = get(client, Accept="text/markdown")
    digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    assert answer.content == raw
    assert answer["Content-Type"] == "text/markdown"
    assert answer["Repr-Digest"] == f"sha-256=:{digest}:"


def test_a_refusal_stays_a_problem_for_those_who_ask_for_markdown(client):
    answer = get(client, Accept="text/markdown")
    assert answer.status_code == 404
    assert answer.json()["code"] == "no_constitution"


@pytest.mark.parametrize("accept", ["application/json", "text/markdown"])
def test_what_is_held_already_is_not_sent_again_until_the_law_changes(client, accept):
    acts.ratified()
    etag = get(client, Accept=accept)["ETag"]
    again = get(client, Accept=accept, **{"If-None-Match": etag})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    acts.ratified("It names its tests.")
    changed = get(client, Accept=accept, **{"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed["ETag"] != etag


def test_the_two_forms_are_told_apart_by_caches(client):
    acts.ratified()
    as_json, as_text = get(client), get(client, Accept="text/markdown")
    assert as_json["ETag"] != as_text["ETag"]
    assert "Accept" in as_json["Vary"]
    assert "Authorization" in as_json["Vary"]


def test_a_version_that_was_replaced_says_that_it_is_not_in_force(client):
    old = acts.ratified()
    held = get(client, f"{LAW}versions/{old.sequence}/")
    assert held.json()["in_force"] is True
    acts.ratified("It names its tests.")
    after = get(client, f"{LAW}versions/{old.sequence}/", **{"If-None-Match": held["ETag"]})
    assert after.status_code == 200
    assert after.json()["in_force"] is False
    assert after.json()["ratified_at"] is not None


def test_drafts_are_for_people_and_never_for_runners(client):
    draft = acts.imported()
    address = f"{LAW}versions/{draft.sequence}/"
    assert get(client, address).status_code == 404
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    assert client.get(address).json()["sha256"] == draft.sha256


def test_a_key_without_the_scope_a_stranger_and_nobody_are_turned_away(client):
    acts.ratified()
    assert client.get(LAW, headers=bearer(Scope.ESCALATE)).status_code == 403
    assert client.get(LAW).status_code == 401
    client.force_login(UserFactory())
    assert client.get(LAW).status_code == 403


def test_the_law_costs_the_same_however_many_articles_and_versions(
    client, django_assert_num_queries
):
    acts.ratified()
    acts.ratified("Another.\n\n### III. Third\nTeams MUST read.\n\n### IV. Fourth\nShort.\n")
    headers = bearer(Scope.READ)
    with django_assert_num_queries(4):
        assert len(client.get(LAW, headers=headers).json()["principles"]) == 4


def vote_address(version: Any) -> str:
    return f"{LAW}versions/{version.sequence}/votes/"


def said(version: Any, **changes: Any) -> dict[str, Any]:
    return {"verdict": "approve", "seen_sha256": version.sha256} | changes


def test_a_person_votes_over_the_api_and_the_method_says_so(client):
    version = acts.submitted()
    client.force_login(acts.approver())
    answer = client.post(vote_address(version), said(version), content_type="application/json")
    assert answer.json()["status"] == "approved"
    assert services.current() == version
    assert Vote.objects.get().method == "api"


def test_a_runners_key_never_votes_whoever_it_names(client):
    version, voter = acts.submitted(), acts.approver()
    answer = client.post(
        vote_address(version),
        said(version, by=voter.pk, voter=voter.email),
        content_type="application/json",
        headers=bearer(*Scope.values),
    )
    assert answer.status_code == 403
    assert not Vote.objects.exists()


def test_a_body_cannot_vote_for_somebody_else(client):
    version, voter = acts.submitted(), acts.approver()
    client.force_login(voter)
    body = said(version, by=acts.approver().pk, method="session", at="2020-01-01T00:00:00Z")
    client.post(vote_address(version), body, content_type="application/json")
    vote = Vote.objects.get()
    assert (vote.voter, vote.method) == (voter, "api")
    assert vote.at > NOW


def test_the_author_is_refused_over_the_api_superuser_or_not(client):
    author = UserFactory(roles=[Role.OWNER, Role.APPROVER], is_superuser=True)
    version = acts.submitted(by=author)
    client.force_login(author)
    answer = client.post(vote_address(version), said(version), content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["code"] == "four_eyes"
    assert services.current() is None


def test_a_session_votes_only_with_its_token():
    version = acts.submitted()
    client = Client(enforce_csrf_checks=True)
    client.force_login(acts.approver())
    answer = client.post(vote_address(version), said(version), content_type="application/json")
    assert answer.status_code == 403
    assert not Vote.objects.exists()


def test_a_body_with_mistakes_says_which(client):
    version = acts.submitted()
    client.force_login(acts.approver())
    answer = client.post(vote_address(version), {"verdict": "yes"}, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"verdict", "seen_sha256"}


@pytest.mark.parametrize("method", ["put", "patch", "delete", "post"])
def test_law_is_never_changed_over_the_api(client, method):
    version = acts.ratified()
    client.force_login(UserFactory(roles=list(Role.values), is_superuser=True))
    for address in (LAW, f"{LAW}versions/{version.sequence}/"):
        assert getattr(client, method)(address).status_code == 405
