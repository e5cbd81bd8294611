"""The page and the calls about what a version changes: its meaning first, then its text."""

import json
from typing import Any

import pytest
from django.utils import timezone

from agents.reviewing import services as reviewing
from governance.people.models import Role, Scope
from governance.people.services import issue_key
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
RULE = b"- NEVER add external dependencies without approval\n"
CHANGED = acts.definition().replace(RULE, b"").replace(b"Read, Grep", b"Read, Grep, Bash")
URL = "/agents/worker/versions/2/diff/"
API = "/api/v1/agents/worker/versions/2/diff/"


def page(client: Any, url: str = URL) -> str:
    client.force_login(UserFactory(roles=[Role.APPROVER]))
    answer = client.get(url)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.fixture
def changed() -> Any:
    first = acts.bring_in(raw=acts.definition())
    acts.approve(first)
    return acts.bring_in(raw=CHANGED)


def test_the_meaning_stands_before_the_text_and_what_is_grave_before_the_rest(client, changed):
    text = page(client)
    places = [
        text.index(words)
        for words in (
            "Privilege",
            "such a change needs 2 votes",
            "Look at this first",
            "Adds Bash to the tools. The agent may run commands with it.",
            "is lost.",
            "The text",
        )
    ]
    assert places == sorted(places)
    assert 'data-tone="bad"' in text


def test_the_seed_without_its_rule_on_dependencies_and_with_bash_says_exactly_that(client):
    raw = acts.seed()
    rule = b"- **NEVER** add external dependencies without approval\n"
    assert rule in raw
    tools = raw.replace(b"\n---\n", b"\ntools: Read, Grep\n---\n", 1)
    acts.approve(acts.bring_in(raw=tools))
    acts.bring_in(raw=tools.replace(rule, b"").replace(b"Read, Grep\n", b"Read, Grep, Bash\n"))
    text = page(client, "/agents/python-backend/versions/2/diff/")
    red = text.split('data-tone="bad"')[-1].split("</ul>")[0]
    said = [
        "Adds Bash to the tools. The agent may run commands with it.",
        "The rule “NEVER add external dependencies without approval” is lost.",
    ]
    assert [one in red for one in said] == [True, True]
    assert red.count("<li>") == 2
    assert text.index("such a change needs 2 votes") < text.index(said[0])
    assert text.index(said[1]) < text.index("The text, side by side")


def test_the_texts_stand_side_by_side_and_in_one_column_each_to_be_opened(client, changed):
    text = page(client)
    parts = [text.index(f'data-part="{part}"') for part in ("side", "inline", "findings")]
    assert parts == sorted(parts)
    assert "diff-sides" in text
    assert "diff-del" in text
    assert " open>" not in text
    assert 'data-part="inline" id="inline" open>' in page(client, f"{URL}?view=inline")


def test_lines_of_the_change_lead_to_where_they_are_commented(client, changed):
    text = page(client)
    assert 'id="S5"' in text
    assert 'id="L5"' in text
    assert text.count('href="/agents/worker/versions/2/?line=5#L5"') == 2


def test_another_version_is_chosen_to_compare_with(client, changed):
    acts.bring_in(raw=CHANGED + b"\nMore.\n")
    text = page(client, "/agents/worker/versions/3/diff/?from=2")
    assert "From version 2 to version 3" in text
    assert "1 line of text is added." in text
    assert "is lost" not in text


def test_a_first_version_has_nothing_to_compare_with(client, changed):
    assert "Version 1 is the first" in page(client, "/agents/worker/versions/1/diff/")


def test_a_version_keeps_being_compared_with_what_its_review_compared(client, changed):
    reviewing.submit_version(version_id=changed.pk, by=changed.author, at=NOW)
    for _ in range(2):
        acts.say(changed, acts.approver())
    acts.approve(acts.bring_in(raw=CHANGED + b"\nMore.\n"))
    assert "From version 1 to version 2" in page(client)


@pytest.mark.parametrize(
    ("query", "status"), [("?from=99", 404), ("?from=x", 400), ("?from=-1", 400)]
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(client, changed, query, status):
    client.force_login(UserFactory(roles=[Role.APPROVER]))
    assert client.get(URL + query).status_code == status
    assert client.get(API + query).status_code == status


def test_the_version_page_the_agent_and_the_board_name_the_class(client, changed):
    reviewing.submit_version(version_id=changed.pk, by=changed.author, at=NOW)
    text = page(client, "/agents/worker/versions/2/")
    assert f'href="{URL}"' in text
    assert text.index("Look at this first") < text.index('id="review"')
    assert "Read both texts" in text
    assert "Privilege" in page(client, "/agents/worker/")
    assert "Privilege" in page(client, "/agents/")


def test_nothing_in_a_changed_text_runs_in_the_page(client, changed):
    acts.bring_in(raw=CHANGED + b"\n- NEVER <script>alert(1)</script>\n")
    for view in ("side", "inline"):
        text = page(client, f"/agents/worker/versions/3/diff/?view={view}")
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text


# --- the calls ------------------------------------------------------------------------------


def bearer(*scopes: str, agents: tuple[str, ...] = ("*",)) -> dict[str, str]:
    runner = RunnerFactory(agents=list(agents))
    _, key = issue_key(runner_id=runner.pk, by=runner.owner, at=timezone.now(), scopes=list(scopes))
    return {"Authorization": f"Bearer {key}"}


def test_a_check_says_what_would_change_and_how_many_votes_it_needs(client, changed):
    headers = bearer(Scope.PROPOSE)
    answer = client.post(
        "/api/v1/agents/check/", CHANGED, content_type="text/markdown", headers=headers
    )
    assert answer.status_code == 200
    change = answer.json()["change"]
    assert (change["base"], change["change_class"], change["required_votes"]) == (
        1,
        "privilege",
        2,
    )
    assert change["changes"][0]["grave"]
    assert len(change["reasons"]) == 2


def test_a_check_compares_with_no_agent_that_the_runner_may_not_see(client, changed):
    headers = bearer(Scope.PROPOSE, agents=("other",))
    body = json.dumps({"text": CHANGED.decode()})
    answer = client.post(
        "/api/v1/agents/check/", body, content_type="application/json", headers=headers
    )
    change = answer.json()["change"]
    assert (change["base"], change["change_class"], change["changes"]) == (None, "new", [])


def test_the_diff_is_read_by_those_who_may_propose(client, changed):
    answer = client.get(API, headers=bearer(Scope.PROPOSE))
    assert answer.status_code == 200
    assert [change["kind"] for change in answer.json()["changes"]] == [
        "tools_widened",
        "rule_lost",
    ]
    assert client.get(API, headers=bearer(Scope.READ)).status_code == 403
    assert client.get(API, headers=bearer(Scope.PROPOSE, agents=("other",))).status_code == 404
    assert client.get(API).status_code == 401
