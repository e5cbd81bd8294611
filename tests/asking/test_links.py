import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone

from governance.asking import throttle
from governance.asking.links import find_link, link_for, method_of, token_of, url_of
from governance.asking.models import Ask, ReviewLink
from governance.asking.services import close_ask
from governance.audit.actors import Actor
from governance.audit.models import AuditEvent
from tests.asking.helpers import ask_for
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture
def ben():
    return UserFactory(name="Ben", roles=["approver"], password=PASSWORD)


@pytest.fixture
def today():
    return timezone.now()


@pytest.fixture
def ask(today):
    return ask_for(today)


@pytest.fixture
def link(ask, ben, today):
    return link_for(ask, ben, at=today)


def landing(client, link):
    """Follow the mailed link as a browser does."""
    return client.get(f"/r/{token_of(link)}", follow=True)


def settle(ask, at):
    with transaction.atomic():
        close_ask(subject=ask.subject, because="decided", by=Actor("user", "1"), at=at)


def test_the_token_is_derived_and_never_stored(link, client):
    token = token_of(link)
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert token_of(ReviewLink.objects.get()) == token
    landing(client, link)
    for model in apps.get_models():
        assert token[32:] not in str(list(model.objects.values_list()))


def test_another_key_makes_another_token(link, settings, today):
    token = token_of(link)
    settings.LINK_KEY = b"x" * 32
    assert token_of(link) != token
    assert find_link(token, at=today) is None


def test_the_address_is_the_portals_whatever_the_request_called_it(link, settings):
    settings.PORTAL_URL = "https://portal.example"
    assert url_of(link) == f"https://portal.example/r/{token_of(link)}"


@pytest.mark.parametrize(
    "mangle",
    [
        str,
        str.upper,
        lambda token: token + ".",
        lambda token: token + ">",
        lambda token: token + "=",
        lambda token: token + "=3D",
        lambda token: token + ").",
        lambda token: f" {token} ",
        lambda token: f"<{token}>",
        lambda token: token[:40] + "=\n" + token[40:],
        lambda token: token[:40] + " " + token[40:],
    ],
)
def test_what_mail_programs_do_to_a_token_does_no_harm(link, today, mangle):
    assert find_link(mangle(token_of(link)), at=today) == link


@pytest.mark.parametrize(
    "mangle",
    [
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token[:32],
        lambda token: token[:32] + "0" * 32,
        lambda token: "0" * 32 + token[32:],
        lambda token: "",
        lambda token: "a" * 300,
        lambda token: "\0" * 64,
    ],
)
def test_a_damaged_token_opens_nothing(link, today, mangle):
    assert find_link(mangle(token_of(link)), at=today) is None


def test_the_tokens_of_two_people_do_not_mix(ask, link, today):
    other = link_for(ask, UserFactory(), at=today)
    assert find_link(token_of(link)[:32] + token_of(other)[32:], at=today) is None


def test_a_link_ends_after_thirty_days(link, today):
    assert find_link(token_of(link), at=today + 30 * DAY - DAY / 24) == link
    assert find_link(token_of(link), at=today + 30 * DAY) is None


def test_a_link_ends_with_the_question(ask, link, today):
    settle(ask, today)
    assert find_link(token_of(link), at=today) is None


def test_a_revoked_link_opens_nothing(link, today):
    ReviewLink.objects.update(revoked_at=today)
    assert find_link(token_of(link), at=today) is None


def test_the_link_of_a_deactivated_person_opens_nothing(link, ben, today):
    ben.is_active = False
    ben.save()
    assert find_link(token_of(link), at=today) is None


def test_opening_the_link_takes_the_token_out_of_the_address(client, link):
    response = client.get(f"/r/{token_of(link)}")
    assert (response.status_code, response["Location"]) == (302, "/review/")
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "same-origin"
    assert client.session["review_link"] == str(link.pk)


def test_a_closing_slash_is_part_of_no_token(client, link):
    assert client.get(f"/r/{token_of(link)}/", follow=True).status_code == 200


def snapshot():
    """Every row of the domain."""
    kept = {"sessions", "usersessions"}
    return {
        model.__name__: sorted(map(str, model.objects.values_list()))
        for model in apps.get_models()
        if model._meta.app_label not in kept
    }


@pytest.mark.parametrize(
    "headers",
    [{}, {"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch"}, {"User-Agent": "Scanner"}],
)
def test_opening_the_link_decides_nothing_and_changes_no_row(client, link, headers):
    before = snapshot()
    for number in range(10):
        address = f"10.0.0.{number % 5}"
        for method in (client.get, client.head, client.options):
            method(f"/r/{token_of(link)}", headers=headers, REMOTE_ADDR=address)
            method("/review/", headers=headers, REMOTE_ADDR=address)
    assert snapshot() == before
    assert Ask.objects.get().next_action_at is not None


def test_looking_with_head_or_options_leaves_no_session(client, link):
    for method in (client.head, client.options):
        method(f"/r/{token_of(link)}")
    assert "sessionid" not in client.cookies


@pytest.mark.parametrize("address", ["/r/{token}", "/review/"])
def test_a_robot_that_posts_is_refused(client, link, address):
    assert client.post(address.format(token=token_of(link))).status_code == 405


def test_a_stranger_with_the_link_reads_nothing_but_the_way_to_sign_in(client, ask, link):
    response = landing(client, link)
    text = response.content.decode()
    assert response.status_code == 200
    assert "/account/login/?next=%2Freview%2F" in text
    assert ask.title not in text
    assert token_of(link) not in text
    assert "no-store" in response["Cache-Control"]


def test_after_signing_in_the_link_leads_to_the_request(client, ask, link, ben):
    landing(client, link)
    client.force_login(ben)
    response = client.get("/review/")
    assert (response.status_code, response["Location"]) == (302, ask.path)


def test_the_sign_in_form_leads_back_to_the_link(client, ask, link, ben):
    landing(client, link)
    verify_address(ben)
    form = {"login": ben.email, "password": PASSWORD, "next": "/review/"}
    response = client.post("/account/login/?next=/review/", form)
    assert response["Location"] == "/review/"
    assert client.get("/review/")["Location"] == ask.path


def verify_address(user):
    user.emailaddress_set.create(email=user.email, verified=True, primary=True)


def test_somebody_else_is_refused_told_why_and_the_refusal_is_recorded(client, ask, link):
    eve = UserFactory(roles=["approver"])
    client.force_login(eve)
    response = landing(client, link)
    text = response.content.decode()
    assert response.status_code == 403
    assert "mailed to somebody else" in text
    assert eve.email in text
    assert ask.title not in text
    event = AuditEvent.objects.get(stream="refusals")
    assert (event.actor, event.subject) == (eve.subject, "GET /review/")


def test_switching_the_account_keeps_the_link(client, ask, link, ben):
    client.force_login(UserFactory(roles=["approver"]))
    landing(client, link)
    response = client.post("/review/switch/")
    assert response["Location"] == "/account/login/?next=%2Freview%2F"
    assert "_auth_user_id" not in client.session
    client.force_login(ben)
    assert client.get("/review/")["Location"] == ask.path


def test_switching_needs_a_post_with_a_token(link):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/review/switch/").status_code == 403
    assert strict.get("/review/switch/").status_code == 405


def test_unknown_expired_revoked_and_settled_read_the_same(client, ask, ben, today):
    link = link_for(ask, ben, at=today)
    answers = [page_of(client, "f" * 64), page_of(client, "nonsense")]
    ReviewLink.objects.update(expires_at=today - DAY)
    answers.append(page_of(client, token_of(link)))
    ReviewLink.objects.update(expires_at=today + DAY, revoked_at=today)
    answers.append(page_of(client, token_of(link)))
    settle(ask, today)
    answers.append(page_of(client, token_of(link)))
    assert {status for status, _ in answers} == {404}
    assert len({text for _, text in answers}) == 1


def page_of(client, token):
    response = client.get(f"/r/{token}", follow=True)
    return response.status_code, response.content


def test_a_bad_link_forgets_the_good_one_before_it(client, link, ben):
    landing(client, link)
    client.get("/r/nonsense")
    client.force_login(ben)
    assert client.get("/review/").status_code == 404


def test_guessing_is_limited_per_address_and_never_locks_a_working_link(client, ask, link, ben):
    client.force_login(ben)
    for number in range(throttle.FAILURES_ALLOWED):
        assert client.get(f"/r/{number:064x}").status_code == 302
    assert client.get("/r/" + "e" * 64).status_code == 429
    assert client.get("/r/" + "e" * 64, REMOTE_ADDR="10.9.9.9").status_code == 302
    assert client.get(f"/r/{token_of(link)}").status_code == 302
    assert client.get("/review/")["Location"] == ask.path


def test_without_a_cache_links_still_work(client, link, ask, ben, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.2},
        }
    }
    client.force_login(ben)
    assert client.get("/r/nonsense").status_code == 302
    client.get(f"/r/{token_of(link)}")
    assert client.get("/review/")["Location"] == ask.path


def request_of(rf, user, link=None):
    request = rf.post("/")
    request.user, request.session = user, {"review_link": str(link.pk)} if link else {}
    return request


def test_a_vote_after_the_link_names_the_mail_as_its_way(rf, ask, link, ben):
    assert method_of(request_of(rf, ben, link), subject=ask.subject) == "mail_link"


def test_any_other_vote_names_the_session(rf, ask, link, ben, today):
    assert method_of(request_of(rf, ben), subject=ask.subject) == "session"
    assert method_of(request_of(rf, ben, link), subject="review:9") == "session"
    assert method_of(request_of(rf, UserFactory(), link), subject=ask.subject) == "session"
    ReviewLink.objects.update(revoked_at=today)
    assert method_of(request_of(rf, ben, link), subject=ask.subject) == "session"
