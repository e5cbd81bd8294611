"""Notices in a real browser: the script is accepted, and shows what it is sent."""

import json

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client

from governance.people.models import Role
from tests.factories import UserFactory

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow]
REGISTER = """async () => {
  const one = await navigator.serviceWorker.register("/push-worker.js", { scope: "/" });
  await navigator.serviceWorker.ready;
  return one.scope;
}"""
SHOWN = """async () => {
  const one = await navigator.serviceWorker.ready;
  const notices = await one.getNotifications();
  return notices.map(({ title, tag, data }) => ({ title, tag, data }));
}"""


@pytest.fixture
def parts():
    return ("web",)


@pytest.fixture
def host():
    # Browsers let service workers run on plain http for this name.
    return "localhost"


def entered(page, stack):
    user = UserFactory(email="adam@example.org", name="Adam", roles=[Role.APPROVER])
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client = Client()
    client.force_login(user)
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.session.session_key}
    page.context.add_cookies([session | {"url": stack.url}])


def sent(page, stack, message):
    """Let the browser believe that its push service delivers a message."""
    devtools = page.context.new_cdp_session(page)
    found = []
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda told: found.append(told))
    devtools.send("ServiceWorker.enable")
    page.wait_for_timeout(500)
    [registration] = found[-1]["registrations"]
    devtools.send(
        "ServiceWorker.deliverPushMessage",
        {
            "origin": stack.url,
            "registrationId": registration["registrationId"],
            "data": json.dumps(message),
        },
    )


def test_a_browser_shows_what_the_portal_sends(visitor, stack):
    with visitor() as page:
        entered(page, stack)
        page.context.grant_permissions(["notifications"], origin=stack.url)
        page.goto("/me/push/")
        assert page.evaluate(REGISTER) == f"{stack.url}/"
        message = {"title": "Decision needed: ESC-1", "path": "/cases/ESC-1/", "tag": "ask-1"}
        sent(page, stack, message)
        for _ in range(50):
            shown = page.evaluate(SHOWN)
            if shown:
                break
            page.wait_for_timeout(100)
        assert shown == [
            {"title": message["title"], "tag": "ask-1", "data": {"path": message["path"]}}
        ]


def test_the_switch_waits_for_a_script_and_then_offers_itself(visitor, stack):
    with visitor() as page:
        entered(page, stack)
        page.goto("/me/push/")
        page.get_by_role("button", name="Show notices in this browser").wait_for()
