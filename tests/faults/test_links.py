"""Mailed links among robots, strangers and scanners, on a real web process in a real browser.

The test moves the reminders itself (sweep and dispatch), so that no worker has to run.
"""

import http.client
import json
import re
from contextlib import contextmanager, suppress
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import TimeoutError as Timeout

from agents.models import Release
from escalations.models import Ballot, Decision, Escalation, Status
from governance.asking.dispatch import dispatch
from governance.asking.models import Ask, Notification, ReviewLink, Sighting
from governance.asking.sweep import sweep
from governance.audit.models import AuditEvent
from governance.people.models import Role
from governance.review.models import Review, Vote
from tests.agents import acts as agent_acts
from tests.constitution import acts as law_acts
from tests.e2e.conftest import HOST, sign_in
from tests.escalations.acts import ACT, BODY, agent, ask
from tests.factories import PASSWORD
from tests.faults.conftest import account

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PREFETCH = {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender", "X-Moz": "prefetch"}
BUTTONS = "button, input[type=submit], summary, [role=button]"
LINKS_AND_BUTTONS = f"a[href], {BUTTONS}"
# Longer than the page waits before it says that a person saw it.
STAYS_MS = 3_000


@pytest.fixture(autouse=True)
def _address(web, settings):
    settings.PORTAL_URL = web.url


@pytest.fixture
def adam(_address):
    return account("adam", Role.APPROVER)


@pytest.fixture
def case(adam):
    return ask(at=timezone.now(), action=ACT)


def send(at=None):
    """What the worker does on a tick."""
    at = at or timezone.now()
    sweep(at=at)
    dispatch(at=at)


def mailed_link(user, about=""):
    send()
    mails = [one for one in mail.outbox if one.to == [user.email] and about in one.subject]
    return link_in_text(mails[-1])


def link_in_text(message):
    found = set(re.findall(r"http://\S+/r/\S+", message.body))
    assert len(found) == 1
    return found.pop()


def session_of(user):
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def cookie(web, user):
    return {"name": "sessionid", "value": session_of(user), "url": web.url}


def call(web, method, address, **headers):
    """One request over a socket, redirects not followed."""
    sent = urlsplit(address)
    connection = http.client.HTTPConnection(HOST, urlsplit(web.url).port, timeout=20)
    try:
        connection.request(method, sent.path or "/", headers=headers)
        answer = connection.getresponse()
        held = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, held, answer.read().decode()
    finally:
        connection.close()


@contextmanager
def browser_of(browser, web, user=None):
    context = browser.new_context(base_url=web.url)
    context.set_default_timeout(10_000)
    if user:
        context.add_cookies([cookie(web, user)])
    try:
        yield context
    finally:
        context.close()


def nothing_decided():
    return not (
        Ballot.objects.exists()
        or Decision.objects.exists()
        or Vote.objects.exists()
        or Release.objects.exists()
        or Escalation.objects.exclude(status=Status.OPEN).exists()
        or Review.objects.exclude(status="in_review").exists()
    )


def nobody_seen():
    return not Sighting.objects.exists()


# --- robots -----------------------------------------------------------------------------------


def test_37_scanners_that_open_the_link_change_nothing_and_reminders_go_on(web, adam, case):
    link = mailed_link(adam)
    before = ReviewLink.objects.values().get()
    for method in ["HEAD", *["GET"] * 10, "OPTIONS"]:
        assert call(web, method, link, **PREFETCH)[0] == 302
    for method in ("GET", "HEAD", "OPTIONS"):
        call(web, method, f"{web.url}{case.get_absolute_url()}decide/", **PREFETCH)
    assert nothing_decided()
    assert nobody_seen()
    assert ReviewLink.objects.values().get() == before
    send(at=timezone.now() + timedelta(days=2))
    reasons = Notification.objects.filter(recipient=adam).order_by("id")
    assert list(reasons.values_list("reason", "state")) == [
        ("asked", "accepted"),
        ("reminder", "accepted"),
    ]
    assert link_in_text(mail.outbox[-1]) == link
    assert call(web, "GET", link)[1]["location"] == "/review/"


def test_38_a_headless_browser_that_runs_all_scripts_and_stays_decides_and_sees_nothing(
    web, browser, adam, case
):
    link = mailed_link(adam)
    with browser_of(browser, web) as context:
        page = context.new_page()
        page.goto(link, wait_until="networkidle")
        assert page.get_by_role("link", name="Sign in").is_visible()
        page.mouse.wheel(0, 4_000)
        page.wait_for_timeout(STAYS_MS)
    assert nothing_decided()
    assert nobody_seen()


def go(page, address):
    """Open an address; what the last press started may still be under way."""
    for _ in range(10):
        try:
            page.goto(address)
        except BrowserError:
            page.wait_for_timeout(200)
        else:
            return
    raise AssertionError(f"{address} does not open")


def to_post(response):
    """An answer to a form. What a page posts by itself is none."""
    own = response.url.endswith(("/seen/", "/opened/"))
    return response.request.method == "POST" and not own


def press(page, address, number, *, kinds=BUTTONS):
    """Press the n-th button of a page, whatever its forms demand; where that led."""
    go(page, address)
    page.evaluate("for (const form of document.forms) form.noValidate = true")
    there = page.locator(kinds)
    if number >= there.count():
        return None
    found = there.nth(number)
    said = found.inner_text() or found.get_attribute("value") or ""
    sends = found.evaluate("one => one.type === 'submit' && one.form?.method === 'post'")
    # A busy machine takes its time to send a form, and the next page would break it off.
    with suppress(Timeout), page.expect_response(to_post, timeout=1_500 if sends else 100):
        found.dispatch_event("click")
        yes = page.locator("dialog[open] [value=yes]")
        if yes.count():
            yes.click(timeout=2_000)
    page.wait_for_load_state("load")
    return said.strip(), page.url


def robot_of(context):
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    return page


def press_everything(page, start, *, at_most):
    """A robot that presses all it finds and goes wherever that leads on this portal."""
    waiting, known, pressed = [start], {urlsplit(start).path}, []
    portal = urlsplit(start).netloc
    while waiting and len(pressed) < at_most:
        address, number = waiting.pop(0), 0
        while len(pressed) < at_most and (
            done := press(page, address, number, kinds=LINKS_AND_BUTTONS)
        ):
            number += 1
            pressed.append(done[0])
            there = urlsplit(done[1])
            if there.netloc == portal and there.path not in known:
                known.add(there.path)
                waiting.append(done[1])
    return pressed, known


def test_39_a_signed_out_robot_that_presses_everything_decides_and_sees_nothing(
    web, browser, adam, case
):
    link = mailed_link(adam)
    with browser_of(browser, web) as context:
        pressed, known = press_everything(robot_of(context), link, at_most=40)
    assert {"/account/login/", "/account/password/reset/"} <= known, known
    assert "Sign in" in pressed
    assert nothing_decided()
    assert nobody_seen()


@pytest.fixture
def version_in_review(adam):
    agent_acts.ratify(at=timezone.now())
    made = agent_acts.bring_in(at=timezone.now(), raw=agent_acts.definition("other"))
    agent_acts.submit_version(version_id=made.pk, by=made.author, at=timezone.now())
    return made


@pytest.mark.parametrize("place", ["case", "case in the admin", "version", "law"])
def test_39_an_approvers_robot_that_presses_every_button_decides_nothing(
    web, browser, adam, request, place
):
    address, posted = PLACES[place](request), []
    with browser_of(browser, web, adam) as context:
        page = robot_of(context)
        page.on("request", lambda sent: posted.append(sent.url) if sent.method == "POST" else None)
        go(page, web.url + address)
        # From the last to the first: a button that works may take itself and others away.
        for number in reversed(range(page.locator(BUTTONS).count())):
            press(page, web.url + address, number)
            # Signing out was one of the buttons.
            context.add_cookies([cookie(web, adam)])
    assert any(url.split("#")[0].endswith(SENT_TO[place]) for url in posted), posted
    assert_untouched(place)


SENT_TO = {"case": "decide/", "case in the admin": "decide/", "version": "vote/", "law": "vote/"}
PLACES = {
    "case": lambda request: request.getfixturevalue("case").get_absolute_url(),
    "case in the admin": lambda request: (
        f"/admin/escalations/escalation/{request.getfixturevalue('case').pk}/decide/"
    ),
    "version": lambda request: request.getfixturevalue("version_in_review").get_absolute_url(),
    "law": lambda request: law_acts.submitted().get_absolute_url(),
}


def assert_untouched(place):
    assert not Ballot.objects.exists()
    assert not Decision.objects.exists()
    assert not Escalation.objects.exclude(status=Status.OPEN).exists()
    assert not Release.objects.exists()
    open_reviews = Review.objects.filter(status="in_review")
    assert open_reviews.exists() is (place in {"version", "law"})
    assert not Vote.objects.filter(review__in=open_reviews).exists()
    assert Ask.objects.open().count() == 1


# --- other people -----------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [[], [Role.APPROVER]])
def test_42_a_forwarded_link_opens_nothing_for_somebody_else(web, browser, adam, case, roles):
    other = account("other", *roles)
    link = mailed_link(adam)
    with browser_of(browser, web) as context:
        page = context.new_page()
        page.goto(link)
        page.get_by_role("link", name="Sign in").click()
        sign_in(page, other.email, PASSWORD)
        page.get_by_text("This link was mailed to somebody else.").wait_for()
        assert case.title not in page.content()
        if not roles:
            page.goto(case.get_absolute_url())
            assert case.title not in page.content()
    refusals = AuditEvent.objects.filter(stream="refusals", actor=other.subject)
    assert "GET /review/" in set(refusals.values_list("subject", flat=True))
    assert nothing_decided()
    assert nobody_seen()


def test_47_an_approver_who_was_deactivated_after_the_mail_gets_nowhere(web, browser, adam, case):
    link = mailed_link(adam)
    with browser_of(browser, web, adam) as context:
        page = context.new_page()
        page.goto(case.get_absolute_url())
        page.get_by_role("radio", name="JWT tokens").check()
        adam.is_active = False
        adam.save()
        page.get_by_role("button", name="Record my decision").click()
        page.wait_for_url("**/account/login/**")
        page.goto(link)
        page.get_by_text("This link opens nothing").first.wait_for()
        page.goto("/account/login/")
        page.get_by_label("Email").fill(adam.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_load_state("load")
        page.goto(case.get_absolute_url())
        assert "/account/login/" in page.url
        assert case.title not in page.content()
    assert nothing_decided()
    assert nobody_seen()


# --- the token --------------------------------------------------------------------------------


def test_44_the_token_stays_out_of_address_page_referer_log_and_caches(web, browser, adam, case):
    link = mailed_link(adam)
    token = link.rsplit("/", 1)[1]
    seen, stored = [], []

    def on_request(request):
        if not request.url.endswith(token):
            seen.append(f"{request.url} {request.headers.get('referer', '')} {request.post_data}")

    def on_response(response):
        if response.request.resource_type == "document":
            stored.append(response.headers.get("cache-control", ""))

    with browser_of(browser, web) as context:
        page = context.new_page()
        page.on("request", on_request)
        page.on("response", on_response)
        page.goto(link)
        pages = [page.url + page.content()]
        page.get_by_role("link", name="Sign in").click()
        pages.append(page.url + page.content())
        sign_in(page, adam.email, PASSWORD)
        page.get_by_role("button", name="Record my decision").wait_for()
        assert urlsplit(page.url).path == case.get_absolute_url()
        pages.append(page.url + page.content())
        pages.append(page.evaluate("document.cookie + JSON.stringify(localStorage)"))
    # Refused on the way: what servers write about requests they do not like.
    for method, headers in (("POST", {}), ("GET", {"Host": "elsewhere.example"})):
        assert call(web, method, link, **headers)[0] in {400, 403, 405}
    half = token[:32]
    assert half not in "".join(seen + pages)
    assert stored
    assert all("no-store" in value for value in stored), stored
    written = web.log.read_text()
    assert "/r/" in written
    assert half not in written


# --- the portal's own name --------------------------------------------------------------------


def test_48_links_carry_the_portals_name_whatever_the_request_called_it(web, adam, runner):
    agent()
    answer = raise_over_http(
        web,
        runner.key,
        {
            "Host": f"{HOST}:9",
            "X-Forwarded-Host": "evil.example",
            "Forwarded": "host=evil.example",
            "X-Forwarded-Prefix": "/evil",
        },
    )
    assert answer["url"] == f"{web.url}/cases/{answer['id']}/"
    assert mailed_link(adam).startswith(f"{web.url}/r/")


def test_48_another_host_is_refused_and_raises_nothing(web, runner):
    agent()
    port = urlsplit(web.url).port
    for host in ("evil.example", f"evil.example:{port}", f"{HOST}.evil.example"):
        answer = raise_over_http(web, runner.key, {"Host": host}, expected=400)
        assert "evil.example" not in json.dumps(answer)
    assert not Escalation.objects.exists()


def raise_over_http(web, key, headers, *, expected=201):
    connection = http.client.HTTPConnection(HOST, urlsplit(web.url).port, timeout=20)
    known = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        connection.request(
            "POST", "/api/v1/escalations/", json.dumps(BODY), headers=known | headers
        )
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    assert answer.status == expected, body
    return json.loads(body) if expected == 201 else body
