"""The board of a family: what it says, in which form, at which cost, and to whom."""

import csv
from io import StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.compliance.services import judge
from agents.models import Agent
from agents.releasing.services import suspend
from governance.people.models import Role, Scope
from governance.people.services import issue_key
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
BOARD = "/families/sample/"
STUCK = b"""---
name: stuck
tools: Bash
---

# Stuck

You carry questions to people with `stuck ask` and wait.
"""
WHOLE = """---
name: {name}
{tools}escalation: mandatory
constitutional_compliance: required
---

# {name}

## Constitutional Integration
- **Test-First Development**: write failing tests first

## Escalation Protocol

### When to Escalate (invoke stuck agent)
- **Unclear requirements** for anything

### How to Escalate
1. Stop
2. Invoke stuck agent with this context:
   ```
   Agent: {name}
   Task: [task]
   Problem: [problem]
   Attempted: [attempted]
   Options: [options]
   Impact: [impact]
   Constitutional_Impact: [principles]
   ```

### No Fallbacks Rule
- NEVER add external dependencies without approval

## Integration Coordination
- **With {peer}**: hand the work over
- **With frontend teams**: agree on the look
"""


def whole(name, peer="worker", tools=""):
    return WHOLE.format(name=name, peer=peer, tools=tools).encode()


def sign_in(client, *roles):
    client.force_login(UserFactory(roles=list(roles or [Role.AUDITOR])))


def text_of(answer):
    return " ".join(answer.content.decode().split())


def queries(client, url):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in captured]


def a_family(count, by=None):
    """So many agents that work with each other, and with one of another family."""
    by = by or acts.owner()
    acts.bring_in(by, raw=acts.definition("elsewhere"), family="other")
    for n in range(count):
        peer = "elsewhere" if n == 0 else f"agent-{n - 1}"
        acts.bring_in(by, raw=whole(f"agent-{n}", peer))
    return by


def test_the_board_names_what_is_so_and_what_is_only_claimed(client):
    acts.bring_in()
    acts.bring_in(raw=whole("frontend", peer="nobody-known"))
    sign_in(client)
    page = text_of(client.get(BOARD))
    assert "1 of 2 inherits every tool." in page
    assert "2 of 2 claim to comply with the constitution, and none is ratified." in page
    assert "1 of 2 that make escalation mandatory has the whole protocol." in page
    assert "Claimed, but not so" in page
    assert "The text lacks how to escalate, the payload template." in page
    assert "1 edge leads to nobody known" in page


def test_an_agent_reaches_people_once_the_stuck_agent_runs(client):
    acts.put_into_production(acts.bring_in(raw=STUCK))
    acts.bring_in(raw=whole("frontend"))
    sign_in(client)
    assert "It files cases in the portal" in text_of(client.get("/agents/frontend/"))
    assert "The escalation of 1 of 2 reaches people" in text_of(client.get(BOARD))
    suspend(slug="stuck", reason="Lost its key.", by=acts.owner(), at=NOW)
    assert "which is suspended" in text_of(client.get("/agents/frontend/"))


def test_the_page_of_an_agent_tells_who_names_it_and_what_inheriting_means(client):
    acts.bring_in(raw=whole("api-architect", peer="the Frontend Engineers agent"))
    acts.bring_in(raw=whole("frontend-engineer", peer="nobody-known"))
    sign_in(client)
    page = text_of(client.get("/agents/frontend-engineer/"))
    assert 'href="/agents/api-architect/"' in page
    assert "Run commands" in page
    assert "Not in the portal" in page


@pytest.mark.parametrize("url", [BOARD, "/agents/agent-1/", "/api/v1/families/sample/report/"])
def test_a_family_costs_the_same_number_of_queries_for_any_size(client, url):
    by = a_family(3)
    sign_in(client)
    queries(client, url)
    few = len(queries(client, url))
    for n in range(3, 12):
        acts.bring_in(by, raw=whole(f"agent-{n}", f"agent-{n - 1}"))
    assert len(queries(client, url)) == few
    assert few <= 34


def test_the_list_of_families_costs_the_same_for_any_number(client):
    by = acts.owner()
    acts.bring_in(by)
    sign_in(client)
    queries(client, "/families/")
    few = len(queries(client, "/families/"))
    for n in range(5):
        acts.bring_in(by, raw=acts.definition(f"other-{n}"), family=f"Family {n}")
    assert len(queries(client, "/families/")) == few
    assert len(client.get("/families/").context["families"]) == 6


def test_families_come_in_pages(client, monkeypatch):
    monkeypatch.setattr("agents.family.pages.PER_PAGE", 2)
    for n in range(3):
        acts.bring_in(raw=acts.definition(f"other-{n}"), family=f"Family {n}")
    sign_in(client)
    page = client.get("/families/")
    assert [one.slug for one in page.context["families"]] == ["family-0", "family-1"]
    after = client.get(page.context["next"])
    assert [one.slug for one in after.context["families"]] == ["family-2"]


def test_the_report_goes_out_as_csv_that_no_spreadsheet_runs(client):
    acts.bring_in(raw=whole("frontend", peer="nobody").replace(b"hand the", b"=HYPERLINK the"))
    sign_in(client)
    answer = client.get(f"{BOARD}report.csv")
    assert answer["Content-Disposition"] == 'attachment; filename="family-sample.csv"'
    head, row = csv.reader(StringIO(answer.content.decode()))
    assert dict(zip(head, row, strict=True))["edges to nobody"].startswith("'=HYPERLINK")


def test_the_report_goes_out_as_markdown_in_which_no_file_can_forge_a_heading(client):
    acts.bring_in(raw=whole("frontend").replace(b"hand the work over", b"a | b <img> [x](y)"))
    sign_in(client)
    text = client.get(f"{BOARD}report.md").content.decode()
    assert text.startswith("# Family ")
    assert r"a \| b &lt;img> \[x\](y)" in text


def test_the_api_tells_the_same_as_json_and_as_markdown(client):
    acts.bring_in(raw=whole("frontend"))
    sign_in(client)
    report = client.get("/api/v1/families/sample/report/").json()
    assert report["numbers"]["agents"] == 1
    assert report["agents"][0]["reach"]["answer"] == "no"
    assert {edge["kind"] for edge in report["edges"]} == {"dangling", "people"}
    markdown = client.get("/api/v1/families/sample/report/", HTTP_ACCEPT="text/markdown")
    assert markdown["Content-Type"].startswith("text/markdown")
    assert markdown.content.startswith(b"# Family ")
    assert client.get("/api/v1/families/").json()["results"] == [
        {"slug": "sample", "name": "sample", "agents": 1}
    ]


def test_a_runner_sees_families_it_acts_for_and_reports_only_whole(client):
    acts.bring_in(raw=whole("frontend"))
    acts.bring_in(raw=acts.definition("other"), family="other")
    owner = acts.owner()
    runner = RunnerFactory(owner=owner, agents=["frontend"])
    _, key = issue_key(runner_id=runner.pk, by=owner, at=timezone.now(), scopes=[Scope.READ])
    head = {"HTTP_AUTHORIZATION": f"Bearer {key}"}
    listed = client.get("/api/v1/families/", **head).json()["results"]
    assert [one["slug"] for one in listed] == ["sample"]
    assert client.get("/api/v1/families/other/report/", **head).status_code == 404
    assert client.get("/api/v1/families/sample/report/", **head).status_code == 403


def test_what_is_drawn_can_be_what_runs_in_an_environment(client):
    acts.put_into_production(acts.bring_in(raw=whole("frontend", peer="first")))
    acts.bring_in(raw=whole("frontend", peer="second"))
    sign_in(client)
    newest = client.get(BOARD).context["edges"]
    running = client.get(f"{BOARD}?graph=production").context["edges"]
    assert [row["target"].label for row in newest] == ["second", "frontend teams"]
    assert [row["target"].label for row in running] == ["first", "frontend teams"]


def test_files_with_the_same_text_are_shown_as_such(client):
    raw = acts.definition("worker")
    acts.bring_in(raw=raw)
    agent = Agent.objects.get(slug="worker")
    acts.bring_in(raw=raw.replace(b"name: worker", b"name: twin"))
    sign_in(client)
    assert "Same text as" not in text_of(client.get(BOARD))
    twin = Agent.objects.create(
        family=agent.family, slug="copy", name="copy", owner=agent.owner, created_at=NOW
    )
    from_first = agent.versions.get()
    from_first.pk, from_first.agent, from_first._state.adding = None, twin, True
    from_first.save(force_insert=True)
    assert "Same text as" in text_of(client.get(BOARD))


def test_an_empty_family_and_an_unknown_one(client):
    acts.bring_in()
    sign_in(client)
    assert client.get("/families/nowhere/").status_code == 404


def test_a_claim_of_compliance_is_judged_by_the_matrix_and_unknown_is_no_pass(client):
    law = acts.ratify()
    worker = acts.bring_in(raw=whole("frontend"))
    acts.bring_in(raw=whole("silent").replace(b"## Constitutional Integration", b"## Notes"))
    sign_in(client)
    first = client.get(BOARD).context["report"]
    assert {row.slug: row.compliance.value for row in first.rows} == {
        "frontend": "unjudged",
        "silent": "lacks",
    }
    for principle in law.principles.all():
        judge(
            version_id=worker.pk,
            principle=principle.key,
            verdict="pass",
            evidence="Read.",
            line=1,
            by=acts.approver(),
            at=NOW,
        )
    page = text_of(client.get(BOARD))
    assert "1 of 2 that claim to comply with the constitution complies; 1 lacks it" in page
