"""Notices in browsers: who gets them, what is in them, what becomes of a browser that is gone."""

from datetime import timedelta

import pytest
from django.urls import reverse

from governance.asking.channels import push, subscriptions
from governance.asking.channels.outbound import Refused, Unreachable
from governance.asking.channels.subscriptions import remove, subscribe
from governance.asking.models import Channel, PushSubscription, Reason
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotThere
from tests.asking.channels.conftest import Browser
from tests.asking.helpers import ask_for, notify
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db


def push_to(user, **changes):
    ask = ask_for(NOW, title="My token is hunter2")
    notice, _ = notify(ask, user, NOW, channel=Channel.PUSH, **changes)
    return notice


# --- what is sent -----------------------------------------------------------------------------


def test_the_browser_reads_the_portals_own_words_and_the_way_there(browser_of, push_service):
    user = UserFactory()
    browser = browser_of(user)
    notice = push_to(user)
    push.send(notice, NOW)
    [(path, headers, body)] = push_service.requests
    assert path == "/one"
    assert browser.read(body) == {
        "title": "Decision needed: ESC-1",
        "path": "/cases/ESC-1/",
        "tag": f"ask-{notice.ask_id}",
    }
    assert b"hunter2" not in body
    assert headers["Content-Encoding"] == "aes128gcm"
    assert headers["Topic"] == f"ask-{notice.ask_id}"
    assert headers["Authorization"].startswith("vapid t=")


def test_the_title_of_an_agent_is_in_no_message(browser_of, push_service):
    user = UserFactory()
    browser = browser_of(user)
    push.send(push_to(user, reason=Reason.REMINDER), NOW)
    message = browser.read(push_service.requests[0][2])
    assert "hunter2" not in str(message)
    assert message["title"] == "Still waiting. Decision needed: ESC-1"


@pytest.mark.parametrize(("wakes", "urgency"), [(True, "high"), (False, "normal")])
def test_what_wakes_people_is_urgent(browser_of, push_service, wakes, urgency):
    user = UserFactory()
    browser_of(user)
    notice = push_to(user)
    notice.ask.wakes_people = wakes
    push.send(notice, NOW)
    assert push_service.requests[0][1]["Urgency"] == urgency


@pytest.mark.parametrize(
    ("left", "life"), [(timedelta(hours=4), 14_400), (timedelta(0), 60), (timedelta(9), 86_400)]
)
def test_a_notice_lives_until_the_next_reminder_and_at_most_a_day(
    browser_of, push_service, left, life
):
    user = UserFactory()
    browser_of(user)
    notice = push_to(user)
    notice.ask.next_action_at = NOW + left
    push.send(notice, NOW)
    assert push_service.requests[0][1]["TTL"] == str(life)


def test_every_browser_of_a_person_is_told_and_no_other(browser_of, push_service):
    user, other = UserFactory(), UserFactory()
    browser_of(user, "one"), browser_of(user, "two"), browser_of(other, "three")
    push.send(push_to(user), NOW)
    assert sorted(path for path, *_ in push_service.requests) == ["/one", "/two"]


# --- what the push service says -----------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_no_more_ends(browser_of, push_service, status):
    user = UserFactory()
    browser_of(user)
    push_service.status = status
    with pytest.raises(Refused, match="No browser"):
        push.send(push_to(user), NOW)
    assert PushSubscription.objects.get().gone_at == NOW


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_push_service_that_is_busy_is_tried_again(browser_of, push_service, status):
    user = UserFactory()
    browser_of(user)
    push_service.status = status
    with pytest.raises(Unreachable, match=str(status)):
        push.send(push_to(user), NOW)
    assert PushSubscription.objects.get().gone_at is None


@pytest.mark.parametrize("status", [302, 400, 403, 413])
def test_a_push_service_that_says_no_is_not_asked_again(browser_of, push_service, status):
    user = UserFactory()
    browser_of(user)
    push_service.status = status
    with pytest.raises(Refused, match=str(status)):
        push.send(push_to(user), NOW)


def test_one_browser_that_takes_it_is_enough(browser_of, push_service):
    user = UserFactory()
    browser_of(user, "broken"), browser_of(user, "gone"), browser_of(user, "works")
    push_service.answers = {"/broken": 500, "/gone": 410}
    push.send(push_to(user), NOW)
    assert PushSubscription.objects.filter(gone_at=None).count() == 2


def test_without_a_key_nothing_is_sent(browser_of, push_service, settings):
    user = UserFactory()
    browser_of(user)
    settings.VAPID_KEY = b""
    with pytest.raises(Refused, match="VAPID_KEY"):
        push.send(push_to(user), NOW)
    assert push_service.requests == []


def test_an_address_that_became_a_private_one_is_not_called(browser_of, push_service, settings):
    user = UserFactory()
    browser_of(user)
    settings.PUSH_PRIVATE_HOSTS = []
    with pytest.raises(Refused):
        push.send(push_to(user), NOW)
    assert push_service.requests == []


# --- switching on and off ---------------------------------------------------------------------


def switched_on(user, **changes):
    fields = {**Browser("https://push.example.net/send/abc").fields, "label": "Firefox", "at": NOW}
    return subscribe(user=user, **fields | changes)


def test_switching_on_is_in_the_history_without_the_address():
    user = UserFactory()
    one = switched_on(user)
    event = AuditEvent.objects.get(kind="push.switched_on")
    assert event.stream_id == user.subject
    assert b"push.example.net" not in bytes(event.body)
    assert (one.user, one.gone_at) == (user, None)


def test_switching_on_twice_is_once():
    user, fields = UserFactory(), Browser("https://push.example.net/send/abc").fields
    first, second = (switched_on(user, **fields) for _ in range(2))
    assert first == second
    assert AuditEvent.objects.filter(kind="push.switched_on").count() == 1


def test_a_browser_goes_over_to_whoever_uses_it_now():
    fields = Browser("https://push.example.net/send/abc").fields
    switched_on(UserFactory(), **fields)
    user = UserFactory()
    switched_on(user, **fields)
    assert PushSubscription.objects.get().user == user


def test_nobody_takes_a_browser_whose_secret_they_do_not_know():
    victim = UserFactory()
    switched_on(victim)
    with pytest.raises(Conflict):
        switched_on(UserFactory(), **Browser("https://push.example.net/send/abc").fields)
    assert PushSubscription.objects.get().user == victim


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "http://push.example.net/x"},
        {"endpoint": "https://127.0.0.1/x"},
        {"endpoint": "https://push.example.net:8443/x"},
        {"endpoint": "https://push.example.net/" + "x" * 500},
        {"p256dh": "AAAA"},
        {"auth": "AAAA"},
        {"auth": "é"},
    ],
)
def test_what_no_browser_sends_is_refused(changes):
    with pytest.raises(InvalidInput):
        switched_on(UserFactory(), **changes)
    assert not PushSubscription.objects.exists()


def test_one_person_has_a_handful_of_browsers():
    user = UserFactory()
    for number in range(subscriptions.MOST_BROWSERS):
        switched_on(user, endpoint=f"https://push.example.net/{number}")
    with pytest.raises(Conflict, match="Remove one first"):
        switched_on(user, endpoint="https://push.example.net/more")


def test_a_removed_browser_shows_nothing_and_can_come_back(browser_of, push_service):
    user = UserFactory()
    browser = browser_of(user)
    remove(subscription_id=PushSubscription.objects.get().pk, by=user, at=NOW)
    with pytest.raises(Refused):
        push.send(push_to(user), NOW)
    subscribe(user=user, label="", at=NOW, **browser.fields)
    push.send_test(user, at=NOW)
    assert browser.read(push_service.requests[0][2])["title"].startswith("This is a test")


def test_nobody_removes_the_browser_of_another():
    switched_on(UserFactory())
    with pytest.raises(NotThere):
        remove(subscription_id=PushSubscription.objects.get().pk, by=UserFactory(), at=NOW)


# --- the pages --------------------------------------------------------------------------------


def test_a_page_switches_push_on_and_off(client, push_service):
    user = UserFactory(roles=["approver"])
    client.force_login(user)
    browser = Browser(f"{push_service.url}one")
    answer = client.post(reverse("push-subscribe"), browser.fields | {"label": "Firefox"})
    assert answer.status_code == 204
    one = PushSubscription.objects.get(user=user)
    assert client.post(reverse("push-test")).status_code == 302
    assert len(push_service.requests) == 1
    assert client.post(reverse("push-remove", args=[one.pk])).status_code == 302
    one.refresh_from_db()
    assert one.gone_at is not None


def test_a_test_that_fails_says_why(client, browser_of, push_service):
    user = UserFactory(roles=["approver"])
    browser_of(user)
    push_service.status = 503
    client.force_login(user)
    answer = client.post(reverse("push-test"))
    [message] = [str(one) for one in answer.wsgi_request._messages]
    assert "503" in message


def test_tests_cannot_be_sent_in_a_row(client, browser_of, push_service):
    user = UserFactory(roles=["approver"])
    browser_of(user)
    client.force_login(user)
    for _ in range(3):
        client.post(reverse("push-test"))
    assert len(push_service.requests) == 1


def test_opening_the_addresses_changes_nothing(client):
    client.force_login(UserFactory(roles=["approver"]))
    for name, arguments in (("push-subscribe", []), ("push-test", []), ("push-remove", [1])):
        assert client.get(reverse(name, args=arguments)).status_code == 405


def test_the_script_of_notices_may_serve_the_whole_portal(client):
    answer = client.get("/push-worker.js")
    assert answer["Content-Type"] == "text/javascript"
    assert answer["Service-Worker-Allowed"] == "/"
    assert b"showNotification" in answer.content


def shown(client, user):
    client.force_login(user)
    return client.get(reverse("push")).content.decode()


def test_the_page_says_that_push_is_off_without_a_key(client, settings):
    settings.VAPID_KEY = b""
    assert "switched off on this portal" in shown(client, UserFactory(roles=["approver"]))


def test_the_page_lists_the_browsers_and_says_what_it_needs(client, browser_of):
    user = UserFactory(roles=["approver"])
    browser_of(user)
    text = shown(client, user)
    assert "Firefox" in text
    assert "needs the scripts of this page" in text
