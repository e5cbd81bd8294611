"""The pages of agents: what they show, what they refuse, and that a GET changes nothing."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Release, Suspension
from agents.releasing import services as releasing
from agents.reviewing import services as reviewing
from governance.audit.models import AuditEvent
from governance.people.models import Role
from governance.review.models import Review, Vote
from tests.agents import acts
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
BOARD, AGENT, VERSION = "/agents/", "/agents/worker/", "/agents/worker/versions/1/"


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def sign_in(client: Any, *roles: str, **fields: Any) -> Any:
    user = UserFactory(roles=list(roles), **fields)
    client.force_login(user)
    return user


@pytest.mark.parametrize("url", [BOARD, AGENT, VERSION, f"{VERSION}raw/"])
def test_pages_are_for_people_who_may_see_things(client, url):
    acts.bring_in()
    assert client.get(url)["Location"].startswith("/account/login/")
    sign_in(client)
    assert client.get(url).status_code == 403
    sign_in(client, Role.AUDITOR)
    assert client.get(url).status_code == 200


@pytest.mark.parametrize(
    "url", ["/agents/nobody/", "/agents/worker/versions/9/", "/agents/worker/versions/9/raw/"]
)
def test_what_is_not_there_is_404(client, url):
    acts.bring_in()
    sign_in(client, Role.AUDITOR)
    assert client.get(url).status_code == 404


def test_looking_changes_nothing(client):
    acts.put_into_production()
    sign_in(client, Role.APPROVER)
    before = AuditEvent.objects.count()
    for url in (BOARD, AGENT, VERSION, f"{VERSION}raw/"):
        client.get(url)
    assert AuditEvent.objects.count() == before


def test_the_board_says_what_runs_and_what_is_wrong(client):
    acts.put_into_production()
    acts.bring_in(raw=acts.definition("other").replace(b"tools: Read, Grep\n", b""), family="shop")
    sign_in(client, Role.AUDITOR)
    page = text_of(client.get(BOARD))
    assert "Inherits every tool" in page
    assert "version 1</a>" in page
    rows = client.get(f"{BOARD}?family=shop").context["rows"]
    assert [row.agent.slug for row in rows] == ["other"]


def test_the_board_costs_the_same_for_few_and_for_many(client):
    author = acts.owner()
    acts.bring_in(author)
    sign_in(client, Role.AUDITOR)
    few = queries(client, BOARD)
    for number in range(5):
        acts.bring_in(author, raw=acts.definition(f"agent-{number}"))
    assert queries(client, BOARD) == few


def queries(client: Any, url: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(url).status_code == 200
    return len(seen)


def test_the_board_goes_on_after_its_last_agent(client, monkeypatch):
    monkeypatch.setattr("agents.pages.PER_PAGE", 2)
    author = acts.owner()
    for number in range(3):
        acts.bring_in(author, raw=acts.definition(f"agent-{number}"))
    sign_in(client, Role.AUDITOR)
    first = client.get(BOARD).context
    second = client.get(first["next"]).context
    shown = [row.agent.slug for row in (*first["rows"], *second["rows"])]
    assert shown == ["agent-0", "agent-1", "agent-2"]
    assert second["next"] == ""


def test_an_agents_page_costs_the_same_for_few_and_for_many_versions(client):
    author = acts.owner()
    acts.bring_in(author)
    sign_in(client, Role.AUDITOR)
    few = queries(client, AGENT)
    for number in range(4):
        acts.bring_in(author, raw=acts.definition(more=str(number)))
    assert queries(client, AGENT) == few


def test_the_version_page_shows_the_contract_and_the_repairs(client):
    acts.bring_in(raw=acts.seed(), family="seed")
    sign_in(client, Role.AUDITOR)
    page = text_of(client.get("/agents/python-backend/versions/1/"))
    for part in (
        "Test-First Development",
        "NEVER add external dependencies without approval",
        "Constitutional_Impact",
        "Inherits every tool",
        "Repaired characters",
        "Not in the portal",
        "200",
    ):
        assert part in page


def test_nothing_in_a_definition_runs_in_the_page(client):
    evil = "<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>"
    raw = acts.definition(more=f"\n- NEVER {evil}\n\n{evil}\n").replace(
        b"Works for the tests.", evil.encode().replace(b":", b"")
    )
    acts.bring_in(raw=raw)
    sign_in(client, Role.AUDITOR)
    for url in (BOARD, AGENT, VERSION):
        page = text_of(client.get(url))
        assert "<script>alert" not in page
        assert "onerror=alert" not in page.replace("onerror=alert(1)&gt;", "")
        assert 'href="javascript:' not in page


def test_the_file_is_downloaded_as_it_came(client):
    raw = b"\xef\xbb\xbf" + acts.definition(more="\r\n")
    acts.bring_in(raw=raw)
    sign_in(client, Role.AUDITOR)
    answer = client.get(f"{VERSION}raw/")
    assert answer.content == raw
    assert answer["Content-Disposition"] == 'attachment; filename="worker.md"'
    assert answer["Content-Type"] == "application/octet-stream"


def test_the_whole_way_from_draft_to_production(client):
    acts.ratify()
    author = acts.owner()
    version = acts.bring_in(author)
    client.force_login(author)
    assert client.post(f"{VERSION}submit/")["Location"] == VERSION
    assert "To vote on versions you need the role approver." in text_of(client.get(VERSION))
    sign_in(client, Role.APPROVER)
    answer = client.post(
        f"{VERSION}vote/", {"verdict": "approve", "seen_sha256": version.sha256}, follow=True
    )
    assert "Your vote is recorded. Approved." in text_of(answer)
    assert Vote.objects.latest("id").method == "session"
    answer = client.post(f"{VERSION}release/", {"environment": "production"}, follow=True)
    assert "Version 1 is released to production." in text_of(answer)
    assert Release.objects.get().environment.slug == "production"


@pytest.mark.parametrize("superuser", [False, True])
def test_the_author_cannot_approve_on_the_page(client, superuser):
    author = sign_in(client, Role.OWNER, Role.APPROVER, is_superuser=superuser)
    version = acts.bring_in(author)
    reviewing.submit_version(version_id=version.pk, by=author, at=NOW)
    answer = client.post(f"{VERSION}vote/", {"verdict": "approve", "seen_sha256": version.sha256})
    assert answer.status_code == 403
    assert "somebody else has to vote" in text_of(answer)
    assert not Vote.objects.exists()
    assert AuditEvent.objects.filter(kind="refused", actor=author.subject).count() == 1


def test_a_request_for_changes_needs_a_comment(client):
    version = acts.bring_in()
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    sign_in(client, Role.APPROVER)
    posted = {"verdict": "request_changes", "seen_sha256": version.sha256}
    assert client.post(f"{VERSION}vote/", posted).status_code == 400
    client.post(f"{VERSION}vote/", posted | {"comment": "Name the tools."})
    assert Review.objects.get().status == "changes_requested"


def test_a_button_that_cannot_be_used_says_why(client):
    acts.bring_in()
    sign_in(client, Role.OWNER)
    assert "This version is a draft: nobody has approved it." in text_of(client.get(VERSION))
    sign_in(client, Role.AUDITOR)
    page = text_of(client.get(VERSION))
    assert "To propose versions of agents" in page
    assert "To release approved versions you need the role" in page
    answer = client.post(f"{VERSION}release/", {"environment": "production"})
    assert answer.status_code == 403


def test_a_version_is_offered_only_to_environments_where_it_does_not_run(client):
    version = acts.put_into_production().version
    sign_in(client, Role.OWNER)
    form = client.get(VERSION).context["release_form"]
    assert [str(one) for one in form.fields["environment"].queryset] == ["Staging"]
    releasing.release(version_id=version.pk, environment="staging", by=acts.owner(), at=NOW)
    assert "It is released to every environment." in text_of(client.get(VERSION))


@pytest.mark.parametrize("environment", ["", "moon"])
def test_an_environment_that_does_not_exist_is_refused(client, environment):
    acts.put_into_production()
    sign_in(client, Role.OWNER)
    answer = client.post(f"{VERSION}release/", {"environment": environment})
    assert answer.status_code == 400


def test_an_agent_is_suspended_and_taken_back_on_its_page(client):
    acts.put_into_production()
    sign_in(client, Role.APPROVER)
    posted = {"version": "", "reason": "It dropped a table."}
    page = text_of(client.post(f"{AGENT}suspend/", posted, follow=True))
    assert "It dropped a table." in page
    suspension = Suspension.objects.get()
    client.post(f"{AGENT}suspensions/{suspension.pk}/lift/")
    suspension.refresh_from_db()
    assert suspension.lifted_at


def test_a_suspension_without_a_reason_is_shown_again(client):
    acts.bring_in()
    sign_in(client, Role.APPROVER)
    assert client.post(f"{AGENT}suspend/", {"reason": ""}).status_code == 400
    assert client.post(f"{AGENT}suspend/", {"reason": "x", "version": "7"}).status_code == 400
    assert not Suspension.objects.exists()


def test_acts_are_refused_as_get(client):
    acts.bring_in()
    sign_in(client, Role.OWNER, Role.APPROVER)
    for act in ("submit", "vote"):
        assert client.get(f"{VERSION}{act}/").status_code == 405
    assert client.get(f"{AGENT}suspend/").status_code == 405
