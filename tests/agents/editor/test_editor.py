"""The editor: what would be saved is shown first, and nothing that was typed is lost."""

import codecs
import html
import re
from typing import Any

import pytest

from agents.importing import MAX_BYTES
from agents.models import Agent, AgentVersion, Family, ReviewRule
from governance.audit.models import AuditEvent
from governance.people.models import Role, Team
from tests.agents import acts
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
EDIT, NEW = "/agents/worker/edit/", "/agents/new/"
RULE = "- NEVER add external dependencies without approval\n"


def sign_in(client: Any, *roles: str) -> Any:
    user = UserFactory(roles=list(roles))
    client.force_login(user)
    return user


def text_of(answer: Any) -> str:
    return " ".join(html.unescape(answer.content.decode()).split())


def field(answer: Any) -> str:
    """What stands in the text field, as a browser would send it."""
    shown = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", answer.content.decode(), re.DOTALL)
    assert shown
    return html.unescape(shown[1]).replace("\n", "\r\n")


def send(client: Any, text: str, act: str = "save", url: str = EDIT, **more: Any) -> Any:
    return client.post(url, {"text": text, "act": act, "newest": 1, **more})


@pytest.fixture
def worker(client):
    version = acts.bring_in(raw=acts.definition())
    sign_in(client, Role.OWNER)
    return version


def test_a_text_that_nobody_changed_makes_no_version(client, worker):
    answer = send(client, field(client.get(EDIT)))
    assert answer["Location"] == worker.get_absolute_url()
    assert AgentVersion.objects.count() == 1


@pytest.mark.parametrize(
    "form", [lambda raw: codecs.BOM_UTF8 + raw, lambda raw: raw.replace(b"\n", b"\r\n")]
)
def test_the_bytes_of_a_file_survive_the_field(client, form):
    raw = form(acts.definition())
    acts.bring_in(raw=raw)
    sign_in(client, Role.OWNER)
    page = client.get(EDIT)
    assert "saving keeps that" in text_of(page)
    send(client, field(page).replace("small work", "large work"))
    assert bytes(AgentVersion.objects.first().raw) == raw.replace(b"small", b"large")


def test_a_repaired_base_is_said_and_saved_repaired(client):
    acts.bring_in(raw=acts.definition(more="\nCafÃ©\n"))
    sign_in(client, Role.OWNER)
    page = client.get(EDIT)
    assert "The text here is repaired, and so is what you save." in text_of(page)
    send(client, field(page))
    assert bytes(AgentVersion.objects.first().raw) == acts.definition(more="\nCafé\n")


def test_a_preview_shows_the_change_before_the_rest_and_keeps_nothing(client, worker):
    acts.approve(worker)
    before = AuditEvent.objects.count()
    text = acts.definition().decode().replace(RULE, "").replace("Read, Grep", "Read, Grep, Bash")
    answer = send(client, text, act="preview")
    assert answer.status_code == 200
    page = text_of(answer)
    places = [
        page.index(words)
        for words in (
            "such a change needs 2 votes",
            "Look at this first",
            "Adds Bash to the tools.",
            "is lost.",
            "Findings",
            "When it must ask",
            "The text by lines",
        )
    ]
    assert places == sorted(places)
    assert AgentVersion.objects.count() == 1
    assert AuditEvent.objects.count() == before
    assert field(answer) == text.replace("\n", "\r\n")


def test_findings_lead_to_their_lines(client, worker):
    answer = send(client, acts.definition().decode() + "\nSee [FILL IN: what to see]\n", "preview")
    line = acts.definition().count(b"\n") + 2
    assert "[FILL IN: what to see] is not filled in." in text_of(answer)
    assert f'href="#L{line}"' in answer.content.decode()
    assert f'id="L{line}"' in answer.content.decode()


def test_one_click_puts_a_safe_fix_into_the_text(client, worker):
    text = acts.definition().decode() + "\nhidden\u200b one\n"
    answer = send(client, text, "preview")
    (fix,) = re.findall(r'value="(fix:[0-9a-f]+)"', answer.content.decode())
    mended = send(client, text, fix)
    assert field(mended) == text.replace("\u200b", "").replace("\n", "\r\n")
    assert "The fix is in the text. Save to keep it." in text_of(mended)
    assert AgentVersion.objects.count() == 1


def test_all_safe_fixes_go_into_the_text_at_once_even_two_of_one_line(client, worker):
    text = acts.definition().decode() + "\nhid\u200bden and \u202eturned\n"
    assert "Apply all 2 safe fixes" in text_of(send(client, text, "preview"))
    plain = text.replace("\u200b", "").replace("\u202e", "")
    assert field(send(client, text, "fix-all")) == plain.replace("\n", "\r\n")


def test_a_fix_of_a_finding_that_is_gone_leaves_the_text_alone(client, worker):
    answer = send(client, "Changed.", "fix:000000000000")
    assert answer.status_code == 404
    assert field(answer) == "Changed."


def test_what_is_saved_is_a_draft(client, worker):
    text = acts.definition(more="More.\n").decode()
    answer = client.post(EDIT, {"text": text, "act": "save", "newest": 1}, follow=True)
    assert answer.redirect_chain == [("/agents/worker/versions/2/", 302)]
    assert "Saved as a draft." in text_of(answer)
    assert "Draft" in text_of(answer)


def test_an_older_version_can_be_the_beginning(client, worker):
    acts.bring_in(raw=acts.definition(more="More.\n"))
    page = client.get(f"{EDIT}?from=1")
    assert field(page) == acts.definition().decode().replace("\n", "\r\n")
    assert "Version 2 is newer." in text_of(page)
    send(client, field(page), url=f"{EDIT}?from=1", newest=2)
    assert AgentVersion.objects.first().sequence == 3


@pytest.mark.parametrize(("query", "status"), [("?from=9", 404), ("?from=x", 400)])
def test_a_version_that_is_not_there_is_no_beginning(client, worker, query, status):
    assert client.get(EDIT + query).status_code == status


def test_who_saves_over_a_newer_version_is_told_first(client, worker):
    acts.bring_in(raw=acts.definition(more="Theirs.\n"))
    mine = acts.definition(more="Mine.\n").decode()
    answer = send(client, mine, url=f"{EDIT}?from=1")
    assert answer.status_code == 409
    page = text_of(answer)
    assert "Version 2 came in since you opened this page." in page
    assert 'href="/agents/worker/versions/2/diff/?from=1"' in page
    assert field(answer) == mine.replace("\n", "\r\n")
    assert AgentVersion.objects.count() == 2
    assert send(client, mine, newest=2).status_code == 302
    assert bytes(AgentVersion.objects.first().raw) == mine.encode()


@pytest.mark.parametrize(
    ("text", "status", "sentence"),
    [
        ("", 400, "The file is empty."),
        ("x" * (MAX_BYTES + 1), 413, "A definition may be at most 1 MB."),
        (acts.definition("other").decode(), 400, "The file names itself other, not worker."),
    ],
)
def test_a_refused_text_comes_back_with_the_sentence(client, worker, text, status, sentence):
    answer = send(client, text)
    assert answer.status_code == status
    assert sentence in text_of(answer)
    assert field(answer) == text.replace("\n", "\r\n")
    assert AgentVersion.objects.count() == 1


def test_who_may_not_propose_reads_why_and_keeps_the_text(client, worker):
    sign_in(client, Role.APPROVER)
    assert "you need the role owner" in text_of(client.get(EDIT))
    answer = send(client, "Mine.")
    assert answer.status_code == 403
    assert field(answer) == "Mine."
    assert AuditEvent.objects.filter(kind="refused").count() == 1
    assert send(client, acts.definition().decode(), "preview").status_code == 200


def test_htmx_gets_a_refusal_it_can_show(client, worker):
    answer = client.post(EDIT, {"text": "", "act": "preview"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    result = answer.content.decode().split('id="result"')[1]
    assert "The file is empty." in result


def test_nothing_that_is_typed_runs_in_the_page(client, worker):
    evil = "</textarea><script>alert(1)</script>"
    page = send(client, acts.definition(more=evil).decode(), "preview").content.decode()
    assert "<script>alert" not in page


# --- a new agent ----------------------------------------------------------------------------


def test_a_new_agent_starts_from_a_template(client, worker):
    page = text_of(client.get(NEW))
    for value in ('value="blank"', 'value="stuck"', 'value="agent:worker"'):
        assert value in page


def test_the_blank_form_follows_the_contract_and_asks_to_be_filled_in(client):
    sign_in(client, Role.OWNER)
    page = client.get(f"{NEW}?template=blank")
    send(client, field(page), url=NEW, filename="fill-in-the-name.md", family="Shop")
    version = AgentVersion.objects.get()
    codes = {finding["code"] for finding in version.findings}
    assert codes == {"PLACEHOLDER"}
    contract = version.contract
    for part in ("triggers", "rules", "principles", "workflow", "coordination", "quality"):
        assert contract[part], part
    assert contract["payload_fields"]
    assert version.tools == ["Read", "Grep", "Glob"]


def test_the_name_goes_into_the_text_and_its_file(client):
    sign_in(client, Role.OWNER)
    page = client.get(f"{NEW}?template=blank&name=Order%20Keeper&family=Shop")
    text = field(page)
    assert "name: order-keeper\r\n" in text
    assert "Agent: order-keeper\r\n" in text
    assert 'value="order-keeper.md"' in page.content.decode()
    send(client, text, url=NEW, filename="order-keeper.md", family="Shop")
    assert Agent.objects.get().slug == "order-keeper"
    assert Family.objects.get().name == "Shop"


def test_the_stuck_agent_is_a_template(client):
    sign_in(client, Role.OWNER)
    assert "name: stuck\r\n" in field(client.get(f"{NEW}?template=stuck"))


def test_an_agent_is_a_model_for_another(client, worker):
    page = client.get(f"{NEW}?template=agent:worker&name=helper")
    assert field(page) == acts.definition("helper").decode().replace("\n", "\r\n")
    assert f'value="{worker.agent.family.name}"' in page.content.decode()


@pytest.mark.parametrize("template", ["nothing", "agent:nobody", "../../secrets"])
def test_there_is_no_other_template(client, template):
    sign_in(client, Role.OWNER)
    assert client.get(f"{NEW}?template={template}").status_code == 404


def test_a_taken_name_is_refused_and_leads_to_its_editor(client, worker):
    text = acts.definition(more="Mine.\n").decode()
    answer = send(client, text, url=NEW, filename="worker.md", family="sample")
    assert answer.status_code == 409
    assert 'href="/agents/worker/edit/"' in answer.content.decode()
    assert field(answer) == text.replace("\n", "\r\n")
    assert AgentVersion.objects.count() == 1


def test_a_new_agent_needs_a_family(client):
    sign_in(client, Role.OWNER)
    answer = send(client, acts.definition().decode(), url=NEW, filename="worker.md")
    assert answer.status_code == 400
    assert "A new agent needs a family: name one." in text_of(answer)
    assert not Agent.objects.exists()


def test_no_agent_takes_the_name_of_the_editor(client):
    sign_in(client, Role.OWNER)
    answer = send(client, acts.definition("new").decode(), url=NEW, filename="", family="Shop")
    assert answer.status_code == 400


def test_pages_lead_to_the_editor(client, worker):
    assert f'href="{EDIT}"' in client.get("/agents/worker/").content.decode()
    assert f'href="{EDIT}?from=1"' in client.get(worker.get_absolute_url()).content.decode()
    assert f'href="{NEW}"' in client.get("/agents/").content.decode()
    sign_in(client, Role.AUDITOR)
    assert f'href="{NEW}"' not in client.get("/agents/").content.decode()


# --- who wrote it ---------------------------------------------------------------------------


def test_the_author_of_an_unapproved_base_counts_as_author_of_the_change(client, worker):
    send(client, acts.definition(more="More.\n").decode())
    assert AgentVersion.objects.first().co_authors == [worker.author_id]


def test_the_author_of_an_approved_base_may_judge_the_change(client, worker):
    acts.approve(worker)
    send(client, acts.definition(more="More.\n").decode())
    assert AgentVersion.objects.first().co_authors == []


def test_mending_the_form_of_a_file_saves_it_plainly(client):
    acts.bring_in(raw=acts.definition().replace(b"\n", b"\r\n"))
    sign_in(client, Role.OWNER)
    preview = send(client, acts.definition().decode(), "preview")
    (fix,) = re.findall(r'value="(fix:[0-9a-f]+)"', preview.content.decode())
    mended = send(client, field(preview), fix)
    assert 'name="plain"' in mended.content.decode()
    assert re.search(r'<input[^>]*name="plain"[^>]*checked', mended.content.decode())
    send(client, field(mended), plain="on")
    assert bytes(AgentVersion.objects.first().raw) == acts.definition()


def test_a_team_that_a_change_needs_is_named(client, worker):
    team = Team.objects.create(slug="security", name="Security")
    for rule in ReviewRule.objects.filter(change_class="privilege"):
        rule.policy.teams.add(team)
    acts.approve(worker)
    text = acts.definition().decode().replace(RULE, "")
    assert "such a change needs 2 votes, one of them from Security" in text_of(
        send(client, text, "preview")
    )
