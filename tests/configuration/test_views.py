"""The page of auditors and administrators."""

import pytest

from governance.configuration.models import ConfigurationChange
from governance.configuration.services import refuse_change
from governance.people.models import Role
from tests.configuration import acts
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db
PAGE = "/policies/changes/"


def test_an_administrator_confirms_on_the_page(client):
    change = acts.ask_for_one_vote(acts.administrator())
    client.force_login(acts.administrator())
    shown = client.get(PAGE).content.decode()
    assert "It takes 1 vote instead of 2." in shown
    assert f"{PAGE}{change.pk}/confirm/" in shown
    assert client.post(f"{PAGE}{change.pk}/confirm/").status_code == 302
    change.refresh_from_db()
    assert change.state == "confirmed"
    assert "Nothing waits" in client.get(PAGE).content.decode()


def test_who_asked_reads_why_not_and_takes_it_back(client):
    asker = acts.administrator()
    change = acts.ask_for_one_vote(asker)
    client.force_login(asker)
    shown = client.get(PAGE).content.decode()
    assert "Somebody else has to confirm what you asked for." in shown
    assert "There is one administrator" in shown
    assert client.post(f"{PAGE}{change.pk}/confirm/").status_code == 403
    client.post(f"{PAGE}{change.pk}/refuse/")
    change.refresh_from_db()
    assert change.state == "withdrawn"


def test_an_auditor_reads_and_has_no_buttons(client):
    change = acts.ask_for_one_vote(acts.administrator())
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    shown = client.get(PAGE).content.decode()
    assert "It takes 1 vote instead of 2." in shown
    assert "/confirm/" not in shown
    assert client.post(f"{PAGE}{change.pk}/confirm/").status_code == 403
    assert client.post(f"{PAGE}{change.pk}/refuse/", {"reason": "No."}).status_code == 403
    assert ConfigurationChange.objects.get().state == "open"


def test_a_get_confirms_nothing(client):
    change = acts.ask_for_one_vote(acts.administrator())
    client.force_login(acts.administrator())
    assert client.get(f"{PAGE}{change.pk}/confirm/").status_code == 405


def test_settled_ones_are_listed_a_page_at_a_time_at_the_same_cost(
    client, django_assert_max_num_queries
):
    asker, policy = acts.administrator(), acts.review_policy()
    for _ in range(32):
        change = acts.ask_for_one_vote(asker, policy)
        refuse_change(change_id=change.pk, reason="", by=asker, at=NOW)
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    client.get(PAGE)
    with django_assert_max_num_queries(8):
        first = client.get(PAGE)
    assert len(first.context["settled"]) == 30
    older = client.get(PAGE, {"before": first.context["older"]})
    assert len(older.context["settled"]) == 2
    assert client.get(PAGE, {"before": "x" * 30}).status_code == 200
