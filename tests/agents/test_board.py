"""Finding an agent on the board, and what a version says that runs without an approval."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.releasing import services as releasing
from governance.people.models import Role
from tests.agents import acts
from tests.agents.test_views import BOARD, VERSION, sign_in, text_of

pytestmark = pytest.mark.django_db(transaction=True)


def found(client, **query):
    return [row.agent.slug for row in client.get(BOARD, query).context["rows"]]


def test_a_part_of_a_name_finds_agents(client):
    author = acts.owner()
    for name, family in (("api-writer", "shop"), ("API-reader", "bank"), ("plumber", "shop")):
        acts.bring_in(author, raw=acts.definition(name), family=family)
    sign_in(client, Role.AUDITOR)
    assert found(client, q=" api ") == ["api-reader", "api-writer"]
    assert found(client, q="api", family="shop") == ["api-writer"]
    assert found(client, q="%") == []
    assert "No agent is called that" in text_of(client.get(BOARD, {"q": "nobody"}))


def test_the_next_page_looks_for_the_same(client, monkeypatch):
    monkeypatch.setattr("agents.pages.PER_PAGE", 1)
    author = acts.owner()
    for name in ("api-1", "api-2", "other"):
        acts.bring_in(author, raw=acts.definition(name))
    sign_in(client, Role.AUDITOR)
    second = client.get(client.get(BOARD, {"q": "api"}).context["next"]).context
    assert [row.agent.slug for row in second["rows"]] == ["api-2"]
    assert second["next"] == ""


@pytest.mark.parametrize(("ago", "runs"), [(1, True), (3, False)])
def test_a_version_says_that_it_runs_without_an_approval(client, ago, runs):
    acts.ratify()
    version = acts.bring_in()
    sign_in(client, Role.APPROVER)
    assert "Break the glass" in text_of(client.get(VERSION))
    releasing.break_glass(
        version_id=version.pk,
        environment="production",
        reason="The login burns, and nobody else can read its logs.",
        hours=2,
        by=acts.approver(),
        at=timezone.now() - timedelta(hours=ago),
    )
    page = text_of(client.get(VERSION))
    assert ("It runs without an approval" in page) is runs
    assert ("Break the glass" in page) is not runs


def test_who_may_not_release_is_not_offered_to_break_the_glass(client):
    acts.bring_in()
    sign_in(client, Role.AUDITOR)
    assert "Break the glass" not in text_of(client.get(VERSION))
