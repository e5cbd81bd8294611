"""Lists cost the same for few rows and for many."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import AgentVersion
from governance.people.admin_lists import CappedPaginator
from governance.people.models import Role
from tests.agents import acts
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
LISTS = (
    "/agents/",
    "/agents/?family=sample",
    "/families/",
    "/api/v1/agents/",
    "/api/v1/agents/worker/versions/",
    "/api/v1/families/",
    "/admin/agents/agent/",
    "/admin/agents/agentversion/",
    "/admin/agents/release/",
    "/admin/review/review/",
)


def statements(client, url):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("url", LISTS)
def test_a_list_costs_the_same_number_of_queries_for_few_and_for_many(client, url):
    by = acts.owner()
    acts.put_into_production(acts.bring_in(by))
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    statements(client, url)
    few = len(statements(client, url))
    for n in range(4):
        acts.put_into_production(acts.bring_in(by, raw=acts.definition(f"agent-{n}")))
        acts.bring_in(by, raw=acts.definition(more=f"\nMore of it {n}.\n"))
    assert len(statements(client, url)) == few


def test_the_admins_list_of_versions_loads_no_texts(client):
    acts.bring_in()
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    listing = [s for s in statements(client, "/admin/agents/agentversion/") if "sequence" in s]
    assert listing
    assert not any('"agents_agentversion"."raw"' in statement for statement in listing)


def test_the_admin_counts_no_further_than_its_pages_go(monkeypatch):
    monkeypatch.setattr("governance.people.admin_lists.MOST_LISTED", 2)
    for n in range(3):
        acts.bring_in(raw=acts.definition(f"agent-{n}"))
    pages = CappedPaginator(AgentVersion.objects.order_by("-id"), 1)
    with CaptureQueriesContext(connection) as captured:
        assert (pages.count, pages.num_pages) == (2, 2)
    assert "LIMIT 2" in captured[0]["sql"]
