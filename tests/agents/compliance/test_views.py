"""The pages and the API of the matrix and of waivers."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.compliance.matrix import matrix_of
from agents.models import AgentVersion, Judgement, Waiver
from governance.audit.models import AuditEvent
from governance.constitution.services import current
from governance.people.models import Role
from tests.agents import acts
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
MATRIX = "/agents/worker/versions/1/matrix/"
WAIVERS = "/constitution/waivers/"
API = "/api/v1/agents/worker/versions/1/matrix/"


@pytest.fixture
def version():
    acts.ratify()
    return acts.bring_in()


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def sign_in(client: Any, *roles: str) -> Any:
    user = UserFactory(roles=list(roles))
    client.force_login(user)
    return user


def judged(version: AgentVersion, **said: Any) -> dict[str, Any]:
    row = matrix_of(version, current(), at=NOW).rows[0]
    known = {"verdict": "pass", "line": "15", "evidence": "It says so.", "seen_sha256": row.sha256}
    return {f"{row.key}-{name}": value for name, value in (known | said).items()}


def test_the_version_shows_the_matrix_and_looking_changes_nothing(client, version):
    sign_in(client, Role.APPROVER)
    before = AuditEvent.objects.count()
    assert "1 unknown" in text_of(client.get("/agents/worker/versions/1/"))
    page = text_of(client.get(MATRIX))
    assert "Nobody has judged it." in page
    assert "Write failing tests first" in page
    assert AuditEvent.objects.count() == before


def test_a_reviewer_judges_on_the_page(client, version):
    reviewer = sign_in(client, Role.APPROVER)
    answer = client.post(f"{MATRIX}judge/", judged(version), follow=True)
    assert "1 principle judged." in text_of(answer)
    assert Judgement.objects.get().judged_by == reviewer
    body = client.get(API).json()
    assert body["summary"]["complies"] is True
    assert [(row["principle"], row["verdict"], row["line"]) for row in body["rows"]] == [
        ("test-first", "pass", 15)
    ]
    assert body["rows"][0]["judged_by"] == reviewer.name


def test_what_is_left_at_not_now_is_not_judged(client, version):
    sign_in(client, Role.APPROVER)
    answer = client.post(f"{MATRIX}judge/", judged(version, verdict=""))
    assert answer.status_code == 400
    assert not Judgement.objects.exists()


def test_what_cannot_be_read_comes_back_with_what_was_typed(client, version):
    sign_in(client, Role.APPROVER)
    answer = client.post(f"{MATRIX}judge/", judged(version, line="many", evidence="Kept words"))
    assert answer.status_code == 400
    assert "Kept words" in text_of(answer)
    assert not Judgement.objects.exists()


def test_an_author_reads_why_he_does_not_judge(client, version):
    client.force_login(version.author)
    assert "To vote on versions you need the role approver." in text_of(client.get(MATRIX))
    assert client.post(f"{MATRIX}judge/", judged(version)).status_code == 403


def test_a_waiver_from_asking_to_its_end(client, version):
    owner = sign_in(client, Role.OWNER)
    day = (timezone.now() + timedelta(days=20)).date().isoformat()
    asked = {"principle": "test-first", "reason": "The tests come later.", "last_day": day}
    assert "Asked." in text_of(client.post(f"{MATRIX}waivers/", asked, follow=True))
    waiver = Waiver.objects.get()
    assert (waiver.asked_by, waiver.expires_at.time().hour) == (owner, 23)
    assert "need the role approver" in text_of(client.get(WAIVERS))
    assert client.post(f"{WAIVERS}{waiver.pk}/grant/").status_code == 403
    sign_in(client, Role.APPROVER)
    client.post(f"{WAIVERS}{waiver.pk}/grant/")
    assert client.get(API).json()["rows"][0]["verdict"] == "waived"
    page = text_of(client.get(WAIVERS))
    assert "End now" in page
    assert "The tests come later." in page
    client.post(f"{WAIVERS}{waiver.pk}/end/")
    assert client.get(API).json()["rows"][0]["verdict"] == "unknown"


def test_an_auditor_sees_waivers_and_no_buttons(client, version):
    sign_in(client, Role.AUDITOR)
    page = text_of(client.get(WAIVERS))
    assert "every version has to comply" in page
    assert '<form method="post" action="/constitution' not in page


@pytest.mark.parametrize("url", [MATRIX, API])
def test_what_is_not_there_is_404(client, url):
    sign_in(client, Role.AUDITOR)
    assert client.get(url).status_code == 404
    acts.bring_in()
    assert client.get(url).status_code == 200
    assert client.get(url.replace("/1/", "/9/")).status_code == 404
