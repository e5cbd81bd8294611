"""Votes that somebody else's page sends, and votes on something else than what was shown."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from escalations.models import Ballot, Decision
from governance.audit.models import AuditEvent
from governance.people.models import Role
from governance.review.models import Vote
from tests.agents import acts as agent_acts
from tests.constitution import acts as law_acts
from tests.escalations.acts import ACT, approver, ask
from tests.factories import NOW
from tests.faults.conftest import account

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


def reader_of(case, user):
    """Somebody who has the case open, and the token of the page."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    page = client.get(case.get_absolute_url())
    return client, TOKEN.search(page.content.decode())[1]


def ballot_for(case):
    return {"choice": "option:jwt", "seen_sha256": case.request_sha256}


def token_of_another_session(case):
    return reader_of(case, approver())[1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "headers"),
    [
        (lambda case, own: "", {}),
        (lambda case, own: "A" * len(own), {}),
        (lambda case, own: token_of_another_session(case), {}),
        (lambda case, own: own, {"Origin": "null"}),
        (lambda case, own: own, {"Origin": "https://evil.example"}),
        (lambda case, own: own, {"Origin": "http://testserver.evil.example"}),
    ],
)
def test_43_a_forged_vote_is_refused(token, headers):
    case = ask()
    client, own = reader_of(case, approver())
    address = reverse("case-decide", args=[case.pk])
    sent = ballot_for(case) | {"csrfmiddlewaretoken": token(case, own)}
    answer = client.post(address, sent, headers=headers)
    assert answer.status_code == 403
    assert not Ballot.objects.exists()
    sent["csrfmiddlewaretoken"] = own
    assert client.post(address, sent, headers={"Origin": "http://testserver"}).status_code == 302
    assert Decision.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/cases/ESC-{}/", "/review/", "/account/login/"])
def test_43_no_page_can_be_framed(client, address):
    case = ask()
    client.force_login(approver())
    answer = client.get(address.format(case.pk))
    assert answer["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


@pytest.fixture(scope="module")
def evil():
    """A page on another site; set ``html`` before it is opened."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 - the base class's name
            body = self.server.html.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    # Another name for this machine is another site to a browser.
    server.url = f"http://localhost:{server.server_port}/"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_43_another_sites_page_neither_frames_a_case_nor_votes_with_the_readers_session(
    browser, web, evil
):
    adam = account("adam", Role.APPROVER)
    case = ask(at=timezone.now(), action=ACT)
    client = Client()
    client.force_login(adam)
    session = client.cookies["sessionid"].value
    fields = "".join(f'<input name="{k}" value="{v}">' for k, v in ballot_for(case).items())
    evil.html = f"""<iframe src="{web.url}{case.get_absolute_url()}"></iframe>
        <form method="post" action="{web.url}/cases/{case.ref}/decide/">{fields}</form>"""
    context = browser.new_context()
    try:
        context.add_cookies([{"name": "sessionid", "value": session, "url": web.url}])
        page = context.new_page()
        page.goto(evil.url, wait_until="load")
        framed = page.frames[1]
        assert case.title not in framed.content()
        assert not framed.url.startswith(web.url)
        with page.expect_navigation(), page.expect_response("**/decide/") as answer:
            page.evaluate("document.forms[0].submit()")
        assert answer.value.status in {302, 403}
        page.goto(f"{web.url}{case.get_absolute_url()}")
        assert page.get_by_role("button", name="Record my decision").is_visible()
    finally:
        context.close()
    assert not Ballot.objects.exists()


# --- what was shown is not what is there now --------------------------------------------------

OLD = "0" * 64


def vote_on_case_page(client, case):
    return client.post(
        reverse("case-decide", args=[case.pk]), ballot_for(case) | {"seen_sha256": OLD}
    ).status_code


def vote_on_case_api(client, case):
    body = {"verdict": "approved_option", "option": "jwt", "seen_sha256": OLD}
    address = reverse("api-case-ballots", args=[case.pk])
    return client.post(address, body, content_type="application/json").status_code


def vote_on_case_in_admin(client, case):
    address = reverse("admin:escalations_escalation_decide", args=[case.pk])
    page = client.post(address, ballot_for(case) | {"seen_sha256": OLD})
    assert "What you saw is not what is asked" in page.content.decode()
    return 409


@pytest.mark.django_db
@pytest.mark.parametrize("vote", [vote_on_case_page, vote_on_case_api, vote_on_case_in_admin])
def test_45_a_vote_on_another_request_than_the_one_shown_is_a_conflict(client, vote):
    case, user = ask(), approver()
    client.force_login(user)
    assert vote(client, case) == 409
    assert not Ballot.objects.exists()
    assert AuditEvent.objects.filter(stream="refusals", actor=user.subject).count() == 1


def version_in_review():
    version = agent_acts.bring_in()
    agent_acts.submit_version(version_id=version.pk, by=version.author, at=NOW)
    return version


@pytest.mark.django_db
@pytest.mark.parametrize("make", [version_in_review, law_acts.submitted])
def test_45_a_vote_on_another_text_than_the_one_shown_is_a_conflict(client, make):
    version, user = make(), approver()
    client.force_login(user)
    sent = {"verdict": "approve", "seen_sha256": OLD, "comment": ""}
    answer = client.post(f"{version.get_absolute_url()}vote/", sent)
    assert answer.status_code == 409
    assert not Vote.objects.exists()
    assert AuditEvent.objects.filter(stream="refusals", actor=user.subject).count() == 1
